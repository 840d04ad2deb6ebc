"""How far away things are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from duomo.inputs import Image
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.encoded import Encoded, File, numbers_of

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image


class DepthMap(Result):
    """A depth for each pixel of the upright image, in the model's own unit: metres, or a relative (inverse) depth."""

    depth: File
    """A PNG of 16 bits a pixel, as large as the image: 0 is `minimum`, 65535 is `maximum`."""
    minimum: float
    maximum: float
    width: int
    height: int

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The depths as float32 of shape (H, W); of a result that was read from JSON, to 1/65535 of their range."""
        import numpy as np
        import PIL.Image

        exact = numbers_of(self, "depth")
        if exact is not None:
            return exact.copy()
        steps = np.asarray(PIL.Image.open(io.BytesIO(self.depth)), dtype=np.float32)
        return steps / 65535 * (self.maximum - self.minimum) + self.minimum

    @property
    def image(self) -> PIL.Image.Image:
        """The depths as a grey image, black for `minimum` and white for `maximum`."""
        import numpy as np
        import PIL.Image

        span = self.maximum - self.minimum or 1.0
        return PIL.Image.fromarray(((self.array - self.minimum) / span * 255).astype(np.uint8), "L")

    @classmethod
    def of(cls, array: np.ndarray[Any, Any]) -> DepthMap:
        """The result of depths (H, W)."""
        low, high = float(array.min()), float(array.max())
        height, width = array.shape
        return cls.model_construct(
            depth=Depths(array, low, high), minimum=low, maximum=high, width=width, height=height
        )


class Depths(Encoded):
    """Depths (H, W) from `low` to `high`."""

    def __init__(self, depths: np.ndarray[Any, Any], low: float, high: float) -> None:
        self.depths = depths
        self.low = low
        self.high = high

    @property
    def array(self) -> np.ndarray[Any, Any]:
        return self.depths

    def encode(self) -> bytes:
        import numpy as np
        import PIL.Image

        steps = (self.depths.astype(np.float64) - self.low) / ((self.high - self.low) or 1.0) * 65535
        written = io.BytesIO()
        # To compress harder takes longer than the network.
        PIL.Image.fromarray(np.round(steps).astype(np.uint16)).save(written, "PNG", compress_level=1)
        return written.getvalue()


class DepthEstimationOptions(Options):
    """Depth estimation has no options."""


class DepthEstimation(Task[Image, DepthEstimationOptions, DepthMap]):
    """How far away things are, for each pixel."""

    name = "depth-estimation"
