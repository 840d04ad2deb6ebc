"""Models whose network is a packaged graph of TensorFlow.js; it computes in float32."""

from __future__ import annotations

from typing import ClassVar, Self, TypeVar

import torch

from duomo import Model, WeightsRef
from duomo.tasks.base import Result
from duomo.weights import verify
from duomo_vision import tfjs

In = TypeVar("In")
R = TypeVar("R", bound=Result)


class TfjsModel(Model[In, R]):
    """One graph of TensorFlow.js."""

    FILE: ClassVar[str]
    """Its description, in the folder of the weights."""
    FOUND: ClassVar[str]
    """Its output."""

    def __init__(self, graph: tfjs.Graph, device: torch.device) -> None:
        self.graph = graph
        self.device = device

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the graph after comparing its digest."""
        del dtype
        verify(weights.spec)
        return cls(tfjs.read(weights.folder / cls.FILE, (cls.FOUND,), device), device)
