"""Pixels as a graph wants them, by Pillow and NumPy: what torchvision and the TPU repository do, without torch.

Pillow's resizing is what torch's ``interpolate(antialias=True)`` was written after: on bytes they differ by a level at
most. Cropping follows the two ways of the originals to the pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from duomo.errors import WeightsMismatch

if TYPE_CHECKING:
    import PIL.Image
    from numpy.typing import NDArray

FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}
"""Pillow's numbers."""


class Preparation(BaseModel):
    """The entry ``image`` of a ``duomo.json``."""

    model_config = ConfigDict(extra="forbid")

    input: str = "pixels"
    """The graph's input."""
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    """Size of the input in pixels."""
    resize: Literal["stretch", "shorter", "centre-square", "none"] = "stretch"
    """To height and width; or the shorter side to `shorter`, and the centre is cut out; or a square from the centre,
    `share` of the shorter side, is resized; or not at all."""
    shorter: int = 0
    share: float = 1.0
    filter: Literal["nearest", "lanczos", "bilinear", "bicubic"] = "bilinear"
    scale: float = 1 / 255
    """Bytes are multiplied by it first."""
    mean: list[float] = [0.0, 0.0, 0.0]
    std: list[float] = [1.0, 1.0, 1.0]
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    dtype: Literal["float32", "uint8"] = "float32"
    """``uint8``: the graph takes bytes as they are, and does the rest itself."""

    def __call__(self, picture: PIL.Image.Image) -> NDArray[np.generic]:
        """Prepare one image in RGB: (3, H, W), or (H, W, 3) for ``NHWC``."""
        pixels = np.asarray(self._resized(picture))
        if pixels.shape[:2] != (self.height, self.width):
            raise WeightsMismatch(
                f"the preparation in duomo.json gives {pixels.shape[1]} x {pixels.shape[0]} pixels",
                why=f"the graph takes {self.width} x {self.height}",
                fix="correct 'image' in duomo.json",
            )
        if self.dtype == "uint8":
            prepared: NDArray[np.generic] = pixels
        else:
            mean, std = (np.asarray(each, np.float32) for each in (self.mean, self.std))
            # One multiplication and one subtraction a pixel, as the originals do it.
            prepared = (pixels.astype(np.float32) - mean / np.float32(self.scale)) / (std / np.float32(self.scale))
        return prepared if self.layout == "NHWC" else np.ascontiguousarray(prepared.transpose(2, 0, 1))

    def _resized(self, picture: PIL.Image.Image) -> PIL.Image.Image:
        width, height = picture.size
        how = FILTERS[self.filter]
        if self.resize == "stretch":
            return picture.resize((self.width, self.height), how)
        if self.resize == "shorter":
            least = min(width, height)
            picture = picture.resize((int(self.shorter * width / least), int(self.shorter * height / least)), how)
            return _centre(picture, self.width, self.height)
        if self.resize == "centre-square":
            side = max(1, int(self.share * min(width, height)))
            left, top = (width - side + 1) // 2, (height - side + 1) // 2
            return picture.crop((left, top, left + side, top + side)).resize((self.width, self.height), how)
        return picture


def _centre(picture: PIL.Image.Image, width: int, height: int) -> PIL.Image.Image:
    """The centre, as torchvision cuts it out: black where the image is smaller."""
    left, top = (round((a - b) / 2.0) for a, b in zip(picture.size, (width, height), strict=True))
    return picture.crop((left, top, left + width, top + height))
