"""Masks of things and stuff in images."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from pydantic import Field

from duomo.inputs import Image, MarkedImage
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.encoded import Encoded, File, numbers_of

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image


class Mask(Result):
    """The pixels of one thing, or of one kind of stuff."""

    label: str
    score: float | None = None
    """How sure the model is, in [0, 1]; None where it scores pixels and not things."""
    mask: File
    """A PNG of one bit a pixel, as large as the image: white where it is."""

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The mask as bool of shape (H, W)."""
        import numpy as np
        import PIL.Image

        where = numbers_of(self, "mask")
        return where if where is not None else np.asarray(PIL.Image.open(io.BytesIO(self.mask)).convert("1"))

    @staticmethod
    def png(array: np.ndarray[Any, Any]) -> bytes:
        """Write bools (H, W) as the content of `mask`."""
        import numpy as np

        return _png(np.packbits(array.astype(bool), axis=1), array.shape[1])

    @classmethod
    def of(cls, label: str, where: np.ndarray[Any, Any], *, score: float | None = None, value: int = 1) -> Mask:
        """The result of the pixels of `where` (H, W) that are `value`; the masks of one map may share it."""
        mask = Bits(where) if where.dtype == bool and value == 1 else PixelsOf(where, value)
        return cls.model_construct(label=label, score=score, mask=mask)


class Bits(Encoded):
    """The pixels that are true, a bit each: results are kept in lists, and a byte a pixel is too much there."""

    def __init__(self, where: np.ndarray[Any, Any]) -> None:
        import numpy as np

        self.bits = np.packbits(where, axis=1)
        self.width = where.shape[1]

    @property
    def array(self) -> np.ndarray[Any, Any]:
        import numpy as np

        return np.unpackbits(self.bits, axis=1, count=self.width).view(bool)

    def encode(self) -> bytes:
        return _png(self.bits, self.width)


def _png(bits: np.ndarray[Any, Any], width: int) -> bytes:
    """Write rows of packed bits as a PNG."""
    import PIL.Image

    written = io.BytesIO()
    PIL.Image.frombytes("1", (width, len(bits)), bits.tobytes()).save(written, "PNG", compress_level=1)
    return written.getvalue()


class PixelsOf(Encoded):
    """The pixels of a map that have one value."""

    def __init__(self, where: np.ndarray[Any, Any], value: int) -> None:
        self.where = where
        self.value = value

    @property
    def array(self) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = self.where == self.value
        return found

    def encode(self) -> bytes:
        return Mask.png(self.array)


class Segmentation(ListOf[Mask]):
    """Masks, and the size of the upright image that they lie on."""

    segments: list[Mask]
    width: int
    height: int

    def draw(self, image: object) -> PIL.Image.Image:
        """Lay the masks on `image`, which may be whatever the task takes; an image of its own comes back."""
        from duomo.tasks.vision.drawing import draw_masks

        return draw_masks(image, [(each.label, each.array) for each in self.segments], (self.width, self.height))


class SemanticSegmentationOptions(Options):
    """Semantic segmentation has no options."""


class SemanticSegmentation(Task[Image, SemanticSegmentationOptions, Segmentation]):
    """A label for each pixel: one mask a label, in the order of the model's labels."""

    name = "semantic-segmentation"


class InstanceSegmentationOptions(Options):
    """Options of instance segmentation."""

    threshold: float = Field(0.5, ge=0, le=1, description="leave out things less sure than this")
    mask_threshold: float = Field(0.5, ge=0, le=1, description="a pixel belongs to a thing from this probability on")
    overlap_threshold: float = Field(
        0.8,
        ge=0,
        le=1,
        description="leave out things of which less than this share is left behind surer ones",
    )


class InstanceSegmentation(Task[Image, InstanceSegmentationOptions, Segmentation]):
    """A mask for each thing."""

    name = "instance-segmentation"


class PanopticSegmentation(Task[Image, InstanceSegmentationOptions, Segmentation]):
    """A mask for each thing and each kind of stuff; no pixel is in two."""

    name = "panoptic-segmentation"


class PersonSegmentationOptions(Options):
    """Options of person segmentation."""

    threshold: float = Field(0.5, ge=0, le=1, description="a pixel belongs to a person from this probability on")


class PersonSegmentation(Task[Image, PersonSegmentationOptions, Segmentation]):
    """One mask of all people; no mask where nobody is."""

    name = "person-segmentation"


class MaskGenerationOptions(Options):
    """Options of mask generation."""

    threshold: float = Field(0.88, ge=0, le=1, description="leave out masks that the model finds worse than this")
    stability: float = Field(
        0.95, ge=0, le=1, description="without boxes and points: leave out masks whose edge is less clear than this"
    )
    points_per_side: int = Field(
        32, ge=1, le=64, description="without boxes and points: how fine the grid is that is tried, along each side"
    )


class MaskGeneration(Task[MarkedImage, MaskGenerationOptions, Segmentation]):
    """The outline of what lies in a box or at points; without them, of everything in the image."""

    name = "mask-generation"
