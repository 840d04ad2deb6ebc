"""Reading print: PP-OCRv6 (https://github.com/PaddlePaddle/PaddleOCR) as the wheel of rapidocr packs it.

One network finds lines, a second reads each. A third, which tells upside-down lines, is left out: on pages that
are upright it turns more good lines over than it saves. Instead a page whose lines are unsure is read upside down too.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

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


SURE = 0.9  # mean score of a letter: right readings lie above, those of lines upside down near 0.65
LETTERS = 8  # from which a reading upside down is not chance: a 6 is a good 9
STRAIGHT = math.radians(1)  # of slant, which boxes of short lines have by rounding alone
TALL = 1.5  # times as high as wide; the engine turns such lines by a quarter, to the left


class Reading(NamedTuple):
    """The lines of a page, unsorted and unfiltered."""

    lines: list[TextLine]
    is_turned: bool
    """Whether they were read, and lie, on the page upside down."""


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

    def forward(self, batch: list[NDArray[np.uint8]]) -> list[Reading]:
        """All lines of each page."""
        return [self.read(pixels) for pixels in batch]

    def read(self, pixels: NDArray[np.uint8]) -> Reading:
        """Read one page (H, W, 3), and once more upside down where its lines are unsure: the surer reading counts."""
        lines = self.lines_of(pixels)
        if lines and (sureness := _sureness(lines)) < SURE:
            turned = self.lines_of(np.ascontiguousarray(pixels[::-1, ::-1]))
            is_long = sum(len(line.text) for line in turned) >= LETTERS
            if is_long and _sureness(turned) >= max(SURE, sureness + 0.1):
                return Reading(turned, True)
        return Reading(lines, False)

    def lines_of(self, pixels: NDArray[np.uint8]) -> list[TextLine]:
        """The lines of one page (H, W, 3) as it is."""
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
        output: list[Reading],
        features: list[dict[str, NDArray[np.uint8]]],
        options: CharacterRecognitionOptions,
    ) -> list[Page]:
        pages = []
        for (lines, is_turned), each in zip(output, features, strict=True):
            height, width = each["pixels"].shape[:2]
            kept = in_reading_order([line for line in lines if line.score >= options.threshold])
            if is_turned:
                kept = [_turned_back(line, width, height) for line in kept]
            pages.append(Page.model_construct(lines=kept, width=width, height=height))
        return pages


def in_reading_order(lines: list[TextLine]) -> list[TextLine]:
    """Rows from top to bottom, and within a row from left to right, as the print of a page runs, also of a slanted one.

    A line belongs to the row above while its middle lies higher than the bottom of the row's first line.
    """
    across, down = (math.fsum(part) for part in zip(*map(_run, lines), strict=True)) if lines else (1.0, 0.0)
    angle = math.atan2(down, across)
    quarters = round(angle / (math.pi / 2))
    if abs(angle - quarters * math.pi / 2) < STRAIGHT:
        angle = quarters * math.pi / 2
    cos, sin = math.cos(angle), math.sin(angle)
    placed = [([(x * cos + y * sin, y * cos - x * sin) for x, y in line.corners], line) for line in lines]
    rows: list[list[tuple[list[tuple[float, float]], TextLine]]] = []
    for each in sorted(placed, key=lambda each: _middle(each[0])):
        if rows and _middle(each[0]) < max(y for _, y in rows[-1][0][0]):
            rows[-1].append(each)
        else:
            rows.append([each])
    return [line for row in rows for _, line in sorted(row, key=lambda each: min(each[0])[0])]


def _run(line: TextLine) -> tuple[float, float]:
    """From its first letter to its last, (x, y): the engine takes what is tall for print that runs down the page."""
    (left, top), (right, right_top), _, (low_left, bottom) = line.corners
    if math.hypot(low_left - left, bottom - top) >= TALL * math.hypot(right - left, right_top - top):
        return low_left - left, bottom - top
    return right - left, right_top - top


def _turned_back(line: TextLine, width: int, height: int) -> TextLine:
    """A line read on a page upside down, with its corners where they lie on the page."""
    return line.model_copy(update={"corners": [(width - x, height - y) for x, y in line.corners]})


def _sureness(lines: list[TextLine]) -> float:
    """The mean score of a letter; 0 without letters."""
    letters = sum(len(line.text) for line in lines)
    return sum(line.score * len(line.text) for line in lines) / max(letters, 1)


def _widened(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A page (H, W, 3), with its last row or column repeated if it is slender: places on it stay what they are."""
    height, width = pixels.shape[:2]
    if max(height, width) <= SLENDER * min(height, width):
        return pixels
    least = max(height, width) // STOUT
    return np.pad(pixels, ((0, max(0, least - height)), (0, max(0, least - width)), (0, 0)), mode="edge")


def _middle(corners: list[tuple[float, float]]) -> float:
    return sum(y for _, y in corners) / len(corners)


def _num_threads() -> int:
    """As many threads as torch may use here; onnxruntime would take every core of the machine."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() else -1
