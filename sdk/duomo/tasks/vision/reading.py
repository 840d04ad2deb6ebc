"""Text in images."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import Options, Result, Task


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
