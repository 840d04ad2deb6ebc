"""Reading print: PP-OCRv6 (https://github.com/PaddlePaddle/PaddleOCR) as the wheel of rapidocr packs it.

One network finds lines, a second reads each. A third, which tells upside-down lines, is left out: on pages that
are upright it turns more good lines over than it saves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR

from duomo import Image, Model, WeightsRef
from duomo.tasks.vision.reading import CharacterRecognitionOptions, Page, TextLine
from duomo.weights import verify

if TYPE_CHECKING:
    import torch

DETECTOR = "PP-OCRv6_det_small.onnx"
SLENDER = 30  # times as long as wide; the engine makes such pages nothing, or of many millions of pixels
STOUT = 8  # times, that a slender page is widened to, as the engine does itself with low ones


class PaddleOCR(Model[Image, Page]):
    """Lines of print in Latin and Chinese script, with digits and punctuation."""

    def __init__(self, engine: RapidOCR) -> None:
        self.engine = engine

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Point the engine at the files of the wheel, so that it downloads nothing."""
        del device, dtype  # it runs on the CPU
        verify(weights.spec)
        engine = RapidOCR(
            params={
                "Global.log_level": "critical",  # it would report every step and every empty page on stderr
                "Global.text_score": 0.0,  # our own threshold is an option of the call
                "Global.use_cls": False,
                "Det.model_path": str(weights.folder / DETECTOR),
                "Rec.model_path": str(weights.path),
                "EngineConfig.onnxruntime.intra_op_num_threads": _num_threads(),
            }
        )
        return cls(engine)

    def preprocess(
        self, items: Sequence[Image], options: CharacterRecognitionOptions
    ) -> list[dict[str, NDArray[np.uint8]]]:
        """Pixels (H, W, 3) uint8, blue first as the networks were trained."""
        return [{"pixels": np.ascontiguousarray(item.array()[..., ::-1])} for item in items]

    def collate(self, features: list[dict[str, NDArray[np.uint8]]]) -> list[NDArray[np.uint8]]:
        """Pages of any size side by side; the engine batches the lines of a page."""
        return [each["pixels"] for each in features]

    def forward(self, batch: list[NDArray[np.uint8]]) -> list[list[TextLine]]:
        """All lines of each page, unsorted and unfiltered."""
        return [self.read(pixels) for pixels in batch]

    def read(self, pixels: NDArray[np.uint8]) -> list[TextLine]:
        """The lines of one page (H, W, 3)."""
        found: Any = self.engine(_widened(pixels))
        if found.txts is None:
            return []
        height, width = pixels.shape[:2]
        boxes = found.boxes.clip(0, (width, height))  # a line may reach into what a page was widened by
        return [
            TextLine.model_construct(text=text, score=float(score), corners=[(x, y) for x, y in box.tolist()])
            for text, score, box in zip(found.txts, found.scores, boxes, strict=True)
        ]

    def postprocess(
        self,
        output: list[list[TextLine]],
        features: list[dict[str, NDArray[np.uint8]]],
        options: CharacterRecognitionOptions,
    ) -> list[Page]:
        pages = []
        for lines, each in zip(output, features, strict=True):
            height, width = each["pixels"].shape[:2]
            kept = [line for line in lines if line.score >= options.threshold]
            pages.append(Page.model_construct(lines=in_reading_order(kept), width=width, height=height))
        return pages


def in_reading_order(lines: list[TextLine]) -> list[TextLine]:
    """Rows from top to bottom, and within a row from left to right.

    A line belongs to the row above while its middle lies higher than the bottom of the row's first line.
    """
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=_middle):
        if rows and _middle(line) < max(y for _, y in rows[-1][0].corners):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.corners[0][0])]


def _widened(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A page (H, W, 3), with its last row or column repeated if it is slender: places on it stay what they are."""
    height, width = pixels.shape[:2]
    if max(height, width) <= SLENDER * min(height, width):
        return pixels
    least = max(height, width) // STOUT
    return np.pad(pixels, ((0, max(0, least - height)), (0, max(0, least - width)), (0, 0)), mode="edge")


def _middle(line: TextLine) -> float:
    return sum(y for _, y in line.corners) / len(line.corners)


def _num_threads() -> int:
    """As many threads as torch may use here; onnxruntime would take every core of the machine."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() else -1
