"""Images as the image processor of a checkpoint prepares them, with the slow steps done by shorter ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from duomo.imaging.decoding import decode
from duomo.imaging.resizing import find_resize
from duomo.pretrained import narrow_images

if TYPE_CHECKING:
    from duomo.inputs import Image
    from duomo.pretrained import Processor


class Preparation:
    """What an image processor makes of images, to the last bit; faster where its resizing can be taken out of it."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._resize = find_resize(processor)

    def __call__(self, items: Sequence[Image]) -> Mapping[str, Tensor]:
        """Pixels (B, 3, H, W), and what else the processor gives, a row an image.

        Raises:
            InputUnreadable: an image cannot be decoded.
            BadInput: it is too narrow for the resizing.
        """
        if self._resize is None:
            pictures = [item.pil() for item in items]
            narrowest = min((picture.size for picture in pictures), key=lambda size: min(size) / max(size))
            with narrow_images(*narrowest):
                whole: Mapping[str, Tensor] = self._processor(images=pictures, return_tensors="pt")
            return whole
        resized = []
        for item in items:
            pixels = decode(item)
            with narrow_images(pixels.shape[2], pixels.shape[1]):
                resized.append(self._resize(pixels))
        rest: Mapping[str, Tensor] = self._processor(images=resized, do_resize=False, return_tensors="pt")
        return rest
