"""What the readers of images share: loading, preparation and one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field

from duomo import Image, Model, WeightsRef
from duomo.model import Features, R
from duomo_edge.artifact import Graph, Settings, check_device, check_names, open_graph, read_settings, run_rows
from duomo_edge.images.preparing import Preparation

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ImageSettings(Settings):
    """What readers of images need."""

    image: Preparation
    output: str = ""
    """The graph's output that is read; its first where it is left out."""
    activation: str = "none"
    """``softmax`` or ``sigmoid`` where the graph gives logits."""
    labels: list[str] = Field(default_factory=list)


class ImageReader(Model[Image, R]):
    """A graph on prepared images."""

    kind: ClassVar[type[ImageSettings]] = ImageSettings
    batch_size = 4

    def __init__(self, graph: Graph, settings: ImageSettings) -> None:
        self.graph = graph
        self.settings = settings
        self.output = graph.outputs.index(settings.output) if settings.output else 0

    @classmethod
    def load(cls, weights: WeightsRef, *, device: object, dtype: object) -> Self:
        """Open the artefact, in its own precision. Raises `WeightsProblem` where it is not whole."""
        del dtype
        check_device(device)
        settings = read_settings(weights, cls.kind)
        graph = open_graph(weights, settings)
        check_names(graph, weights.folder, [settings.image.input])
        return cls(graph, settings)

    def preprocess(self, items: Sequence[Image], options: object) -> list[Features]:
        pictures = [item.pil() for item in items]
        return [{"pixels": self.settings.image(each), "size": each.size} for each in pictures]

    def collate(self, features: list[Features]) -> NDArray[np.generic]:
        return np.stack([each["pixels"] for each in features])

    def forward(self, batch: NDArray[np.generic]) -> NDArray[np.float32]:
        """The graph's output, (B, …)."""
        return run_rows(self.graph, {self.settings.image.input: batch})[self.output]
