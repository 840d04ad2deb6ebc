"""Image classifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from duomo.errors import WeightsMismatch
from duomo.model import Features
from duomo.tasks.results import Classification
from duomo.tasks.vision import ImageClassificationOptions
from duomo_edge.activations import scores
from duomo_edge.artifact import Graph
from duomo_edge.images.pixels import ImageReader, ImageSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ImageClassifier(ImageReader[Classification]):
    """Scores of the labels in ``duomo.json``, which are as many as the graph gives."""

    def __init__(self, graph: Graph, settings: ImageSettings) -> None:
        super().__init__(graph, settings)
        self.labels = settings.labels
        if not self.labels:
            raise WeightsMismatch("the duomo.json of this classifier has no labels", fix='"labels": ["cat", "dog"]')

    def postprocess(
        self, output: NDArray[np.float32], features: list[Features], options: ImageClassificationOptions
    ) -> list[Classification]:
        if output.shape[1:] != (len(self.labels),):
            raise WeightsMismatch(
                f"the graph gives {output.shape[1:]} numbers an image, and duomo.json has {len(self.labels)} labels",
                fix="name all of them, in order",
            )
        found = scores(output, self.settings.activation)
        return [Classification.ranked(self.labels, row, options.top_k) for row in found.tolist()]
