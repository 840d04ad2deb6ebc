"""What detectors, segmenters and depth estimators of transformers share: images of any size, in groups of one size.

Padding reaches the backbones of this kind, so the mates of an image would change its scores. Here each image is
prepared alone, and those that come out with one size share a pass: nothing is padded.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor

from duomo import Image, Model, WeightsRef
from duomo.imaging import Normalizing, decode, find_resize
from duomo.model import Features, In, R
from duomo.pretrained import Network, Processor, labels_of, load_network, load_processor, narrow_images
from duomo_vision import parallel
from duomo_vision.fusing import fuse_for_inference
from duomo_vision.positions import keep_positions

Output = Any
"""What a network of transformers gives: a class of its own for each family."""

MEGAPIXEL = 1_000_000
TRIAL = 160
"""Pixels a side of the image that such a network is tried with: RT-DETR chooses among places, and wants hundreds."""


class Group(NamedTuple):
    """Images of one size."""

    inputs: dict[str, Tensor]
    """What the network takes, each (B, …)."""
    places: list[int]
    """Which image of the batch each row is."""


class Read(NamedTuple):
    """What the network said of a group."""

    output: Output
    places: list[int]


class Grouped(Model[In, R]):
    """A network with an image processor, whose post-processing is the processor's own; it writes `prepare`."""

    auto: ClassVar[Any]
    """The Auto class that builds the network."""

    channels_last: ClassVar[bool] = False
    """Whether its convolutions are quicker with the channels of a pixel side by side."""
    at_once_on_cpu: ClassVar[int] = 0
    """Images that share a pass on a CPU at most, where the activations of more fall out of the cache; 0: no bound."""

    batch_size = 8
    batch_budget = 8 * MEGAPIXEL
    packed = True  # groups of one size: nothing is padded

    def __init__(self, network: Network, processor: Processor, weights: WeightsRef) -> None:
        self.network = network.to(memory_format=torch.channels_last) if self.channels_last else network
        self.processor = processor
        self.labels = dict(enumerate(labels_of(network.config))) if getattr(network.config, "id2label", None) else {}
        keep_positions(self.network)
        self.configure(weights)

    def configure(self, weights: WeightsRef) -> None:
        """Take from the checkpoint what else this family needs; raise where it is not there."""

    @classmethod
    def auto_for(cls, weights: WeightsRef) -> Any:
        """The Auto class for this checkpoint."""
        del weights
        return cls.auto

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and image processor, whole; raises `WeightsProblem` for what cannot be used."""
        network = load_network(cls.auto_for(weights), weights, dtype=dtype).to(device)
        return cls(network, load_processor(AutoImageProcessor, weights, "image processor"), weights)

    tensor_plan = staticmethod(parallel.tensor_plan)
    pipeline_split = staticmethod(parallel.pipeline_split)

    @staticmethod
    def estimate(item: object) -> int:
        del item
        return MEGAPIXEL  # processors resize: what an image costs hardly depends on its size

    def preprocess(self, items: Sequence[In], options: Any) -> list[Features]:
        return [self.prepare(item, options) for item in items]

    @abstractmethod
    def prepare(self, item: In, options: Any) -> Features:
        """Features of one item: ``inputs``, what the network takes, each (1, …), and ``size``, (height, width)."""

    def collate(self, features: list[Features]) -> list[Group]:
        groups: dict[torch.Size, list[int]] = {}
        for at, each in enumerate(features):
            groups.setdefault(each["inputs"]["pixel_values"].shape, []).append(at)
        most = (self.at_once_on_cpu if self.network.device.type == "cpu" else 0) or len(features)
        passes = (some[at : at + most] for some in groups.values() for at in range(0, len(some), most))
        parts = [([features[at]["inputs"] for at in some], some) for some in passes]
        return [
            Group({name: _joined([each[name] for each in inputs]) for name in inputs[0]}, some)
            for inputs, some in parts
        ]

    def forward(self, batch: list[Group]) -> list[Read]:
        """The network's own output for each group, in float32."""
        return [Read(_floats(self.network(**self.inputs(group))), group.places) for group in batch]

    def inputs(self, group: Group) -> dict[str, Any]:
        """What the network takes, images in its precision."""
        return {name: self._image(each) if each.is_floating_point() else each for name, each in group.inputs.items()}

    def _image(self, values: Tensor) -> Tensor:
        beside = self.channels_last and values.dim() == 4
        return values.to(self.network.dtype, memory_format=torch.channels_last if beside else torch.preserve_format)

    def postprocess(self, output: list[Read], features: list[Features], options: Any) -> list[R]:
        results: dict[int, R] = {}
        for read in output:
            sizes = [features[at]["size"] for at in read.places]
            results.update(zip(read.places, self.results(read.output, sizes, options), strict=True))
        return [results[at] for at in range(len(features))]

    @abstractmethod
    def results(self, output: object, sizes: list[Any], options: Any) -> list[R]:
        """One result an item of a group; `sizes` are what `prepare` said, (height, width) of the images."""


class Dense(Grouped[Image, R]):
    """A network that takes one image."""

    fused_for: ClassVar[int] = 0
    """Pixels a side for which convolutions are laid out, with their batch norms in them; 0: they stay as they are."""

    def __init__(self, network: Network, processor: Processor, weights: WeightsRef) -> None:
        super().__init__(network, processor, weights)
        if self.fused_for:
            fuse_for_inference(self.network, self.fused_for, TRIAL)
        self.resize = find_resize(processor)
        self.normalize = None if self.resize is None else Normalizing.of(processor)

    def prepare(self, item: Image, options: Any) -> Features:
        pixels = decode(item)
        height, width = pixels.shape[1:]
        with narrow_images(width, height):
            return {"inputs": self._prepared(pixels), "size": (height, width)}

    def collate(self, features: list[Features]) -> list[Group]:
        groups = super().collate(features)
        if self.normalize is None:
            return groups
        return [Group(each.inputs | self.normalize(each.inputs["pixel_values"]), each.places) for each in groups]

    def _prepared(self, pixels: Tensor) -> dict[str, Tensor]:
        """Prepare an image as the processor does, by the shortest way that gives the same; normalised in `collate`."""
        if self.resize is None:
            prepared = self.processor(images=[pixels], return_tensors="pt")
        elif self.normalize is None:
            prepared = self.processor(images=[self.resize(pixels)], do_resize=False, return_tensors="pt")
        else:  # bytes, a quarter of the numbers that `collate` makes of them
            return {"pixel_values": self.resize(pixels).contiguous()[None]}
        return {name: prepared[name] for name in ("pixel_values", "pixel_mask") if name in prepared}


def _joined(rows: list[Tensor]) -> Tensor:
    """Put tensors one after another; one alone is not copied."""
    return torch.cat(rows) if len(rows) > 1 else rows[0]


def _floats(output: Output) -> Output:
    """The same output with its tensors in float32."""
    for name, value in output.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            output[name] = value.float()
    return output
