"""Result classes that several tasks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from duomo.tasks.base import Result

if TYPE_CHECKING:
    import numpy as np


class Label(Result):
    """One label and how sure the model is, in [0, 1]."""

    name: str
    score: float


class Classification(Result):
    """Labels, the best first."""

    labels: list[Label]

    @property
    def top(self) -> Label:
        """The best label."""
        return self.labels[0]

    @classmethod
    def ranked(cls, names: Sequence[str], scores: Sequence[float], top_k: int | None = None) -> Classification:
        """The `top_k` best of `names` by `scores` (all when None); ties keep the order of `names`."""
        order = sorted(range(len(names)), key=scores.__getitem__, reverse=True)[:top_k]  # stable in reverse, too
        return cls.model_construct(labels=[Label.model_construct(name=names[i], score=float(scores[i])) for i in order])


class Number(Result):
    """One number, in the unit that the model was trained on."""

    value: float


class Embedding(Result):
    """A vector. Two of the same model are compared by `similarity`."""

    vector: list[float]

    @property
    def dim(self) -> int:
        """Length of the vector."""
        return len(self.vector)

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The vector as float32 of shape (dim,)."""
        import numpy as np

        return np.asarray(self.vector, dtype=np.float32)

    def similarity(self, other: Embedding) -> float:
        """Cosine of the angle between two vectors, in [-1, 1]."""
        import numpy as np

        a, b = self.array, other.array
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


class Hit(Result):
    """One thing found."""

    index: int
    """Its position in what was searched."""
    item: str
    """The text, or the picture's name."""
    score: float


class SearchResult(Result):
    """What was found, the best first."""

    query: str
    hits: list[Hit]

    @property
    def top(self) -> Hit:
        """The best hit."""
        return self.hits[0]
