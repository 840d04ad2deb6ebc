"""Images made of images: larger ones, and how opaque each pixel is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from duomo.inputs import Image, ImageTrimap
from duomo.tasks.base import Options, Result, Task

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image


class Picture(Result):
    """An image as the content of a PNG file (base64 in JSON)."""

    png: bytes
    width: int
    height: int

    @property
    def image(self) -> PIL.Image.Image:
        """The image, decoded."""
        import PIL.Image

        return PIL.Image.open(io.BytesIO(self.png))

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
    def of(cls, pixels: np.ndarray[Any, Any]) -> Self:
        """Make one of uint8 pixels, (H, W, 3) or (H, W)."""
        import PIL.Image

        written = io.BytesIO()
        PIL.Image.fromarray(pixels).save(written, "PNG")
        height, width = pixels.shape[:2]
        return cls.model_construct(png=written.getvalue(), width=width, height=height)


class SuperResolutionOptions(Options):
    """Super-resolution has no options: the model decides by how much an image grows."""


class SuperResolution(Task[Image, SuperResolutionOptions, Picture]):
    """An image with more pixels, sharper than an enlarged one."""

    name = "super-resolution"
    Input = Image
    Options = SuperResolutionOptions
    Result = Picture


class ImageMattingOptions(Options):
    """Image matting has no options."""


class ImageMatting(Task[ImageTrimap, ImageMattingOptions, Picture]):
    """How much of each pixel belongs to the foreground: a grey image, white where all of it does."""

    name = "image-matting"
    Input = ImageTrimap
    Options = ImageMattingOptions
    Result = Picture
