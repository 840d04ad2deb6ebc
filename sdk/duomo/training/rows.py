"""The rows of a training, made ready for the network: read and checked once, kept while they fit."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from typing import Any, Protocol

import torch

from duomo.data.examples import Example
from duomo.execution.devices import move
from duomo.model import Features
from duomo.outcome import ItemError
from duomo.training.order import generator
from duomo.training.trainable import Trainable

KEPT_BYTES = 2 * 1024**3
"""Features are kept in memory up to this size, so that an image is decoded once and not in each epoch."""
LARGE = 256
"""Numbers of a tensor that is an image or sound; a row of a table has fewer."""
EVEN = 1e-5
"""Less than that apart is one number: a third of a step of 16 bits, and what resizing leaves of one colour."""
TOGETHER = 64
"""Rows that are prepared at once."""


class Batch(Protocol):
    """Some rows on their way through the network."""

    targets: list[Any]

    def output(self) -> Any:
        """Run the network."""


class Rows(Protocol):
    """Where the loop gets its batches from."""

    def costs(self, rows: Sequence[int]) -> list[int]:
        """The cost of each row, in the units of the model's budget."""

    def batch(self, rows: Sequence[int], seeds: Sequence[int] | None = None) -> Batch:
        """The rows as one batch, varied by the augmentation when `seeds` are given. Raises what a row raises."""


@dataclasses.dataclass
class Direct:
    """A batch that goes through the whole network."""

    model: Trainable[Any]
    inputs: Any
    targets: list[Any]

    def output(self) -> Any:
        """Run the network."""
        return self.model.logits(self.inputs)


class PreparedRows:
    """Examples with their features and targets.

    Args:
        model: whose `preprocess` and `targets` are used.
        examples: rows with an input and a label.
        options: of the task.
        device: where batches are put.
        varied: whether `augment` is to be used.
    """

    def __init__(
        self,
        model: Trainable[Any],
        examples: Sequence[Example],
        options: object,
        device: torch.device,
        *,
        varied: bool = False,
    ) -> None:
        self.model = model
        self.examples = list(examples)
        self.device = device
        self.varied = varied and (model.augments or model.varies)
        self._options = options
        self._kept: list[Features | None] = [None] * len(self.examples)
        self._targets: list[Any] = [None] * len(self.examples)
        self._costs = [1] * len(self.examples)
        self.counts = Counter[str]()
        """How many are ``truncated``, ``blank`` or ``unknown`` to the tokenizer, or have a ``cut off`` label."""

    def __len__(self) -> int:
        return len(self.examples)

    def read(self, progress: Callable[[int], None] = lambda _: None) -> list[tuple[Example, ItemError]]:
        """Prepare every row once; those that cannot be are taken out and given back with the reason."""
        failed: list[tuple[Example, ItemError]] = []
        good: list[tuple[Example, Features, Any]] = []
        room = KEPT_BYTES
        for start in range(0, len(self.examples), TOGETHER):
            for example, found in self._read_some(self.examples[start : start + TOGETHER]):
                if isinstance(found, ItemError):
                    failed.append((example, found))
                    continue
                features, target = found
                room -= _size(features)
                good.append((example, features if room > 0 else {"cost": self.model.cost(features)}, target))
                self.counts.update(name for name in ("truncated", "unknown") if features.get(name))
                self.counts["blank"] += _is_blank(features)
                self.counts["cut off"] += self.model.is_cut_off(example.label, features)
            progress(start)
        self.examples = [example for example, _, _ in good]
        self._costs = [each.get("cost") or self.model.cost(each) for _, each, _ in good]
        self._kept = [None if "cost" in each else each for _, each, _ in good]
        self._targets = [target for _, _, target in good]
        return failed

    def _read_some(self, examples: Sequence[Example]) -> Iterator[tuple[Example, tuple[Features, Any] | ItemError]]:
        try:
            features = self.model.preprocess([each.item for each in examples], self._options)
            for row in features:
                self.model.check_row(row)
            targets = self.model.targets([each.label for each in examples], features)
        except Exception as error:
            if len(examples) == 1:
                yield examples[0], ItemError.of(error)
            else:
                for each in examples:
                    yield from self._read_some([each])
            return
        for example, feature, target in zip(examples, features, targets, strict=True):
            yield example, (feature, target)

    def take(self, places: Sequence[int], *, varied: bool = False) -> PreparedRows:
        """Some of these rows, in the order of `places`; `varied` says whether `augment` is used on them."""
        part = PreparedRows(self.model, [self.examples[at] for at in places], self._options, self.device, varied=varied)
        part._kept = [self._kept[at] for at in places]
        part._targets = [self._targets[at] for at in places]
        part._costs = [self._costs[at] for at in places]
        return part

    def regroup(self) -> PreparedRows:
        """The rows that the model makes of these: `Trainable.regroup`. All features must be in memory."""
        if not self._kept:  # none is held out: a model has no word in that
            return self
        kept = [each for each in self._kept if each is not None]
        if len(kept) < len(self._kept):
            raise MemoryError(f"the rows take more than {KEPT_BYTES / 1024**3:.0f} GiB: train on a part of them")
        made = self.model.regroup(kept)
        count = Counter[int]()
        examples = []
        for place, _ in made:
            examples.append(Example(f"{self.examples[place].id}+{count[place]}", None, None))
            count[place] += 1
        found = PreparedRows(self.model, examples, self._options, self.device, varied=self.varied)
        found._kept = [features for _, features in made]
        found._costs = [self.model.cost(features) for _, features in made]
        return found

    def costs(self, rows: Sequence[int]) -> list[int]:
        """The cost of each row."""
        return [self._costs[row] for row in rows]

    def batch(self, rows: Sequence[int], seeds: Sequence[int] | None = None) -> Direct:
        """The rows as one batch on the device."""
        features = self._features(rows, seeds if self.varied else None)
        inputs = move(self.model.collate(features), self.device)
        return Direct(self.model, inputs, [self._targets[row] for row in rows])

    def targets(self, rows: Sequence[int]) -> list[Any]:
        """What the output of each row is compared with."""
        return [self._targets[row] for row in rows]

    def _features(self, rows: Sequence[int], seeds: Sequence[int] | None) -> list[Features]:
        if seeds is None:
            return self._unvaried(rows)
        draws = [generator(seed) for seed in seeds]
        if self.model.augments:
            items = [self.model.augment(self.examples[row].item, draw) for row, draw in zip(rows, draws, strict=True)]
            found = self.model.preprocess(items, self._options)
        else:
            found = self._unvaried(rows)
        return [self.model.vary(each, draw) for each, draw in zip(found, draws, strict=True)]

    def _unvaried(self, rows: Sequence[int]) -> list[Features]:
        found = [self._kept[row] for row in rows]
        missing = [at for at, each in enumerate(found) if each is None]
        if missing:
            read = self.model.preprocess([self.examples[rows[at]].item for at in missing], self._options)
            for at, each in zip(missing, read, strict=True):
                found[at] = each
        return [each for each in found if each is not None]


def _is_blank(value: object) -> bool:
    """Whether sound is silent, or an image has one colour: in each channel of a large tensor all numbers are one."""
    if isinstance(value, Mapping):
        return any(map(_is_blank, value.values()))
    if not isinstance(value, torch.Tensor) or value.numel() < LARGE:
        return False
    if not value.is_floating_point() and value.dtype != torch.uint8:
        return False
    if value.dim() == 3 and value.shape[-1] <= 4:  # channels last
        value = value.movedim(-1, 0)
    least, most = (value.flatten(-2) if value.dim() > 2 else value).aminmax(dim=-1)
    return bool((most - least <= EVEN).all())


def _size(value: object) -> int:
    """Bytes of a row's features, roughly."""
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    if isinstance(value, torch.Tensor):
        return value.nbytes
    return 8 * len(value) if isinstance(value, Sized) else 32
