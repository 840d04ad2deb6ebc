"""From a picture's file to its pixels as a tensor, by the shortest way that gives what Pillow gives."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from duomo import Image

RGB = 3
"""`torchvision.io.ImageReadMode.RGB`."""
FLIPS = {2: (2,), 3: (1, 2), 4: (1,), 6: (2,), 7: (1, 2), 8: (1,)}
"""By EXIF orientation, the axes of (3, H, W) that are turned round; from 5 on height and width change places first."""


def decode(image: Image, at_least: int | None = None) -> Tensor:
    """An upright picture as uint8 of shape (3, H, W), channels last in memory.

    Pixels equal those of `Image.pil`, and so do `at_least` and the errors. A colour JPEG decoded whole goes through
    torchvision's decoder: the same library, but Pillow's way into a tensor takes as long again as its decoding.
    """
    jpeg = image.jpeg_to_turn() if at_least is None else None
    if jpeg is not None and (decoder := _jpeg_decoder()) is not None:
        content, orientation = jpeg
        try:
            # The decoder's own reading of EXIF looks no further than the first segment that could hold it.
            pixels = decoder(torch.frombuffer(bytearray(content), dtype=torch.uint8), RGB, False)
        except RuntimeError:
            pass  # damaged; Pillow says how
        else:
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
def _jpeg_decoder() -> Callable[[Tensor, int, bool], Tensor] | None:
    """The operator of torchvision (data, mode, whether to turn by EXIF), or None where its library is not found.

    Only the library is loaded: importing torchvision takes longer than classifying twenty photos.
    """
    found = importlib.util.find_spec("torchvision")
    for folder in (found and found.submodule_search_locations) or ():
        for library in Path(folder).glob("image*.so"):
            with contextlib.suppress(OSError):  # built for another torch
                torch.ops.load_library(library)  # type: ignore[no-untyped-call]
                decoder: Callable[[Tensor, int, bool], Tensor] = torch.ops.image.decode_jpeg
                return decoder
    return None
