"""Learning to act from the episodes of others: behaviour cloning, as in the paper.

A row is an episode: observations, the action that followed each but the last, and what each action earned, where that
is known. Then the better half of an environment's episodes is learned from (the paper: those with 80 % of what an
expert earns, which nobody tells here); the others count nothing.

environment    known by the names of its observations; a new one is described by the training part. Numbers that are
               whole and not negative throughout are discrete, others continuous; continuous actions lie in [-1, 1]
row            whole steps, as many as the network reads; a longer episode becomes several rows
loss           of actions only, in nats
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from duomo import WeightsRef
from duomo.errors import BadInput
from duomo.inputs import Episode
from duomo.model import Features
from duomo.training import Losses, Trainable
from duomo_multimodal.gato.network import Description, Gato, losses
from duomo_multimodal.gato.serving import Actor, Numbers, save
from duomo_multimodal.gato.tokens import LEVELS, LOCAL, Environment, Tokens, Values, join


class Output(NamedTuple):
    """What a batch came to."""

    nats: Tensor
    """(B,), summed over the numbers of actions."""
    counts: Tensor
    """(B,), how many those are."""


class ActorTrainer(Actor, Trainable[Episode]):
    """Cross-entropy over the tokens of actions."""

    network: Any
    kind = "none"
    batch_budget = 8192
    least: dict[tuple[str, ...], float]
    """What an episode earns that is learned from, by the names of its observations."""
    scratch: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "gato": {
            "tiny": Description(width=64, layers=2, heads=4, context=256, side=32, channels=8),
            "small": Description(width=192, layers=6, heads=6, context=256, side=32, channels=8),
        }
    }

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        del labels
        model = cls.load(weights, device=device, dtype=dtype)
        model.has_new_head = True  # until `fit_statistics` has seen that it knows all environments
        return model

    @classmethod
    def build(
        cls, architecture: str, size: object, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Self:
        del architecture, labels
        assert isinstance(size, Description)
        model = cls(Gato(size).to(device, dtype))
        model.has_new_head = True
        return model

    def fit_statistics(self, items: Sequence[Episode], labels: Sequence[object]) -> None:
        """Describe environments that are new, and find what an episode of each earns at least to be learned from."""
        known = dict(self.about.environments)
        self.least = {}
        for names, episodes in _by_environment(items).items():
            if not any(tuple(sorted(each.observations)) == names for each in known.values()):
                known["+".join(names)] = _described(names, episodes)
            earned = [sum(each.rewards) for each in episodes if each.rewards]
            if earned:
                self.least[names] = median(earned)
                below = sum(each < self.least[names] for each in earned)
                what = f"{below} of {len(episodes)} episodes that show {', '.join(names)}"
                self.notes = [
                    *self.notes,
                    f"{what} earn less than their median, {median(earned):g}: they count nothing",
                ]
        self.has_new_head = known != self.about.environments
        self.about = self.network.about = self.about.model_copy(update={"environments": known})

    def preprocess(self, items: Sequence[Episode], options: object) -> list[Features]:
        return [self._learned(item) for item in items]

    def regroup(self, features: Sequence[Features]) -> list[tuple[int, Features]]:
        """Rows of whole steps that the network reads at once."""
        return [
            (at, {"tokens": join(steps), "weight": each["weight"]})
            for at, each in enumerate(features)
            for steps in _windows(each["steps"], self.about.context)
        ]

    def targets(self, labels: Sequence[object], features: Sequence[Features]) -> list[None]:
        return [None for _ in labels]

    def cost(self, features: Features) -> int:
        """Tokens."""
        return len(features["tokens"]) if "tokens" in features else sum(map(len, features["steps"]))

    def logits(self, batch: list[Features]) -> Output:
        nats, counts = losses(self.network, [each["tokens"] for each in batch])
        weights = nats.new_tensor([each["weight"] for each in batch])
        return Output(nats * weights, counts * weights)

    def losses(self, output: Output, targets: Sequence[object]) -> Losses:
        return Losses(*output)

    def save(self, folder: Path) -> None:
        save(self.network, folder)

    def _learned(self, item: Episode) -> Features:
        if not item.actions:
            raise BadInput(
                "this episode has no action", why="what is learned is the action that follows an observation",
                fix="two observations at least, and an action between them",
            )  # fmt: skip
        name, environment = self._environment(item.observations[-1])
        if environment.action.kind == "continuous" and any(abs(each) > 1 for done in item.actions for each in done):
            raise BadInput(
                f"an action of '{name}' is beyond 1", why="actions that are not whole numbers lie in [-1, 1]",
                fix="divide them by the largest one there can be",
            )  # fmt: skip
        steps = self._steps(item, item.actions)
        if max(map(len, steps)) > self.about.context:
            raise BadInput(
                f"a step has {max(map(len, steps))} tokens", why=f"the model reads {self.about.context}",
                fix="leave out of the observations what is not needed to act",
            )  # fmt: skip
        least = self.least.get(tuple(sorted(item.observations[-1])))
        is_good = not item.rewards or least is None or sum(item.rewards) >= least
        return {"steps": steps, "weight": float(is_good)}


def _by_environment(items: Iterable[Episode]) -> dict[tuple[str, ...], list[Episode]]:
    found: dict[tuple[str, ...], list[Episode]] = {}
    for item in items:
        found.setdefault(tuple(sorted(item.observations[-1])), []).append(item)
    return found


def _described(names: Sequence[str], episodes: Sequence[Episode]) -> Environment:
    """Describe what the episodes show and do. Raises `BadInput` where that is more than an observation may have."""
    seen = {name: [each[name] for item in episodes for each in item.observations if name in each] for name in names}
    done = [each for item in episodes for each in item.actions]
    if not done:
        raise BadInput(
            f"no episode that shows {', '.join(names)} has an action", why="actions are what is learned",
            fix="two observations at least, and an action between them",
        )  # fmt: skip
    size = sum(len(values[0]) for values in seen.values())
    if max(size, len(done[0])) > LOCAL or not all(len(each[0]) for each in (*seen.values(), done)):
        raise BadInput(
            f"an observation of {size} numbers and an action of {len(done[0])} cannot be learned",
            why=f"each has 1 to {LOCAL}", fix="leave out what is not needed to act",
        )  # fmt: skip
    return Environment(
        observations={name: _kind(values) for name, values in seen.items()}, action=_kind(done, acts=True)
    )


def _kind(values: Sequence[Numbers], *, acts: bool = False) -> Values:
    """Discrete, where all numbers are whole and lie among the ids; of actions there are as many as were seen."""
    numbers = [each for row in values for each in row]
    if all(each == int(each) and 0 <= each < LEVELS for each in numbers):
        return Values(kind="discrete", count=len(values[0]), choices=int(max(numbers)) + 1 if acts else LEVELS)
    return Values(count=len(values[0]))


def _windows(steps: Sequence[Tokens], room: int) -> Iterator[list[Tokens]]:
    """Join the steps to rows of at most `room` tokens."""
    row: list[Tokens] = []
    for step in steps:
        if row and sum(map(len, row)) + len(step) > room:
            yield row
            row = []
        row.append(step)
    yield row
