"""What most of transformers' image processors do first and slowest, done on channels-last bytes: ten times as fast."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from transformers.image_processing_utils import BaseImageProcessor

MODES: dict[Any, str] = {2: "bilinear", 3: "bicubic"}
"""By Pillow's number for the filter."""
SIZES = ({"height", "width"}, {"shortest_edge"})
"""The keys of a processor's `size` that are known here."""
NUMBERS = ("do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std")
MISFITS = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a processor raises that wants images or arguments of another kind."""
TRIALS = ((3, 48, 64), (3, 64, 40), (3, 600, 500))
"""Shapes of images a processor is tried with: wide, high, and bigger than what most networks take."""


class Resize(NamedTuple):
    """To one size, or to a length of the shorter side that keeps the image's shape."""

    mode: str
    height: int = 0
    width: int = 0
    shortest_edge: int = 0

    @classmethod
    def of(cls, processor: BaseImageProcessor) -> Resize | None:
        """The resizing of `processor`, or None if it cannot be taken out of it.

        Whether it can is tried out: images of random bytes, resized here and by `processor` for the rest, must
        come out as when it does all itself, to the last bit.
        """
        size = dict(getattr(processor, "size", None) or {})
        mode = MODES.get(getattr(processor, "resample", None))
        if mode is None or set(size) not in SIZES:
            return None
        resize = cls(mode, **size)
        return resize if _is_the_same(processor, resize) else None

    @property
    def longest(self) -> int:
        """The largest of the numbers that say what comes out."""
        return max(self.height, self.width, self.shortest_edge)

    def __call__(self, picture: Tensor) -> Tensor:
        """(3, H, W) uint8 → (3, H', W')."""
        height, width = picture.shape[1:]
        size = (self.height, self.width)
        if self.shortest_edge:
            shorter = min(height, width)
            size = (int(self.shortest_edge * height / shorter), int(self.shortest_edge * width / shorter))
        return F.interpolate(picture[None], size, mode=self.mode, antialias=True)[0]


class OwnResize:
    """The resizing that a processor does in a way of its own, such as that of DETR or DPT, by its own method.

    Given bytes with the channels of a pixel side by side, torchvision keeps them so; the processor would part them.
    """

    def __init__(self, processor: BaseImageProcessor) -> None:
        self._resize: Callable[..., Tensor] = processor.resize  # type: ignore[attr-defined]
        named = [name for name in inspect.signature(self._resize).parameters if hasattr(processor, name)]
        self._settings = {name: getattr(processor, name) for name in named}

    @classmethod
    def of(cls, processor: BaseImageProcessor) -> OwnResize | None:
        """Return the resizing of `processor`, or None unless it comes first; which of both is tried out."""
        if not hasattr(processor, "resize") or not getattr(processor, "do_resize", False):
            return None
        resize = cls(processor)
        return resize if _is_the_same(processor, resize) else None

    def __call__(self, picture: Tensor) -> Tensor:
        """(3, H, W) uint8 → (3, H', W')."""
        return self._resize(picture[None], **self._settings)[0]


class Normalizing:
    """All that a processor does once an image has its size, where that is one product and one sum a channel.

    One that pads a batch to one size adds a mask, which is of ones for an image alone.
    """

    def __init__(self, processor: BaseImageProcessor) -> None:
        self._normalize: Callable[..., Tensor] = processor.rescale_and_normalize  # type: ignore[attr-defined]
        found = {name: getattr(processor, name) for name in NUMBERS}
        self._settings = {name: tuple(each) if isinstance(each, list) else each for name, each in found.items()}
        self._has_mask = False

    @classmethod
    def of(cls, processor: BaseImageProcessor) -> Normalizing | None:
        """Return the rest of `processor`, or None if it does more, such as padding an image; both are tried out."""
        if not all(hasattr(processor, name) for name in (*NUMBERS, "rescale_and_normalize")):
            return None
        normalize = cls(processor)
        for picture in _pictures():
            try:
                whole = processor([picture], do_resize=False, return_tensors="pt")
                normalize._has_mask = "pixel_mask" in whole
                own = normalize(picture[None])
                is_all = set(whole) == set(own) and all(torch.equal(whole[name], own[name]) for name in own)
            except MISFITS:
                return None
            if not is_all:
                return None
        return normalize

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]:
        """(B, 3, H, W) uint8 → what the network takes: pixels (B, 3, H, W) float32, and the mask (B, H, W)."""
        # As the processor lays them out: a channel is normalised in one go, and convolutions round by the layout.
        pixels = self._normalize(pictures.contiguous(), **self._settings)
        mask = {"pixel_mask": torch.ones(pixels[:, 0].shape, dtype=torch.int64)} if self._has_mask else {}
        return {"pixel_values": pixels, **mask}


def find_resize(processor: BaseImageProcessor) -> Resize | OwnResize | None:
    """Find the resizing of `processor`; None if it cannot be taken out of it."""
    return Resize.of(processor) or OwnResize.of(processor)


def _pictures() -> Iterator[Tensor]:
    """Random bytes, channels last."""
    generator = torch.Generator().manual_seed(0)
    for channels, height, width in TRIALS:
        drawn = torch.randint(0, 256, (height, width, channels), dtype=torch.uint8, generator=generator)
        yield drawn.permute(2, 0, 1)


def _is_the_same(processor: BaseImageProcessor, resize: Resize | OwnResize) -> bool:
    for picture in _pictures():
        try:
            whole = processor([picture], return_tensors="pt")
            split = processor([resize(picture)], do_resize=False, return_tensors="pt")
        except MISFITS:
            return False
        if not all(torch.equal(whole[name], split[name]) for name in ("pixel_values", "pixel_mask") if name in whole):
            return False
    return True
