"""Objects in images, with boxes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Self

from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.options import Names

if TYPE_CHECKING:
    import PIL.Image


class Box(Result):
    """One thing and where it is, in pixels of the upright image; (0, 0) is the top left corner."""

    label: str
    score: float
    xmin: float
    ymin: float
    xmax: float
    ymax: float


class Detections(ListOf[Box]):
    """Boxes, the surest first, and the size of the image they lie in."""

    boxes: list[Box]
    width: int
    height: int

    @classmethod
    def found(cls, boxes: Iterable[tuple[str, float, Sequence[float]]], size: tuple[int, int]) -> Self:
        """The result of (label, score, corners) on an image of `size` (width, height), each as far as it lies there."""
        placed = [(label, score, on_image(corners, size)) for label, score, corners in boxes]
        kept = [
            {"label": label, "score": score, "xmin": left, "ymin": top, "xmax": right, "ymax": bottom}
            for label, score, (left, top, right, bottom) in sorted(placed, key=lambda each: -each[1])
            if not (left >= right or top >= bottom)  # NaN is kept
        ]
        # Built in half the time of one box after another.
        return cls.model_validate({"boxes": kept, "width": size[0], "height": size[1]})

    def draw(self, image: object) -> PIL.Image.Image:
        """Draw the boxes on `image`, which may be whatever the task takes; an image of its own comes back."""
        from duomo.tasks.vision.drawing import Frame, draw_boxes

        frames = [Frame(each.label, each.score, each.xmin, each.ymin, each.xmax, each.ymax) for each in self.boxes]
        return draw_boxes(image, frames, (self.width, self.height))


def on_image(corners: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part of a box (xmin, ymin, xmax, ymax) that is on an image of `size` (width, height).

    Of a box with a corner that is not finite all four are NaN, which the check of outputs finds.
    """
    if not all(map(math.isfinite, corners)):
        return math.nan, math.nan, math.nan, math.nan
    left, top, right, bottom = corners
    width, height = map(float, size)
    return (
        min(max(0.0, left), width), min(max(0.0, top), height),
        max(0.0, min(width, right)), max(0.0, min(height, bottom)),
    )  # fmt: skip


class FaceDetectionOptions(Options):
    """Options of face detection."""

    threshold: float = Field(0.5, ge=0, le=1, description="leave out boxes less sure than this")


class FaceDetection(Task[Image, FaceDetectionOptions, Detections]):
    """Where the faces are."""

    name = "face-detection"


class ObjectDetectionOptions(Options):
    """Options of object detection."""

    threshold: float | None = Field(
        None, ge=0, le=1, description="leave out boxes less sure than this; the model's own when left out, mostly 0.5"
    )

    def threshold_or(self, own: float = 0.5) -> float:
        """The threshold of the caller, or else that of the model; 0.5 is what detectors of transformers have."""
        return own if self.threshold is None else self.threshold


class ObjectDetection(Task[Image, ObjectDetectionOptions, Detections]):
    """Which things are in an image, and where."""

    name = "object-detection"


class ZeroShotObjectDetectionOptions(Options):
    """Options of zero-shot object detection."""

    labels: Names = Field(description="the things to look for, as a list or separated by commas")
    template: str = Field("{}", pattern=r"\{\}", description="a sentence around each label, such as 'a photo of {}'")
    threshold: float = Field(0.1, ge=0, le=1, description="leave out boxes less sure than this")


class ZeroShotObjectDetection(Task[Image, ZeroShotObjectDetectionOptions, Detections]):
    """Where things are that are named on the spot."""

    name = "zero-shot-object-detection"
