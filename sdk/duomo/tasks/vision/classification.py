"""Labels and vectors for images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import Options, Task
from duomo.tasks.results import Classification, Embedding

Decode = Literal["exact", "scaled"]
"""How a JPEG that is much bigger than the model's own size is decoded."""
DECODE = "scaled decodes big JPEGs at a fraction of their size, sooner; EfficientNet-lite0's scores moved by up to 0.04"


class ImageClassificationOptions(Options):
    """Options of image classification."""

    top_k: int | None = Field(5, ge=1, description="how many labels to give, best first; None for all")
    decode: Decode = Field("exact", description=DECODE)


class ImageClassification(Task[Image, ImageClassificationOptions, Classification]):
    """What is in an image."""

    name = "image-classification"


class ImageFeatureExtractionOptions(Options):
    """Options of image feature extraction."""

    normalize: bool = Field(True, description="scale the vector to length 1")
    decode: Decode = Field("exact", description=DECODE)


class ImageFeatureExtraction(Task[Image, ImageFeatureExtractionOptions, Embedding]):
    """An image as a vector; near vectors are alike images."""

    name = "image-feature-extraction"
