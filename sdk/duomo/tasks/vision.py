"""Tasks on pictures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.results import Classification, Embedding

Decode = Literal["exact", "scaled"]
"""How a JPEG that is much bigger than the model's own size is decoded."""
DECODE = "scaled decodes big JPEGs at a fraction of their size, sooner; EfficientNet-lite0's scores moved by up to 0.04"


class ImageClassificationOptions(Options):
    """Options of image classification."""

    top_k: int = Field(5, ge=1, description="how many labels to give, best first")
    decode: Decode = Field("exact", description=DECODE)


class ImageClassification(Task[Image, ImageClassificationOptions, Classification]):
    """What is in a picture."""

    name = "image-classification"
    Input = Image
    Options = ImageClassificationOptions
    Result = Classification


class ImageFeatureExtractionOptions(Options):
    """Options of image feature extraction."""

    normalize: bool = Field(True, description="scale the vector to length 1")
    decode: Decode = Field("exact", description=DECODE)


class ImageFeatureExtraction(Task[Image, ImageFeatureExtractionOptions, Embedding]):
    """A picture as a vector; near vectors are alike pictures."""

    name = "image-feature-extraction"
    Input = Image
    Options = ImageFeatureExtractionOptions
    Result = Embedding


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


class TextLine(Result):
    """One line of print and its four corners (x, y) in pixels, clockwise from the top left."""

    text: str
    score: float
    corners: list[tuple[float, float]]


class Page(Result):
    """The lines of a page in reading order."""

    lines: list[TextLine]
    width: int
    height: int

    @property
    def text(self) -> str:
        """All lines as one text."""
        return "\n".join(line.text for line in self.lines)


class CharacterRecognitionOptions(Options):
    """Options of optical character recognition."""

    threshold: float = Field(0.5, ge=0, le=1, description="leave out lines less sure than this")


class CharacterRecognition(Task[Image, CharacterRecognitionOptions, Page]):
    """Read a page."""

    name = "optical-character-recognition"
    Input = Image
    Options = CharacterRecognitionOptions
    Result = Page
