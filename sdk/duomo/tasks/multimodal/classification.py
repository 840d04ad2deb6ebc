"""Labels for images, chosen by text."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Image
from duomo.tasks.base import Options, Task
from duomo.tasks.options import Names
from duomo.tasks.results import Classification


class ZeroShotImageClassificationOptions(Options):
    """Options of zero-shot image classification."""

    labels: Names = Field(description="the labels to choose among, as a list or separated by commas")
    template: str | None = Field(None, description="a sentence around each label; the model's own when left out")


class ZeroShotImageClassification(Task[Image, ZeroShotImageClassificationOptions, Classification]):
    """Choose among labels for an image."""

    name = "zero-shot-image-classification"
