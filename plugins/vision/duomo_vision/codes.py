"""Barcodes and matrix codes by ZXing-C++ (https://github.com/zxing-cpp/zxing-cpp), without a neural network."""

from __future__ import annotations

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
        found = [
            Code.model_construct(
                text=code.text,
                format=code.format.name,
                corners=[
                    (float(corner.x), float(corner.y))
                    for place in (code.position,)
                    for corner in (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
                ],
            )
            # By default characters that do not print are spelt, <GS>, and numbers of GS1 stand in brackets.
            for code in zxingcpp.read_barcodes(pixels, formats=kinds, text_mode=zxingcpp.TextMode.Plain)
        ]
        return sorted(found, key=lambda code: (min(y for _, y in code.corners), min(x for x, _ in code.corners)))

    def postprocess(
        self, output: list[list[Code]], features: list[Features], options: BarcodeReadingOptions
    ) -> list[Codes]:
        sizes = [each["pixels"].shape for each in features]
        return [
            Codes.model_construct(codes=codes, width=width, height=height)
            for codes, (height, width) in zip(output, sizes, strict=True)
        ]
