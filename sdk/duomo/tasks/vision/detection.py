"""Objects in images, with boxes."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import Options, Result, Task


class Box(Result):
    """One thing and where it is, in pixels of the upright picture; (0, 0) is the top left corner."""

    label: str
    score: float
    xmin: float
    ymin: float
    xmax: float
    ymax: float


class Detections(Result):
    """Boxes, the surest first, and the size of the picture they lie in."""

    boxes: list[Box]
    width: int
    height: int


class FaceDetectionOptions(Options):
    """Options of face detection."""

    threshold: float = Field(0.5, ge=0, le=1, description="leave out boxes less sure than this")


class FaceDetection(Task[Image, FaceDetectionOptions, Detections]):
    """Where the faces are."""

    name = "face-detection"
    Input = Image
    Options = FaceDetectionOptions
    Result = Detections
