"""Image encoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from duomo.model import Features
from duomo.tasks.results import Embedding
from duomo.tasks.vision import ImageFeatureExtractionOptions
from duomo_edge.activations import unit
from duomo_edge.images.pixels import ImageReader

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ImageEmbedder(ImageReader[Embedding]):
    """The graph's vector of each image."""

    def postprocess(
        self, output: NDArray[np.float32], features: list[Features], options: ImageFeatureExtractionOptions
    ) -> list[Embedding]:
        vectors = output.reshape(len(output), -1)
        return [
            Embedding.model_construct(vector=vector) for vector in (unit(vectors) if options.normalize else vectors)
        ]
