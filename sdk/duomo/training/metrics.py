"""Scores as counts that add up over batches and devices, each with an interval of 95 % (`intervals`)."""

from __future__ import annotations

import math
import string
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from duomo.nearest import edits
from duomo.training.intervals import Z95, Interval, not_below, ratio, resampled, share, wilson

if TYPE_CHECKING:
    from torch import Tensor

MOST_NATS = 700.0
"""The exponential of more is not a float."""


class Metric(ABC):
    """Counts of what a model got right; `merge` joins those of two devices."""

    better: str
    """The score by which the best checkpoint is chosen, unless the recipe names another."""

    @abstractmethod
    def add(self, predictions: Sequence[Any], labels: Sequence[Any]) -> None:
        """Count the rows of a batch."""

    @abstractmethod
    def merge(self, other: Self) -> None:
        """Add the counts of other rows."""

    @abstractmethod
    def scores(self) -> dict[str, Interval]:
        """The scores, by name."""


class Loss:
    """The mean loss over terms."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float]] = []

    def add(self, sums: Sequence[float], counts: Sequence[float]) -> None:
        """Count the rows of a batch, but for those whose loss is not finite."""
        self.rows += [(total, n) for total, n in zip(sums, counts, strict=True) if math.isfinite(total)]

    def score(self) -> Interval:
        """Mean loss, with the interval of a ratio of sums over rows."""
        return ratio(self.rows)

    def perplexity(self) -> Interval:
        """The exponential of the mean loss: among how many tokens a language model hesitates."""
        found = self.score()
        value, low, high = (math.exp(min(each, MOST_NATS)) for each in found[:3])
        return Interval(value, low, high, found.num_rows)


class Classes(Metric):
    """One name of several for each row."""

    better = "macro_f1"
    skipped = 0
    """Names, from the first, that have no F1 of their own."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self.pairs: Counter[tuple[str, str]] = Counter()
        """(label, prediction) → rows."""

    def add(self, predictions: Sequence[Any], labels: Sequence[Any]) -> None:
        self.pairs.update(zip(labels, predictions, strict=True))

    def merge(self, other: Self) -> None:
        self.pairs.update(other.pairs)

    @property
    def confusion(self) -> list[list[int]]:
        """Rows are labels, columns predictions, in the order of `labels`."""
        return [[self.pairs[label, guess] for guess in self.labels] for label in self.labels]

    def scores(self) -> dict[str, Interval]:
        total = self.pairs.total()
        right = sum(count for (label, guess), count in self.pairs.items() if label == guess)
        return {"accuracy": wilson(right, total), "macro_f1": self._macro_f1()}

    def _macro_f1(self) -> Interval:
        import torch

        matrix = torch.tensor(self.confusion, dtype=torch.float64)
        total, value = int(matrix.sum()), float(macro_f1(matrix, self.skipped))
        if value in (0.0, 1.0) or not total:  # as are all resamples
            named = total - int(matrix[: self.skipped, : self.skipped].sum())
            return wilson(int(value) * named, named)._replace(value=value if total else math.nan, num_rows=total)
        return Interval(value, *resampled(matrix, lambda counts: macro_f1(counts, self.skipped)), total)


class Several(Metric):
    """All names that apply to each row: the share of rows whose names are all right, and F1 of the names.

    The interval of macro F1 is from Poisson resamples of the rows.
    """

    better = "macro_f1"

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = list(labels)
        self.rows: list[tuple[Set[str], Set[str]]] = []
        """What applies to each row, and what was said of it."""

    def add(self, predictions: Sequence[Any], labels: Sequence[Any]) -> None:
        self.rows += [(set(wanted), set(said)) for said, wanted in zip(predictions, labels, strict=True)]

    def merge(self, other: Self) -> None:
        self.rows += other.rows

    def scores(self) -> dict[str, Interval]:
        exact = wilson(sum(wanted == said for wanted, said in self.rows), len(self.rows))
        pairs = [(2.0 * len(wanted & said), float(len(wanted) + len(said))) for wanted, said in self.rows]
        return {"exact_match": exact, "micro_f1": share(pairs), "macro_f1": self._macro_f1()}

    def _macro_f1(self) -> Interval:
        import torch

        count = len(self.rows)
        wanted, said = (
            torch.tensor([[name in row[at] for name in self.labels] for row in self.rows], dtype=torch.float64)
            for at in (0, 1)
        )

        def f1(times: Tensor) -> Tensor:
            either = times @ (wanted + said)
            return (2 * times @ (wanted * said) / either.clamp(min=1)).sum(-1) / (either > 0).sum(-1).clamp(min=1)

        once = torch.ones(count, dtype=torch.float64)
        value = float(f1(once))
        if value in (0.0, 1.0):  # as are all resamples
            return wilson(int(value) * count, count)
        return Interval(value, *resampled(once, f1), count)


class Named(NamedTuple):
    """What is said of a row: the name of each token or word, and the whole entities."""

    names: Sequence[str]
    entities: Set[tuple[int, int, str]]
    """Start, end and label."""


class Tokens(Classes):
    """A `Named` for each row: scores by token, and by entity.

    By token, F1 is the mean over the names, ``O`` (no name) left out. By entity one is right where start, end and label
    are (Tjong Kim Sang and De Meulder 2003, as conlleval and seqeval in strict mode count), all labels together.
    """

    outside = "O"
    skipped = 1

    def __init__(self) -> None:
        super().__init__([self.outside])
        self.entities: list[tuple[int, int, int]] = []
        """For each row: how many entities are right, how many were predicted, and how many its labels have."""

    def add(self, predictions: Sequence[Any], labels: Sequence[Any]) -> None:
        for row, wanted in zip(predictions, labels, strict=True):
            super().add(row.names, wanted.names)
            self.entities.append((len(row.entities & wanted.entities), len(row.entities), len(wanted.entities)))
        self._see()

    def merge(self, other: Self) -> None:
        super().merge(other)
        self.entities += other.entities
        self._see()

    def scores(self) -> dict[str, Interval]:
        return {
            **super().scores(),
            "entity_precision": share([(right, said) for right, said, _ in self.entities]),
            "entity_recall": share([(right, wanted) for right, _, wanted in self.entities]),
            "entity_f1": share([(2 * right, said + wanted) for right, said, wanted in self.entities]),
        }

    def _see(self) -> None:
        names = {name for pair in self.pairs for name in pair} - {self.outside}
        self.labels = [self.outside, *sorted(names)]


class Numbers(Metric):
    """A number for each row: mean absolute error and the share of variance explained."""

    better = "mean_absolute_error"

    def __init__(self) -> None:
        self.pairs: list[tuple[float, float]] = []

    def add(self, predictions: Sequence[Any], labels: Sequence[Any]) -> None:
        self.pairs += zip(map(float, labels), map(float, predictions), strict=True)

    def merge(self, other: Self) -> None:
        self.pairs += other.pairs

    def scores(self) -> dict[str, Interval]:
        errors = [abs(label - guess) for label, guess in self.pairs]
        count = len(errors)
        mean = sum(errors) / count
        around = sum((each - mean) ** 2 for each in errors)
        spread = Z95 * math.sqrt(around / (count - 1) / count) if count > 1 else math.nan
        middle = sum(label for label, _ in self.pairs) / count
        left = ratio([((label - guess) ** 2, (label - middle) ** 2) for label, guess in self.pairs])
        is_one = len({label for label, _ in self.pairs}) == 1  # of which the sums may differ by rounding
        explained = (math.nan,) * 3 if is_one else (1 - left.value, 1 - left.high, 1 - left.low)
        return {
            "mean_absolute_error": Interval(mean, not_below(0.0, mean - spread), mean + spread, count),
            "r2": Interval(*explained, count),
        }


class Answers(Metric):
    """A stretch of a text for each row, as SQuAD scores it (Rajpurkar et al. 2016): exact match, and F1 of the words.

    A prediction is a text, and a label all texts that are right; none where there is no answer.
    """

    better = "f1"

    def __init__(self) -> None:
        self.pairs: list[tuple[float, float]] = []
        """Exact match and F1 of each row."""

    def add(self, predictions: Sequence[Any], labels: Sequence[Any]) -> None:
        for guess, right in zip(predictions, labels, strict=True):
            both = [(_words(guess), _words(each)) for each in right or [""]]
            self.pairs.append((float(any(one == other for one, other in both)), max(_overlap(*each) for each in both)))

    def merge(self, other: Self) -> None:
        self.pairs += other.pairs

    def scores(self) -> dict[str, Interval]:
        exact = wilson(int(sum(one for one, _ in self.pairs)), len(self.pairs))
        f1 = share([(f1, 1.0) for _, f1 in self.pairs])
        return {"exact_match": exact, "f1": f1._replace(high=min(1.0, f1.high))}


class WordErrors(Metric):
    """A text for each row: words, and characters, that would have to be changed, over those that were said."""

    better = "word_error_rate"

    def __init__(self) -> None:
        self.words: list[tuple[float, float]] = []
        self.characters: list[tuple[float, float]] = []

    def add(self, predictions: Sequence[Any], labels: Sequence[Any]) -> None:
        for guess, said in zip(predictions, labels, strict=True):
            self.words.append((edits(guess.split(), said.split()), len(said.split())))
            self.characters.append((edits(guess, said), len(said)))

    def merge(self, other: Self) -> None:
        self.words += other.words
        self.characters += other.characters

    def scores(self) -> dict[str, Interval]:
        return {"word_error_rate": share(self.words), "character_error_rate": share(self.characters)}


def _words(text: str) -> list[str]:
    kept = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def _overlap(one: list[str], other: list[str]) -> float:
    if not one or not other:
        return float(one == other)
    return 2 * (Counter(one) & Counter(other)).total() / (len(one) + len(other))


def macro_f1(confusion: Tensor, skipped: int = 0) -> Tensor:
    """Mean F1 over the classes that occur as label or prediction, of one or more confusion matrices (…, C, C).

    The first `skipped` classes have no F1 of their own.
    """
    right = confusion.diagonal(dim1=-2, dim2=-1)[..., skipped:]
    either = (confusion.sum(-1) + confusion.sum(-2))[..., skipped:]
    return (2 * right / either.clamp(min=1)).sum(-1) / (either > 0).sum(-1).clamp(min=1)
