"""From a picture's file to its pixels as a tensor, by the shortest way that gives what Pillow gives."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from duomo import Image

RGB = 3
"""`torchvision.io.ImageReadMode.RGB`."""
TURNED_BY_XMP = re.compile(rb'tiff:Orientation(="|>)[2-8]')
"""What turns a picture in Pillow when EXIF is silent, and never in torchvision."""


def decode(image: Image, at_least: int | None = None) -> Tensor:
    """An upright picture as uint8 of shape (3, H, W), channels last in memory.

    Pixels equal those of `Image.pil`, and so do `at_least` and the errors. A colour JPEG decoded whole goes through
    torchvision's decoder: the same library, but Pillow's way into a tensor takes as long again as its decoding.
    """
    jpeg = image.jpeg() if at_least is None else None
    if jpeg is not None and not TURNED_BY_XMP.search(jpeg) and (decoder := _jpeg_decoder()) is not None:
        try:
            return decoder(torch.frombuffer(bytearray(jpeg), dtype=torch.uint8), RGB, True)
        except RuntimeError:
            pass  # damaged; Pillow says how
    return torch.from_numpy(np.array(image.pil(at_least))).permute(2, 0, 1)


@functools.cache
def _jpeg_decoder() -> Callable[[Tensor, int, bool], Tensor] | None:
    """The operator of torchvision (data, mode, turn by EXIF), or None where its library is not found.

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
