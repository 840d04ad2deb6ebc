"""Barcodes and matrix codes by ZXing-C++ (https://github.com/zxing-cpp/zxing-cpp), without a neural network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import zxingcpp
from numpy.typing import NDArray

from duomo import Image, Model, WeightsRef
from duomo.errors import BadOption, did_you_mean
from duomo.model import Features
from duomo.tasks.vision.codes import BarcodeReadingOptions, Code, Codes

if TYPE_CHECKING:
    import torch

THINNEST = 0.06
"""Height of what was read, by its width, below which digits of ITF may be a part of it: they have no checksum, and a
line that leaves the code through its edge ends as the code does. No part of 2,200 was higher than 0.05."""
TOUCH = 3
"""Pixels between two readings of one code."""
KINDS = tuple(kind for kind in zxingcpp.BarcodeFormat.__members__ if kind != "NONE")


class CodeReader(Model[Image, Codes]):
    """All codes of an image, in any direction, dark on light or light on dark."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        del weights, device, dtype  # there is nothing to load, and it runs on the CPU
        return cls()

    def check_options(self, options: BarcodeReadingOptions) -> None:
        """Refuse kinds of codes that are not known."""
        for kind in options.formats or ():
            if kind not in KINDS:
                raise BadOption(
                    f"option 'formats' has no kind of code named '{kind}'",
                    why=f"there are: {', '.join(KINDS)}",
                    fix=did_you_mean(kind, KINDS) or "leave it out to read all kinds",
                )

    def preprocess(self, items: Sequence[Image], options: BarcodeReadingOptions) -> list[Features]:
        # Colours tell nothing, and one channel is what the reader looks at.
        return [{"pixels": np.asarray(item.pil().convert("L")), "formats": options.formats} for item in items]

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[list[Code]]:
        """The codes of each image, from top to bottom."""
        return [self.read(each["pixels"], each["formats"]) for each in batch]

    def read(self, pixels: NDArray[np.uint8], formats: list[str] | None) -> list[Code]:
        """The codes of one image (H, W)."""
        kinds = zxingcpp.barcode_formats_from_str(",".join(formats or ()))  # none: all of them
        # Of light on dark the reader knows matrix codes only. By default it spells characters that do not print, <GS>,
        # and puts numbers of GS1 in brackets.
        found = [
            Code.model_construct(text=text, format=kind, corners=corners)
            for side in (pixels, 255 - pixels)
            for each in zxingcpp.read_barcodes(side, formats=kinds, try_invert=False, text_mode=zxingcpp.TextMode.Plain)
            for (text, kind), corners in [(_printed(each, formats), _corners(each))]
            if kind != "ITF" or _height(corners) >= THINNEST
        ]
        found.sort(key=lambda code: -_area(code))
        once = [code for at, code in enumerate(found) if not any(_is_same(code, other) for other in found[:at])]
        return sorted(once, key=lambda code: (min(y for _, y in code.corners), min(x for x, _ in code.corners)))

    def postprocess(
        self, output: list[list[Code]], features: list[Features], options: BarcodeReadingOptions
    ) -> list[Codes]:
        sizes = [each["pixels"].shape for each in features]
        return [
            Codes.model_construct(codes=codes, width=width, height=height)
            for codes, (height, width) in zip(output, sizes, strict=True)
        ]


def _printed(code: zxingcpp.Barcode, formats: list[str] | None) -> tuple[str, str]:
    """Text and kind as they are printed: the reader writes numbers of UPC out as those of EAN-13."""
    text, kind = str(code.text), str(code.format.name)
    if kind == "UPCE":
        return (getattr(code, "extra", None) or {}).get("UPCE", text), kind
    is_upc = kind in ("EAN13", "UPCA") and len(text) == 13 and text[0] == "0"
    if is_upc and (kind == "UPCA" or "EAN13" not in (formats or ())):
        return text[1:], "UPCA"
    return text, kind


def _corners(code: zxingcpp.Barcode) -> list[tuple[float, float]]:
    place = code.position
    return [
        (float(at.x), float(at.y)) for at in (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    ]


def _height(corners: list[tuple[float, float]]) -> float:
    """The shorter of its sides by its width."""
    left, right, low_right, low_left = corners
    height = min(math.dist(left, low_left), math.dist(right, low_right))
    return height / max(math.dist(left, right), 1.0)


def _area(code: Code) -> float:
    (left, top), (right, bottom) = np.min(code.corners, axis=0), np.max(code.corners, axis=0)
    return float((right - left) * (bottom - top))


def _is_same(code: Code, other: Code) -> bool:
    """Whether two readings are of one code: they say the same and touch."""
    (left, top), (right, bottom) = np.min(code.corners, axis=0) - TOUCH, np.max(code.corners, axis=0) + TOUCH
    (x, y), (end, low) = np.min(other.corners, axis=0), np.max(other.corners, axis=0)
    is_apart = left > end or right < x or top > low or bottom < y
    return (code.text, code.format) == (other.text, other.format) and not bool(is_apart)
