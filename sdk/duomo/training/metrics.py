"""Scores as counts that add up over batches and devices, each with an interval of 95 %.

accuracy      right / all, Wilson's interval (Wilson 1927, "Probable inference")
macro F1      mean over the classes, interval from Poisson resamples of the confusion matrix (Chamandy et al. 2012,
              "Estimating uncertainty for massive data streams")
others        ratios of sums over rows, interval from the spread of the rows (delta method)

Where all rows are right, or all wrong, they have no spread, and shares have Wilson's interval instead. Of other numbers
one row alone has none: NaN.
"""

from __future__ import annotations

import math
import string
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from torch import Tensor

Z95 = 1.96
MOST_NATS = 700.0
"""The exponential of more is not a float."""
RESAMPLES, CELLS = 1000, 20_000_000
"""Resamples of a confusion matrix, and the most cells that all of them may have together."""


class Interval(NamedTuple):
    """A score and the interval in which it lies with 95 % confidence, were other rows held out; NaN if not known."""

    value: float
    low: float
    high: float
    num_rows: int
    """Rows or tokens it is from."""

    @property
    def shown(self) -> str:
        """The score as a person reads it."""
        return f"{self.value:.4f}" if math.isfinite(self.value) else "not known"

    @property
    def bounds(self) -> str:
        """The interval as a person reads it."""
        known = math.isfinite(self.low) and math.isfinite(self.high)
        return f"{self.low:.4f} to {self.high:.4f}" if known else "interval not known"


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
        return _ratio(self.rows)

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
        draws = max(20, min(RESAMPLES, CELLS // matrix.numel()))
        resampled = torch.poisson(matrix.expand(draws, *matrix.shape), generator=torch.Generator().manual_seed(0))
        found = macro_f1(resampled, self.skipped)
        low, high = found.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
        return Interval(value, low, high, total)


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
        return {"exact_match": exact, "micro_f1": _share(pairs), "macro_f1": self._macro_f1()}

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

        once = torch.ones(1, count, dtype=torch.float64)
        value = float(f1(once))
        if value in (0.0, 1.0):  # as are all resamples
            return wilson(int(value) * count, count)
        draws = max(20, min(RESAMPLES, CELLS // count))
        found = f1(torch.poisson(once.expand(draws, count), generator=torch.Generator().manual_seed(0)))
        low, high = found.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
        return Interval(value, low, high, count)


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
            "entity_precision": _share([(right, said) for right, said, _ in self.entities]),
            "entity_recall": _share([(right, wanted) for right, _, wanted in self.entities]),
            "entity_f1": _share([(2 * right, said + wanted) for right, said, wanted in self.entities]),
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
        left = _ratio([((label - guess) ** 2, (label - middle) ** 2) for label, guess in self.pairs])
        is_one = len({label for label, _ in self.pairs}) == 1  # of which the sums may differ by rounding
        explained = (math.nan,) * 3 if is_one else (1 - left.value, 1 - left.high, 1 - left.low)
        return {
            "mean_absolute_error": Interval(mean, _not_below(0.0, mean - spread), mean + spread, count),
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
        f1 = _share([(f1, 1.0) for _, f1 in self.pairs])
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
        return {"word_error_rate": _share(self.words), "character_error_rate": _share(self.characters)}


def edits(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Insertions, deletions and replacements that make one sequence the other (Levenshtein 1966)."""
    above = list(range(len(second) + 1))
    for at, one in enumerate(first, 1):
        row = [at]
        for place, other in enumerate(second, 1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (one != other)))
        above = row
    return above[-1]


def _words(text: str) -> list[str]:
    kept = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def _overlap(one: list[str], other: list[str]) -> float:
    if not one or not other:
        return float(one == other)
    return 2 * (Counter(one) & Counter(other)).total() / (len(one) + len(other))


def _ratio(rows: Sequence[tuple[float, float]]) -> Interval:
    """A sum over another, with the interval of such a ratio over rows; not below 0 where no sum is."""
    count = sum(count for _, count in rows)
    if not count:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = sum(total for total, _ in rows) / count
    spread = math.sqrt(sum((total - mean * n) ** 2 for total, n in rows)) / count if len(rows) > 1 else math.nan
    least = 0.0 if all(total >= 0 for total, _ in rows) else -math.inf
    return Interval(mean, _not_below(least, mean - Z95 * spread), mean + Z95 * spread, len(rows))


def _share(rows: Sequence[tuple[float, float]]) -> Interval:
    """As `_ratio`, of shares: Wilson's interval over the rows that count, where all of them are right or all wrong."""
    found = _ratio(rows)
    counted = sum(count > 0 for _, count in rows)
    alike = found.value in (0.0, 1.0) and all(total == found.value * count for total, count in rows)
    return wilson(int(found.value) * counted, counted)._replace(num_rows=len(rows)) if alike else found


def _not_below(least: float, number: float) -> float:
    return number if math.isnan(number) else max(least, number)


def wilson(right: int, total: int) -> Interval:
    """A share and Wilson's interval around it."""
    if not total:
        return Interval(math.nan, math.nan, math.nan, 0)
    share, z2 = right / total, Z95 * Z95
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), total)


def macro_f1(confusion: Tensor, skipped: int = 0) -> Tensor:
    """Mean F1 over the classes that occur as label or prediction, of one or more confusion matrices (…, C, C).

    The first `skipped` classes have no F1 of their own.
    """
    right = confusion.diagonal(dim1=-2, dim2=-1)[..., skipped:]
    either = (confusion.sum(-1) + confusion.sum(-2))[..., skipped:]
    return (2 * right / either.clamp(min=1)).sum(-1) / (either > 0).sum(-1).clamp(min=1)
