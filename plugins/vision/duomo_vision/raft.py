"""Optical flow by RAFT of torchvision, from a folder in duomo layout that `save` writes.

Teed and Deng 2020, https://arxiv.org/abs/2003.12039; https://docs.pytorch.org/vision/stable/models/raft.html. Images
are prepared as torchvision's own weights ask for: pixels in [-1, 1], sides that divide by 8 and have 128 pixels at
least. What is missing is added by repeating the edge, and cut off again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import optical_flow

from duomo import Model, WeightsRef, folders
from duomo.errors import BadInput
from duomo.inputs import ImagePair
from duomo.model import Features
from duomo.tasks.vision.flow import Flow, OpticalFlowOptions
from duomo_vision.dense import Group, Read

SMALLEST, STEP = 128, 8
"""Sides: RAFT compares images at an eighth of their size, four times halved."""


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: Literal["vision/raft"] = "vision/raft"
    architecture: Literal["raft_small", "raft_large"]


def save(network: nn.Module, folder: str | Path, *, architecture: Literal["raft_small", "raft_large"]) -> Path:
    """Write a folder that ``-m dir:FOLDER`` loads.

    Args:
        network: torchvision's, such as ``raft_small(weights=Raft_Small_Weights.DEFAULT)``.
        folder: made if need be; files of these names in it are replaced.
        architecture: which of the two it is.

    Raises:
        WeightsMismatch: it is not of that architecture.
    """
    folders.load_state(_build(architecture), network.state_dict(), architecture)
    return folders.write(network, Description(architecture=architecture), folder)


class Raft(Model[ImagePair, Flow]):
    """A movement for each pixel of the first image; pairs of one size share a pass."""

    batch_size = 2
    packed = True

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network = network.eval().to(device)
        self.device = device

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read the folder; it computes in float32. Raises `WeightsMismatch` when its parts do not fit each other."""
        del dtype  # correlations of half precision overflow
        network = _build(folders.describe(Description, weights).architecture)
        folders.fill(network, weights)
        return cls(network, device)

    def preprocess(self, items: Sequence[ImagePair], options: OpticalFlowOptions) -> list[Features]:
        return [_features(item, options.iterations) for item in items]

    def collate(self, features: list[Features]) -> list[Group]:
        groups: dict[torch.Size, list[int]] = {}
        for at, each in enumerate(features):
            groups.setdefault(each["pair"].shape, []).append(at)
        count = torch.tensor(features[0]["iterations"])
        return [
            Group({"pairs": torch.stack([features[at]["pair"] for at in some]), "iterations": count}, some)
            for some in groups.values()
        ]

    def forward(self, batch: list[Group]) -> list[Read]:
        """The last refinement for each group, (B, 2, H, W), in pixels."""
        return [Read(self._flow(**group.inputs), group.places) for group in batch]

    def _flow(self, pairs: Tensor, iterations: Tensor) -> Tensor:
        first, second = pairs.to(self.device).unbind(1)
        refined: list[Tensor] = self.network(first, second, num_flow_updates=int(iterations))
        return refined[-1].cpu()

    def postprocess(self, output: list[Read], features: list[Features], options: OpticalFlowOptions) -> list[Flow]:
        results: dict[int, Flow] = {}
        for read in output:
            for at, moved in zip(read.places, read.output, strict=True):
                left, top, width, height = features[at]["window"]
                inside = moved[:, top : top + height, left : left + width].permute(1, 2, 0)
                results[at] = Flow.of(np.ascontiguousarray(inside.numpy()))
        return [results[at] for at in range(len(features))]


def _build(architecture: str) -> nn.Module:
    network: nn.Module = getattr(optical_flow, architecture)(weights=None)
    return network


def _features(item: ImagePair, iterations: int) -> Features:
    first, second = item.first.pil(), item.second.pil()
    if first.size != second.size:
        raise BadInput(
            f"the images are {first.width}x{first.height} and {second.width}x{second.height} pixels",
            why="flow is measured between images of one size",
            fix="resize one to the size of the other",
        )
    pair = torch.stack([torch.from_numpy(np.array(each)).permute(2, 0, 1) for each in (first, second)])
    more = [max(SMALLEST, -(-side // STEP) * STEP) - side for side in (first.width, first.height)]
    left, top = more[0] // 2, more[1] // 2
    padded = F.pad(pair.float() / 127.5 - 1, (left, more[0] - left, top, more[1] - top), mode="replicate")
    return {"pair": padded, "window": (left, top, first.width, first.height), "iterations": iterations}
