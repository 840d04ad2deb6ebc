"""How far away things are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from duomo.inputs import Image
from duomo.tasks.base import Options, Result, Task

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image


class DepthMap(Result):
    """A depth for each pixel of the upright image, in the model's own unit: metres, or a relative (inverse) depth."""

    depth: bytes
    """A PNG of 16 bits a pixel, as large as the image: 0 is `minimum`, 65535 is `maximum`."""
    minimum: float
    maximum: float
    width: int
    height: int

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The depths as float32 of shape (H, W), to 1/65535 of their range."""
        import numpy as np
        import PIL.Image

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
        import numpy as np
        import PIL.Image

        low, high = float(array.min()), float(array.max())
        steps = np.round((array.astype(np.float64) - low) / ((high - low) or 1.0) * 65535).astype(np.uint16)
        written = io.BytesIO()
        PIL.Image.fromarray(steps).save(written, "PNG", compress_level=1)  # a harder one takes longer than the network
        height, width = array.shape
        return cls.model_construct(depth=written.getvalue(), minimum=low, maximum=high, width=width, height=height)


class DepthEstimationOptions(Options):
    """Depth estimation has no options."""


class DepthEstimation(Task[Image, DepthEstimationOptions, DepthMap]):
    """How far away things are, for each pixel."""

    name = "depth-estimation"
    Input = Image
    Options = DepthEstimationOptions
    Result = DepthMap
