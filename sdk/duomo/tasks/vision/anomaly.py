"""What is unusual in images of one kind."""

from __future__ import annotations

import pydantic
from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import Options, Task
from duomo.tasks.gallery import Pictures
from duomo.tasks.vision.enhancing import Picture


class ImageAnomaly(Picture):
    """How unusual an image is, and where: a grey image, 128 for as unusual as a good one may be, 255 for twice that."""

    score: float
    """Distance to the good images, as a multiple of the largest that one of them has to the others."""
    is_anomalous: bool
    """Whether the score is over the threshold."""


class ImageAnomalyDetectionOptions(Options):
    """Options of image anomaly detection."""

    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    good: Pictures = Field(
        min_length=2,
        description="images without a fault, all of one kind: a folder, or a list of paths, bytes or arrays",
    )
    threshold: float = Field(1.0, gt=0, description="a score from here on is an anomaly; 1 is the worst good image")


class ImageAnomalyDetection(Task[Image, ImageAnomalyDetectionOptions, ImageAnomaly]):
    """Whether an image is unlike good ones of its kind, and where."""

    name = "image-anomaly-detection"
