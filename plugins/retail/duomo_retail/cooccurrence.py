"""Recommendations from which items go together: EASE and item neighbours, in closed form.

Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019: the best item-to-item weights with a zero
diagonal under a ridge are -P / diag(P), with P the inverse of the items' Gram matrix plus the ridge.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import FittedOn
from duomo.errors import UsageProblem, counted
from duomo_retail.arrays import ArrayArtifact

RIDGE = 200.0
NEIGHBOURS = 50
MOST_ITEMS = 20_000
"""An inverse of this many items takes 3 GB and minutes; beyond, leave out what is taken seldom."""


class Suggested(NamedTuple):
    """One item for a shopper, and which of their items speak for it most."""

    item: str
    score: float
    because: list[str]


class ItemModel(ArrayArtifact):
    """Weights from each item to each other, (items, items): row what was taken, column what is suggested."""

    kind: ClassVar[str] = "retail.item-model/1"
    method: str
    items: list[str]
    popularity: list[int]
    """Shoppers who took each item."""

    @functools.cached_property
    def index(self) -> dict[str, int]:
        """Row of each item."""
        return {name: i for i, name in enumerate(self.items)}

    def suggest(self, history: Sequence[str], count: int) -> list[Suggested]:
        """The best items that are not in the history; none when no item of it is known."""
        rows = sorted({self.index[item] for item in history if item in self.index})
        if not rows:
            return []
        weights = self.array[rows]
        scores = weights.sum(axis=0)
        scores[rows] = -np.inf
        best = np.argsort(-scores, kind="stable")[:count]
        return [
            Suggested(self.items[i], float(scores[i]), [self.items[rows[r]] for r in np.argsort(-weights[:, i])[:3]
                                                        if weights[r, i] > 0])
            for i in best.tolist()
            if np.isfinite(scores[i])
        ]  # fmt: skip


def fit_ease(histories: Sequence[Sequence[str]], ridge: float = RIDGE) -> ItemModel:
    """EASE from which items each shopper took."""
    items, taken = _matrix(histories)
    gram = taken.T @ taken
    inverse = np.linalg.inv(gram + ridge * np.eye(len(items)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return _model(f"ease({ridge:g})", items, taken, weights)


def fit_neighbours(histories: Sequence[Sequence[str]], neighbours: int = NEIGHBOURS) -> ItemModel:
    """Cosine between items, the nearest few of each kept."""
    items, taken = _matrix(histories)
    gram = taken.T @ taken
    norms = np.sqrt(np.diag(gram))
    weights = gram / np.outer(norms, norms)
    np.fill_diagonal(weights, 0.0)
    if len(items) > neighbours:
        least = np.sort(weights, axis=0)[-neighbours]
        weights = np.where(weights >= least, weights, 0.0)
    return _model(f"item-knn({neighbours})", items, taken, weights)


def _matrix(histories: Sequence[Sequence[str]]) -> tuple[list[str], NDArray[np.float64]]:
    items = sorted({item for history in histories for item in history})
    if len(items) < 2 or len(items) > MOST_ITEMS:
        raise UsageProblem(
            f"recommendations cannot be learned from {counted(len(items), 'item')}",
            why="at least two are needed" if len(items) < 2 else f"their inverse does not fit: {MOST_ITEMS} at most",
            fix="more histories" if len(items) < 2 else "leave out items that few shoppers took",
        )
    index = {name: i for i, name in enumerate(items)}
    taken = np.zeros((len(histories), len(items)))
    for row, history in enumerate(histories):
        taken[row, [index[item] for item in history]] = 1.0
    return items, taken


def _model(method: str, items: list[str], taken: NDArray[np.float64], weights: NDArray[np.float64]) -> ItemModel:
    popularity = taken.sum(axis=0).astype(int).tolist()
    return ItemModel.of(weights, method=method, items=items, popularity=popularity, fitted_on=FittedOn(n=len(taken)))
