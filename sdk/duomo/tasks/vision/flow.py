"""Where each pixel of one image has gone on the next."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from pydantic import Field

from duomo.errors import RequirementMissing
from duomo.inputs import ImagePair
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.encoded import Encoded, File, numbers_of

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image

_MAGIC = b"PIEH"


class Flow(Result):
    """For each pixel of the first image, by how many pixels it has moved on the second."""

    flo: File
    """A ``.flo`` file of the Middlebury benchmark (https://vision.middlebury.edu/flow): float32, right and down."""
    width: int
    height: int

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The movement as float32 of shape (H, W, 2): to the right, and down, in pixels."""
        import numpy as np

        exact = numbers_of(self, "flo")
        if exact is not None:
            return exact.copy()
        return np.frombuffer(self.flo, "<f4", offset=12).reshape(self.height, self.width, 2).astype(np.float32)

    @property
    def image(self) -> PIL.Image.Image:
        """The movement in colours: the direction as hue, the speed as saturation, the fastest full."""
        try:
            import torch
            from torchvision.utils import flow_to_image
        except ImportError as error:
            raise RequirementMissing(
                "flow is drawn in colours by torchvision", why=str(error), fix="pip install torchvision"
            ) from None
        import PIL.Image

        colors = flow_to_image(torch.from_numpy(self.array).permute(2, 0, 1))
        return PIL.Image.fromarray(colors.permute(1, 2, 0).contiguous().numpy())

    def draw(self, image: object) -> PIL.Image.Image:
        """Draw lines along which pixels have moved on the first `image`; an image of its own comes back."""
        from duomo.tasks.vision.drawing import draw_lines

        step = max(8, max(self.width, self.height) // 30)
        moved = self.array
        places = [(x, y) for y in range(step // 2, self.height, step) for x in range(step // 2, self.width, step)]
        lines = [(x, y, x + float(moved[y, x, 0]), y + float(moved[y, x, 1])) for x, y in places]
        return draw_lines(image, lines, (self.width, self.height))

    @classmethod
    def of(cls, moved: np.ndarray[Any, Any]) -> Flow:
        """The result of movements (H, W, 2)."""
        height, width = moved.shape[:2]
        return cls.model_construct(flo=Movement(moved), width=width, height=height)


class Movement(Encoded):
    """Movements (H, W, 2) as float32."""

    def __init__(self, moved: np.ndarray[Any, Any]) -> None:
        self.moved = moved

    @property
    def array(self) -> np.ndarray[Any, Any]:
        return self.moved

    def encode(self) -> bytes:
        height, width = self.moved.shape[:2]
        return _MAGIC + struct.pack("<ii", width, height) + self.moved.astype("<f4").tobytes()


class OpticalFlowOptions(Options):
    """Options of optical flow."""

    iterations: int = Field(12, ge=1, le=64, description="how often the flow is refined; more takes longer")


class OpticalFlow(Task[ImagePair, OpticalFlowOptions, Flow]):
    """Where each pixel of one image has gone on the next, such as the next frame of a video."""

    name = "optical-flow"
