"""Models whose network is a packaged graph of TensorFlow; it computes in float32."""

from __future__ import annotations

from typing import ClassVar, Generic, Self, TypeVar

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from duomo import Model, WeightsRef
from duomo.model import Features, In, R
from duomo.weights import verify
from duomo_vision import tfjs

G = TypeVar("G")


class GraphModel(Model[In, R], Generic[In, R, G]):
    """One graph, which takes an image at a time."""

    def __init__(self, graph: G, device: torch.device) -> None:
        self.graph = graph
        self.device = device

    def collate(self, features: list[Features]) -> Tensor:
        """(B, H, W, 3)."""
        return torch.stack([each["pixels"] for each in features])


class TfjsModel(GraphModel[In, R, tfjs.Graph]):
    """One graph of TensorFlow.js."""

    FILE: ClassVar[str]
    """Its description, in the folder of the weights."""
    FOUND: ClassVar[str]
    """Its output."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the graph after comparing its digest."""
        del dtype
        verify(weights.spec)
        return cls(tfjs.read(weights.folder / cls.FILE, (cls.FOUND,), device), device)


def squeezed(picture: PIL.Image.Image, side: int) -> Features:
    """An image as a square, its shape not kept: so these networks were trained."""
    small = picture.resize((side, side), PIL.Image.Resampling.BILINEAR)
    return {"pixels": torch.from_numpy(np.array(small)), "size": picture.size}
