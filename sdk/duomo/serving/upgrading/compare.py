"""What changes between two results of one item: a label, an angle, words, boxes."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import deque
from collections.abc import Sequence

from duomo.nearest import edits
from duomo.tasks.base import Result

MOST_COSINES = 10_000


@dataclasses.dataclass
class Differences:
    """What changed over all items that were compared."""

    items: int = 0
    changed: int = 0
    """Items whose answer is another: the best label, the words, the number of boxes, or any other value."""
    labels_changed: int = 0
    cosines: deque[float] = dataclasses.field(default_factory=lambda: deque(maxlen=MOST_COSINES))
    """Cosines of the last items that have vectors."""
    word_errors: int = 0
    words: int = 0

    def add(self, live: Result, candidate: Result) -> None:
        """Compare the results of one item."""
        self.items += 1
        one, other = _label(live), _label(candidate)
        vector, again = getattr(live, "vector", None), getattr(candidate, "vector", None)
        text, words = getattr(live, "text", None), getattr(candidate, "text", None)
        if one is not None and other is not None:
            self.labels_changed += one != other
            self.changed += one != other
        elif vector is not None and again is not None:
            self.cosines.append(cosine(vector.tolist(), again.tolist()))
            self.changed += self.cosines[-1] < 0.999
        elif isinstance(text, str) and isinstance(words, str):
            errors = edits(text.split(), words.split())
            self.word_errors += errors
            self.words += len(text.split())
            self.changed += errors > 0
        else:
            self.changed += not _alike(live.model_dump(mode="json"), candidate.model_dump(mode="json"))

    def record(self) -> dict[str, float | int | None]:
        """Return the figures."""
        cosines = sorted(self.cosines)
        return {
            "items": self.items,
            "changed": self.changed,
            "labels_changed": self.labels_changed,
            "cosine_least": round(cosines[0], 6) if cosines else None,
            "cosine_p05": round(cosines[len(cosines) // 20], 6) if cosines else None,
            "cosine_median": round(statistics.median(cosines), 6) if cosines else None,
            "word_error_rate": round(self.word_errors / self.words, 4) if self.words else None,
        }


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors; 0 where their lengths differ, or one is zero."""
    lengths = math.hypot(*one) * math.hypot(*other)
    if len(one) != len(other) or not lengths:
        return 0.0
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths


def _label(result: Result) -> str | None:
    labels = getattr(result, "labels", None)
    return str(labels[0].name) if isinstance(labels, list) and labels and hasattr(labels[0], "name") else None


def _alike(one: object, other: object) -> bool:
    """Compare values of JSON; numbers may differ by a thousandth."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-3)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    return one == other
