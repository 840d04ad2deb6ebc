"""Barcodes and matrix codes in images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.options import Names

if TYPE_CHECKING:
    import PIL.Image


class Code(Result):
    """One code: what it says, its kind, and its four corners (x, y) in pixels, clockwise from its own top left."""

    text: str
    """Each character as it was encoded; where a code holds bytes that are no text, a character a byte (Latin-1)."""
    format: str
    """Such as ``QRCode``, ``DataMatrix``, ``EAN13`` or ``Code128``; ``UPCA`` is an EAN-13 that begins with 0."""
    corners: list[tuple[float, float]]


class Codes(ListOf[Code]):
    """The codes that were read, and the size of the image; a code whose checksum fails is not among them."""

    codes: list[Code]
    width: int
    height: int

    def draw(self, image: object) -> PIL.Image.Image:
        """Draw a line around each code on `image`, which may be whatever the task takes."""
        from duomo.tasks.vision.drawing import draw_outlines

        return draw_outlines(image, [each.corners for each in self.codes], (self.width, self.height))

    @property
    def text(self) -> str:
        """What all codes say, a line each."""
        return "\n".join(code.text for code in self.codes)


class BarcodeReadingOptions(Options):
    """Options of barcode reading."""

    formats: Names | None = Field(
        None, description="kinds of codes to look for, such as QRCode,EAN13; all kinds when left out"
    )


class BarcodeReading(Task[Image, BarcodeReadingOptions, Codes]):
    """Read barcodes and matrix codes."""

    name = "barcode-reading"
