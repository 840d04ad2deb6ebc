"""Images, varied by torchvision's transforms: each draws from the generator of its row and epoch alone.

flip      left and right, half of the time
crop      60 to 100 % of the area, at the size of the whole
rotate    up to 15 degrees
erase     a rectangle of 2 to 33 % of the area, half of the time (Zhong et al. 2017)

They work on prepared pixels, of which the mean may be anything, so none of them changes colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision.transforms import v2

VARIETIES = ("flip", "crop", "rotate", "erase")


def varied(pixels: Tensor, names: Sequence[str], draw: torch.Generator) -> Tensor:
    """Vary pixels (3, H, W) by the transforms named, in that order."""
    seed = int(torch.randint(2**62, (), generator=draw))
    with torch.random.fork_rng(devices=[]):  # the transforms draw from torch's default generator alone
        torch.default_generator.manual_seed(seed)
        for name in names:
            pixels = _MAKE[name](pixels.shape)(pixels)
    return pixels


_MAKE: dict[str, Callable[[torch.Size], Callable[[Tensor], Tensor]]] = {
    "flip": lambda _: v2.RandomHorizontalFlip(),
    "crop": lambda shape: v2.RandomResizedCrop(list(shape[-2:]), scale=(0.6, 1.0), antialias=True),
    "rotate": lambda _: v2.RandomRotation(15, interpolation=v2.InterpolationMode.BILINEAR),
    "erase": lambda _: v2.RandomErasing(),
}
