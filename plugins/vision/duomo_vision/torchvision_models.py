"""Any image classifier of torchvision, from a folder in duomo layout that `save` writes.

    duomo.json         model, architecture, labels, transform
    model.safetensors  the network's tensors

Architectures are those of https://docs.pytorch.org/vision/stable/models.html#classification.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import pydantic
import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from duomo import Image, WeightsRef, folders
from duomo.errors import WeightsMismatch, did_you_mean
from duomo.folders import load_state
from duomo.tasks.results import Classification
from duomo.tasks.vision import ImageClassificationOptions
from duomo_vision.image_model import ImageModel
from duomo_vision.ranking import best_labels


class Transform(pydantic.BaseModel):
    """How an image is prepared; the defaults are those of torchvision's first ImageNet weights."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    resize: int = pydantic.Field(default=256, gt=0)
    """Length of the shorter side before cropping, in pixels."""
    crop: int = pydantic.Field(default=224, gt=0)
    """Side of the centre crop."""
    interpolation: InterpolationMode = InterpolationMode.BILINEAR
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Means of red, green and blue, for pixels in [0, 1]."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __call__(self, image: Image, at_least: int | None = None) -> Tensor:
        """Pixels (3, crop, crop), normalised. `at_least` is as in `Image.pil`."""
        picture = F.resize(image.pil(at_least), [self.resize], self.interpolation, antialias=True)
        pixels = F.to_dtype(F.pil_to_tensor(F.center_crop(picture, [self.crop])), torch.float32, scale=True)
        normalized: Tensor = F.normalize(pixels, list(self.mean), list(self.std))
        return normalized


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: Literal["vision/torchvision"] = "vision/torchvision"
    architecture: str
    labels: list[str] = pydantic.Field(min_length=1)
    transform: Transform = Transform()


def save(
    network: nn.Module,
    folder: str | Path,
    *,
    architecture: str,
    labels: Sequence[str],
    transform: Transform = Transform(),  # noqa: B008 - immutable
) -> Path:
    """Write a folder that ``-m dir:FOLDER`` loads.

    Args:
        network: a torchvision classifier, such as ``models.resnet18(num_classes=3)`` after training.
        folder: made if need be; files of these names in it are replaced.
        architecture: the name ``torchvision.models.get_model`` knows it by.
        labels: one name for each output of the network, in order.
        transform: how its images were prepared in training.

    Raises:
        WeightsMismatch: the network is not that architecture with this many labels.
    """
    load_state(build(architecture, len(labels)), network.state_dict(), architecture)
    about = Description(architecture=architecture, labels=list(labels), transform=transform)
    return folders.write(network, about, folder)


def build(architecture: str, num_classes: int) -> nn.Module:
    """A classifier with random weights. Raises `WeightsMismatch` for a name torchvision does not know."""
    known = models.list_models(module=models)
    if architecture not in known:
        raise WeightsMismatch(
            f"torchvision has no classifier '{architecture}'",
            why=did_you_mean(architecture, known) or f"it has {len(known)} others",
            fix="name one of torchvision.models.list_models(module=torchvision.models) as architecture in duomo.json",
        )
    network: nn.Module = models.get_model(architecture, weights=None, num_classes=num_classes)
    return network


class TorchvisionClassifier(ImageModel[Classification]):
    """One classifier; scores sum to 1."""

    def __init__(self, network: nn.Module, about: Description, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(network.to(dtype), about.transform.crop, device, dtype)
        self.labels = about.labels
        self.transform = about.transform

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the folder. Raises `WeightsMismatch` when its parts do not fit each other."""
        about = folders.describe(Description, weights)
        network = build(about.architecture, len(about.labels))
        folders.fill(network, weights)
        return cls(network, about, device, dtype)

    def preprocess(self, items: Sequence[Image], options: ImageClassificationOptions) -> list[dict[str, Tensor]]:
        at_least = 2 * self.transform.resize if options.decode == "scaled" else None
        return [{"pixels": self.transform(item, at_least)} for item in items]

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 3, crop, crop) → probabilities (B, labels)."""
        logits: Tensor = self.network(batch.to(self.dtype, memory_format=torch.channels_last))
        return logits.float().softmax(-1)

    def postprocess(
        self, output: Tensor, features: list[dict[str, Tensor]], options: ImageClassificationOptions
    ) -> list[Classification]:
        return best_labels(output, self.labels, options.top_k)
