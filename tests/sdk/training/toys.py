"""A small network that can be trained: letters of a text through a batch norm, dropout and two layers."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from duomo import Hooks, Model, ModelSpec, Text, WeightsRef, hookimpl
from duomo.errors import BadInput
from duomo.model import Features
from duomo.parallel import PipelinePlan, TensorPlan
from duomo.tasks.results import Classification
from duomo.training import Losses, Parts, Trainable

LETTERS = "abcdefghijklmnopqrstuvwxyz "
SPEC = ModelSpec(
    "toys/letters",
    "text-classification",
    "toys:Letters",
    "letters",
    "MIT",
    weights="none",
    trainer="toys:LettersTrainer",
)
VARIED = SPEC._replace(name="toys/varied", trainer="toys:VariedTrainer")
FORMULA = SPEC._replace(name="toys/formula", trainer="")


class Layer(nn.Module):
    """(B, 16) to (B, 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, states: Tensor) -> Tensor:
        return states + self.down(self.up(states).relu())


class Network(nn.Module):
    """A trunk of a linear layer, a batch norm and dropout; a stack of two; a head."""

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(len(LETTERS), 16), nn.BatchNorm1d(16), nn.Dropout(0.1))
        self.layers = nn.ModuleList([Layer(), Layer()])
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(16, num_labels)


class Letters(Model[Text, Classification]):
    """The network in inference."""

    def __init__(self, network: Network, labels: Sequence[str]) -> None:
        self.network, self.labels = network, list(labels)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: Any, dtype: Any) -> Self:
        labels = json.loads((weights.folder / "duomo.json").read_text())["labels"]
        network = Network(len(labels))
        network.load_state_dict(load_file(weights.folder / "model.safetensors"))
        return cls(network.to(device), labels)

    def preprocess(self, items: Sequence[Text], options: Any) -> list[Features]:
        if any("unreadable" in item for item in items):
            raise BadInput("this text is unreadable", fix="leave it out")
        return [{"counts": torch.tensor([float(item.lower().count(letter)) for letter in LETTERS])} for item in items]

    def logits(self, batch: dict[str, Tensor]) -> Tensor:
        return self.logits_from(self.features(batch, 2), 2)

    def features(self, batch: dict[str, Tensor], upper: int) -> Tensor:
        states: Tensor = self.network.trunk(batch["counts"])
        for layer in self.network.layers[: 2 - upper]:
            states = layer(states)
        return states

    def logits_from(self, features: Any, upper: int) -> Tensor:
        states = features if isinstance(features, Tensor) else torch.stack(list(features))
        for layer in self.network.layers[2 - upper :]:
            states = layer(states)
        logits: Tensor = self.network.head(self.network.drop(states))
        return logits

    @classmethod
    def tensor_plan(cls, config: Any) -> TensorPlan | None:
        return TensorPlan({"layers.*.up": "colwise", "layers.*.down": "rowwise"}, {"inner units": 16})

    @classmethod
    def pipeline_split(cls, config: Any) -> PipelinePlan | None:
        return PipelinePlan("layers", 2)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.logits(batch).softmax(-1)

    def postprocess(self, output: Tensor, features: list[Features], options: Any) -> list[Classification]:
        return [Classification.ranked(self.labels, row) for row in output.tolist()]


class Unplanned(Letters):
    """The same, whose author does not say how it is cut."""

    tensor_plan = Model.tensor_plan
    pipeline_split = Model.pipeline_split


class LettersTrainer(Letters, Trainable[Text]):  # type: ignore[misc]
    """The same in training."""

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: Any, dtype: Any) -> Self:
        return cls(Network(len(labels)).to(device, dtype), labels)

    def parts(self) -> Parts:
        return Parts(("drop", "head"), "layers")

    def save(self, folder: Path) -> None:
        (folder / "duomo.json").write_text(json.dumps({"model": "toys/letters", "labels": self.labels}))
        save_file(self.network.state_dict(), folder / "model.safetensors")


class VariedTrainer(LettersTrainer):
    """It drops letters of a text."""

    def augment(self, item: Text, draw: torch.Generator) -> Text:
        kept = torch.rand(len(item), generator=draw) > 0.2
        return Text("".join(letter for letter, keep in zip(item, kept.tolist(), strict=True) if keep))


class PoisonTrainer(LettersTrainer):
    """A text with ``poison`` in it has a loss that is not finite."""

    def preprocess(self, items: Sequence[Text], options: Any) -> list[Features]:
        found = super().preprocess(items, options)
        for item, each in zip(items, found, strict=True):
            if "poison" in item:
                each["counts"] = each["counts"] * float("inf")
        return found

    def features(self, batch: dict[str, Tensor], upper: int) -> Tensor:
        # A batch norm would spread what is not finite over its batch, so that every row had such a loss.
        bad = ~batch["counts"].isfinite().all(-1, keepdim=True)
        states = super().features({"counts": batch["counts"].masked_fill(bad, 0)}, upper)
        return states + torch.where(bad, float("inf"), 0.0)


class StillTrainer(LettersTrainer):
    """Without dropout."""

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: Any, dtype: Any) -> Self:
        model = super().open(weights, labels=labels, device=device, dtype=dtype)
        model.network.drop.p = 0.0
        return model


class HungryTrainer(StillTrainer):
    """Two rows fill its memory, in the second of two processes."""

    def losses(self, output: Any, targets: Sequence[Any]) -> Losses:
        import torch.distributed as dist

        is_second = dist.is_initialized() and dist.get_rank() == 1
        if is_second and torch.is_grad_enabled() and len(targets) > 1:
            raise MemoryError
        return super().losses(output, targets)


HUNGRY = SPEC._replace(name="toys/hungry", trainer="toys:HungryTrainer")
STILL = SPEC._replace(name="toys/still", trainer="toys:StillTrainer")
UNPLANNED = SPEC._replace(name="toys/unplanned", loader="toys:Unplanned")
POISON = SPEC._replace(name="toys/poison", trainer="toys:PoisonTrainer")


class Toys(Hooks):
    """The toys as a plugin."""

    @hookimpl
    def register_models(self) -> list[ModelSpec]:
        return [SPEC, VARIED, FORMULA, POISON, STILL, HUNGRY, UNPLANNED]


def train(
    rows: Any, out: str, settings: dict[str, Any], given: dict[str, Any], end: tuple[int, float] = (-1, 0.0)
) -> None:
    """Train in a process of its own, which dies after a step and some CPU seconds, before the next but one."""
    import duomo
    from duomo.plugins.selection import Selection

    def on_step(progress: Any) -> None:
        if progress.step == end[0]:
            signal.setitimer(signal.ITIMER_PROF, end[1])  # the kernel ends it, wherever it is
        if progress.step == end[0] + 1:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    catalog = duomo.Catalog(Selection(allow=frozenset()), extra={"toys": Toys()})
    recipe = duomo.Recipe(**settings)
    duomo.finetune(
        "text-classification", rows, out=out, recipe=recipe, resume=True, catalog=catalog, on_step=on_step, **given
    )


class Trap:
    """The pipe of a rank to its driver, which does something to its process once a step was told."""

    def __init__(self, pipe: Any, step: int, act: Callable[[], object]) -> None:
        self.pipe, self.step, self.act = pipe, step, act

    def send(self, message: Any) -> None:
        self.pipe.send(message)
        if message[0] == "step" and message[1][0] == self.step:
            self.act()

    def close(self) -> None:
        self.pipe.close()


def trapped(rank: int, step: int, act: Callable[[], object], *args: Any) -> None:
    """Be a rank of a training of which one has a trap."""
    from duomo.training.distributed.rank import main

    *others, pipe = args
    all_args: list[Any] = [*others, Trap(pipe, step, act) if others[0] == rank else pipe]
    main(*all_args)


def hold() -> None:
    """Do nothing more, so that the driver need not hurry."""
    time.sleep(3600)  # until it is ended


def harm(mark: Path, sent: int | None) -> None:
    """Send a signal to this process, once; hang without one."""
    if not mark.exists():
        mark.touch()
        hold() if sent is None else os.kill(os.getpid(), sent)


def fill(folder: Path, aside: Path) -> None:
    """Make it that nothing can be made in a folder."""
    folder.rename(aside)
    folder.write_text("a file where a folder should be")
