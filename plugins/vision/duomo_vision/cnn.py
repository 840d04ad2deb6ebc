"""A small network for labels of images, trained from random numbers: convolutions, each with half the side.

A baseline to read and to beat, in the manner of Simonyan and Zisserman 2014 (https://arxiv.org/abs/1409.1556): three
by three, batch norm, ReLU, pooling; the mean over the places that are left, and a linear layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

import pydantic
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d
from torchvision.transforms.v2 import functional as F

from duomo import Image, Model, WeightsRef, folders
from duomo.model import Features
from duomo.tasks.results import Classification
from duomo.tasks.vision import ImageClassificationOptions
from duomo.training import SmallTrainable
from duomo_vision.augmenting import VARIETIES, varied
from duomo_vision.ranking import best_labels


class Size(NamedTuple):
    """How large a network is."""

    side: int
    """Pixels of an image's side."""
    channels: tuple[int, ...]
    """Channels of each convolution."""
    grid: int = 1
    """Places on a side that the head sees apart: 1 says what is in an image and not where."""


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model: Literal["vision/cnn"] = "vision/cnn"
    side: int = pydantic.Field(gt=0, le=4096)
    channels: tuple[pydantic.PositiveInt, ...] = pydantic.Field(min_length=1, max_length=12)
    grid: int = pydantic.Field(default=1, gt=0, le=64)
    labels: list[str] = pydantic.Field(min_length=1)


class Network(nn.Module):
    """(B, 3, side, side) in 0 to 1 → (B, labels)."""

    def __init__(self, size: Size, num_labels: int) -> None:
        super().__init__()
        self.body = nn.Sequential()
        width = 3
        for channels in size.channels:
            self.body.extend(
                (nn.Conv2d(width, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2))
            )
            width = channels
        self.grid = size.grid
        self.head = nn.Linear(width * size.grid**2, num_labels)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.head(adaptive_avg_pool2d(self.body(2 * pixels - 1), self.grid).flatten(1))
        return logits


class ImageCnn(Model[Image, Classification]):
    """The network in inference."""

    network: Any
    labels: Sequence[str]
    batch_size = 32

    def __init__(self, size: Size, labels: Sequence[str]) -> None:
        self.size, self.labels = size, list(labels)
        self.network = Network(size, len(self.labels))

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        about = folders.describe(Description, weights)
        model = cls(Size(about.side, about.channels, about.grid), about.labels)
        folders.fill(model.network, weights)
        model.network.to(device, dtype).eval()
        return model

    def preprocess(self, items: Sequence[Image], options: ImageClassificationOptions) -> list[Features]:
        side = [self.size.side, self.size.side]
        resized = [F.resize(item.pil(2 * self.size.side), side, antialias=True) for item in items]
        return [{"pixels": F.to_dtype(F.pil_to_tensor(each), torch.float32, scale=True)} for each in resized]

    def collate(self, features: list[Features]) -> Tensor:
        return torch.stack([each["pixels"] for each in features])

    def forward(self, batch: Tensor) -> Tensor:
        scores: Tensor = self.network(batch.to(self.network.head.weight.dtype)).softmax(-1)
        return scores

    def postprocess(
        self, output: Tensor, features: list[Features], options: ImageClassificationOptions
    ) -> list[Classification]:
        return best_labels(output, self.labels, options.top_k)


class ImageCnnTrainer(ImageCnn, SmallTrainable[Image]):
    """Cross-entropy over the labels of the training part."""

    scratch: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "cnn": {"tiny": Size(28, (16, 32), 7), "small": Size(64, (32, 64, 128, 256), 4)}
    }
    varieties = VARIETIES

    def vary(self, features: Features, draw: torch.Generator) -> Features:
        return {"pixels": varied(features["pixels"], self.augmentations, draw)}

    def save(self, folder: Path) -> None:
        folders.write(self.network, Description(**self.size._asdict(), labels=list(self.labels)), folder)
