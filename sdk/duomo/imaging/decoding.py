"""From an image's file to its pixels as a tensor, by the shortest way that gives what Pillow gives."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from duomo import Image

if TYPE_CHECKING:
    from types import ModuleType

RGB = 3
"""`torchvision.io.ImageReadMode.RGB`."""
FLIPS = {2: (2,), 3: (1, 2), 4: (1,), 6: (2,), 7: (1, 2), 8: (1,)}
"""By EXIF orientation, the axes of (3, H, W) that are turned round; from 5 on height and width change places first."""


Operator = Callable[[Tensor, int, bool], Tensor]
"""``decode_jpeg`` of torchvision: data, mode, whether to turn by EXIF."""
Decoder = Callable[[bytes, int | None], Tensor | None]
"""From a colour JPEG, and `at_least` of `decode`, to (3, H, W) as stored; None for what it leaves to Pillow."""


def decode(image: Image, at_least: int | None = None) -> Tensor:
    """An upright image as uint8 of shape (3, H, W), channels last in memory.

    Pixels equal those of `Image.pil`, and so do `at_least` and the errors. A colour JPEG goes through a faster decoder
    where there is one: it is the same library, but Pillow's way into a tensor takes as long again as its decoding.
    """
    decoder = _jpeg_decoder()
    jpeg = image.jpeg_to_turn() if decoder is not None else None
    if jpeg is not None and decoder is not None:
        content, orientation = jpeg
        pixels = decoder(content, at_least)
        if pixels is not None:
            return turn(pixels, orientation)
    return torch.from_numpy(np.array(image.pil(at_least))).permute(2, 0, 1)


def turn(pixels: Tensor, orientation: int) -> Tensor:
    """Turn (3, H, W) upright that was stored with an EXIF `orientation` of 1 to 8; channels stay last in memory."""
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.transpose(1, 2)
    return pixels.flip(FLIPS.get(orientation, ())).permute(1, 2, 0).contiguous().permute(2, 0, 1)


@functools.cache
def _jpeg_decoder() -> Decoder | None:
    """The fastest decoder that is installed, or None."""
    with contextlib.suppress(ImportError):
        import simplejpeg

        return functools.partial(_by_simplejpeg, simplejpeg)
    operator = _torchvision_operator()
    return functools.partial(_by_torchvision, operator) if operator is not None else None


def _by_simplejpeg(simplejpeg: ModuleType, content: bytes, at_least: int | None) -> Tensor | None:
    """libjpeg-turbo 3: about two thirds of the time of the one in torchvision."""
    try:
        smallest = (0, 0)
        if at_least is not None:
            height, width, *_ = simplejpeg.decode_jpeg_header(content)
            scale = _scale(height, width, at_least)
            smallest = (-(-height // scale), -(-width // scale))  # else it may come smaller by 4/3 or 8/3, too
        pixels = simplejpeg.decode_jpeg(content, "RGB", min_height=smallest[0], min_width=smallest[1])
    except ValueError:
        return None  # damaged; Pillow says how
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _scale(height: int, width: int, at_least: int) -> int:
    """How much smaller Pillow's ``draft`` makes an image: by 8, 4, 2 or 1."""
    most = min(height // at_least, width // at_least)
    return next((scale for scale in (8, 4, 2) if most >= scale), 1)


def _by_torchvision(operator: Operator, content: bytes, at_least: int | None) -> Tensor | None:
    if at_least is not None:
        return None  # it decodes whole images only
    try:
        # Its own reading of EXIF looks no further than the first segment that could hold it.
        return operator(torch.frombuffer(bytearray(content), dtype=torch.uint8), RGB, False)
    except RuntimeError:
        return None  # damaged; Pillow says how


def _torchvision_operator() -> Operator | None:
    """The operator of torchvision, or None where its library is not found.

    Only the library is loaded: importing torchvision takes longer than classifying twenty photos.
    """
    found = importlib.util.find_spec("torchvision")
    for folder in (found and found.submodule_search_locations) or ():
        for library in Path(folder).glob("image*.so"):
            with contextlib.suppress(OSError):  # built for another torch
                torch.ops.load_library(library)  # type: ignore[no-untyped-call]
                operator: Operator = torch.ops.image.decode_jpeg
                return operator
    return None
