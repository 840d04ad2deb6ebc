"""How classifiers of images are trained: checkpoints of transformers and torchvision, and EfficientNet-lite0.

What feeds the head, or the lowest block that is trained, is caught where that is called, so that no architecture needs
code of its own for it: a frozen network runs up to there once for each image, and the rest trains on what was caught.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoImageProcessor, AutoModelForImageClassification

from duomo import Image, WeightsRef, folders, pretrained
from duomo.errors import WrongTask
from duomo.folders import load_state
from duomo.imaging import Resize, decode
from duomo.model import Features
from duomo.training import Parts, Trainable
from duomo_vision import efficientnet, torchvision_models
from duomo_vision.augmenting import VARIETIES, varied

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.image_processing_utils import BaseImageProcessor


class _Caught(Exception):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value


class ImageTrainer(Trainable[Image]):
    """A network with one head at its end."""

    varieties = VARIETIES
    network: Any
    head: str
    """The dotted name of the head."""
    stack = ""
    """The ``ModuleList`` of layers, where there is one."""
    above: tuple[str, ...] = ()

    def parts(self) -> Parts:
        return Parts((self.head,), self.stack, self.above)

    def vary(self, features: Features, draw: torch.Generator) -> Features:
        return {**features, "pixels": varied(features["pixels"], self.augmentations, draw)}

    def collate(self, features: list[Features]) -> Tensor:
        """(B, …), stacked."""
        return torch.stack([each["pixels"] for each in features])

    def logits(self, batch: Tensor) -> Tensor:
        """(B, labels)."""
        logits: Tensor = self.network(self.normalize(batch))
        return logits

    def normalize(self, batch: Tensor) -> Tensor:
        """Pixels as the network takes them."""
        return batch

    def has_trunk(self, upper: int) -> bool:
        return upper == 0

    def features(self, batch: Tensor, upper: int) -> Tensor:
        """What the head is given of each image, or the lowest of `upper` blocks, (B, …)."""
        first = self.network.get_submodule(self.stack)[-upper] if upper else self.network.get_submodule(self.head)
        handle = first.register_forward_pre_hook(_catch)
        try:
            self.logits(batch)
        except _Caught as caught:
            return caught.value
        finally:
            handle.remove()
        raise RuntimeError(f"the network never calls its head '{self.head}'")

    def logits_from(self, features: Sequence[Tensor] | Tensor, upper: int) -> Tensor:
        stacked = features if isinstance(features, Tensor) else torch.stack(list(features))
        logits: Tensor = self.network.get_submodule(self.head)(stacked)
        return logits


def _catch(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    raise _Caught(inputs[0])


class CheckpointTrainer(ImageTrainer):
    """Any ``…ForImageClassification`` of transformers."""

    def __init__(self, network: PreTrainedModel, processor: BaseImageProcessor, labels: Sequence[str]) -> None:
        self.network, self.processor, self.labels = network, processor, list(labels)
        self.resize = Resize.of(processor)
        beside = [name for name, _ in network.named_children() if name != network.base_model_prefix]
        self.head = beside[-1]

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        _check_one_head(weights)
        known = pretrained.load_config(weights.folder).id2label
        network = pretrained.load_network(AutoModelForImageClassification, weights, dtype=dtype, may_be_surplus=False)
        is_new = not set(labels) <= set(known.values())
        if is_new:
            network = _with_labels(network, weights, labels, dtype)
        processor = pretrained.load_processor(AutoImageProcessor, weights, "image processor")
        notes = pretrained.say_one_label(network)
        model = cls(network.to(device), processor, pretrained.labels_of(network.config))
        model.has_new_head, model.notes = is_new, notes
        return model

    def preprocess(self, items: Sequence[Image], options: Any) -> list[Features]:
        if self.resize is None:
            prepared = self.processor([item.pil() for item in items], return_tensors="pt")
        else:
            resized = [self.resize(decode(item, 2 * self.resize.longest)) for item in items]
            prepared = self.processor(resized, do_resize=False, return_tensors="pt")
        return [{"pixels": each} for each in prepared["pixel_values"]]

    def logits(self, batch: Tensor) -> Tensor:
        logits: Tensor = self.network(pixel_values=batch).logits
        return logits

    def save(self, folder: Path) -> None:
        with pretrained.quiet():
            self.network.save_pretrained(folder)
            self.processor.save_pretrained(folder)


def _check_one_head(weights: WeightsRef) -> None:
    """Refuse networks whose labels do not come from one head at their end."""
    for name in weights.architectures():
        if name.endswith("WithTeacher") or name.startswith("Perceiver"):
            raise WrongTask(
                f"'{weights.folder}' cannot be trained",
                why=f"{name} has " + ("its labels inside its decoder" if name.startswith("Per") else "two heads"),
                fix="start from a network with one head, such as DeiTForImageClassification",
            )


def _with_labels(network: PreTrainedModel, weights: WeightsRef, labels: Sequence[str], dtype: torch.dtype) -> Any:
    """The same network with a new head for `labels`."""
    config = pretrained.config_for(weights, labels)
    auto: Any = AutoModelForImageClassification
    with pretrained.quiet():
        new = auto.from_config(config, dtype=dtype)
    own = new.state_dict()
    kept = {name: each for name, each in network.state_dict().items() if own[name].shape == each.shape}
    prefix = f"{network.base_model_prefix}."
    lost = [name for name in own if name.startswith(prefix) and name not in kept]
    if lost:
        raise WrongTask(
            f"'{weights.folder}' cannot be given other labels", why=f"{lost[0]} depends on their number",
            fix="use another architecture",
        )  # fmt: skip
    new.load_state_dict({name: each for name, each in kept.items() if name.startswith(prefix)}, strict=False)
    return new


class TorchvisionTrainer(ImageTrainer):
    """A classifier of torchvision, from a folder in duomo layout or from random numbers."""

    scratch: ClassVar[Mapping[str, Mapping[str, object]]] = {
        name: {
            "small": torchvision_models.Transform(resize=72, crop=64),
            "imagenet": torchvision_models.Transform(),
        }
        for name in ("resnet18", "resnet50", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny")
    }
    """Networks of torchvision; their sizes are those of the images that they are given."""

    def __init__(self, network: nn.Module, about: torchvision_models.Description, labels: Sequence[str]) -> None:
        self.network, self.about, self.labels = network, about, list(labels)
        self.head = list(dict(network.named_children()))[-1]

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        about = folders.describe(torchvision_models.Description, weights)
        state = load_file(weights.folder / "model.safetensors")
        names = about.labels if set(labels) <= set(about.labels) else list(labels)
        network = torchvision_models.build(about.architecture, len(names))
        model = cls(network, about, names)
        model.has_new_head = names is not about.labels
        if model.has_new_head:
            # The head is new; all below it is whole, or `load_state` raises.
            own = network.state_dict()
            state.update({name: own[name] for name in own if name.startswith(f"{model.head}.")})
        load_state(network, state, str(weights.folder))
        network.to(device, dtype)
        return model

    @classmethod
    def build(
        cls, architecture: str, size: object, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Self:
        assert isinstance(size, torchvision_models.Transform)
        about = torchvision_models.Description(architecture=architecture, labels=list(labels), transform=size)
        model = cls(torchvision_models.build(architecture, len(labels)).to(device, dtype), about, labels)
        model.has_new_head = True
        return model

    def preprocess(self, items: Sequence[Image], options: Any) -> list[Features]:
        return [{"pixels": self.about.transform(item, 2 * self.about.transform.resize)} for item in items]

    def save(self, folder: Path) -> None:
        about = self.about
        torchvision_models.save(
            self.network, folder, architecture=about.architecture, labels=self.labels, transform=about.transform
        )


class LiteTrainer(ImageTrainer):
    """EfficientNet-lite0, from ImageNet or from a folder that this wrote."""

    head = "_fc"
    stack = "_blocks"
    above = ("_conv_head", "_bn1")

    def __init__(self, network: efficientnet.Network, labels: Sequence[str]) -> None:
        self.network, self.labels = network, list(labels)

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        network, known = efficientnet.open_network(weights)
        is_new = not set(labels) <= set(known)
        if is_new:
            network._fc = nn.Linear(network._fc.in_features, len(labels))
            known = list(labels)
        model = cls(network.to(device, dtype), known)
        model.has_new_head = is_new
        return model

    def preprocess(self, items: Sequence[Image], options: Any) -> list[Features]:
        return [{"pixels": efficientnet.resize(decode(item, efficientnet.SCALED))} for item in items]

    def normalize(self, batch: Tensor) -> Tensor:
        return efficientnet.normalize(batch, self.network._fc.weight.dtype)

    def has_trunk(self, upper: int) -> bool:
        return True

    def logits_from(self, features: Sequence[Tensor] | Tensor, upper: int) -> Tensor:
        if not upper:
            return super().logits_from(features, upper)
        states = features if isinstance(features, Tensor) else torch.stack(list(features))
        logits: Tensor = self.network._fc(self.network.onwards(states, upper))
        return logits

    def save(self, folder: Path) -> None:
        folders.write(self.network, efficientnet.Description(labels=list(self.labels)), folder)
