"""Images made of images: larger ones, and how opaque each pixel is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from duomo.inputs import Image, ImageTrimap
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.encoded import Encoded, File, numbers_of

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image


class Picture(Result):
    """An image as the content of a PNG file (base64 in JSON)."""

    png: File
    width: int
    height: int

    @property
    def image(self) -> PIL.Image.Image:
        """The image, decoded."""
        import PIL.Image

        pixels = numbers_of(self, "png")
        return PIL.Image.open(io.BytesIO(self.png)) if pixels is None else PIL.Image.fromarray(pixels)

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """Its pixels as uint8, (H, W, 3) in colour and (H, W) in grey."""
        import numpy as np

        return np.asarray(self.image)

    def save(self, path: str | Path) -> Path:
        """Write the PNG file."""
        path = Path(path)
        path.write_bytes(self.png)
        return path

    @classmethod
    def of(cls, pixels: np.ndarray[Any, Any], **more: Any) -> Self:
        """Make one of uint8 pixels, (H, W, 3) or (H, W), with `more` fields of a subclass."""
        height, width = pixels.shape[:2]
        return cls.model_construct(png=Pixels(pixels), width=width, height=height, **more)


class Pixels(Encoded):
    """An image as uint8, (H, W, 3) or (H, W)."""

    def __init__(self, pixels: np.ndarray[Any, Any]) -> None:
        self.pixels = pixels

    @property
    def array(self) -> np.ndarray[Any, Any]:
        return self.pixels

    def encode(self) -> bytes:
        import PIL.Image

        written = io.BytesIO()
        PIL.Image.fromarray(self.pixels).save(written, "PNG")
        return written.getvalue()


class SuperResolutionOptions(Options):
    """Super-resolution has no options: the model decides by how much an image grows."""


class SuperResolution(Task[Image, SuperResolutionOptions, Picture]):
    """An image with more pixels, sharper than an enlarged one."""

    name = "super-resolution"


class ImageMattingOptions(Options):
    """Image matting has no options."""


class ImageMatting(Task[ImageTrimap, ImageMattingOptions, Picture]):
    """How much of each pixel belongs to the foreground: a grey image, white where all of it does."""

    name = "image-matting"
