"""Text in images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.options import MOST_BEAMS

if TYPE_CHECKING:
    import PIL.Image


class TextLine(Result):
    """One line of print and its four corners (x, y) in pixels, clockwise from the top left."""

    text: str
    score: float
    corners: list[tuple[float, float]]


class Page(ListOf[TextLine]):
    """The lines of a page in reading order."""

    lines: list[TextLine]
    width: int
    height: int

    def draw(self, image: object) -> PIL.Image.Image:
        """Draw a line around each line of text on `image`, which may be whatever the task takes."""
        from duomo.tasks.vision.drawing import draw_outlines

        return draw_outlines(image, [each.corners for each in self.lines], (self.width, self.height))

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


class Handwriting(Result):
    """What one line of writing says."""

    text: str
    finish_reason: Literal["stop", "length"]
    """``stop``: the model ended; ``length``: it reached its bound, and the end of the line may be missing."""
    num_new_tokens: int


class HandwritingRecognitionOptions(Options):
    """Options of handwriting recognition."""

    max_new_tokens: int | None = Field(
        None, ge=1, description="stop after this many tokens; the checkpoint's own bound when left out, else 64"
    )
    num_beams: int | None = Field(
        None, ge=1, le=MOST_BEAMS, description="beams of the search, 1 for greedy; the checkpoint's own when left out"
    )


class HandwritingRecognition(Task[Image, HandwritingRecognitionOptions, Handwriting]):
    """Read one line of handwriting, or of print, that was cut out of its page."""

    name = "handwriting-recognition"


class Orientation(Result):
    """By how many degrees a page is turned, and how sure the model is, in [0, 1].

    One of the four is always given: of what shows nothing to read the score is little above 0.25, which is chance.
    """

    angle: Literal[0, 90, 180, 270]
    """Clockwise: ``image.rotate(angle, expand=True)`` of Pillow, which turns the other way, makes it upright."""
    score: float


class PageOrientationOptions(Options):
    """Page orientation has no options."""


class PageOrientation(Task[Image, PageOrientationOptions, Orientation]):
    """By how many quarter turns a page lies wrong."""

    name = "page-orientation"
