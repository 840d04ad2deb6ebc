"""From the vectors of a text's tokens to one: the poolings of sentence-transformers, on NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


def pool(row: Vectors, skip: int, pooling: tuple[str, ...]) -> Vectors:
    """One row (L, H) to (H,), without its first `skip` tokens; the last one counts in any case."""
    skip = min(skip, len(row) - 1)
    kept = row[skip:]
    return np.concatenate(
        [_weighted(kept, skip + 1) if name == "weighted_mean" else POOLED[name](kept) for name in pooling]
    )


def _weighted(row: Vectors, first: int = 1) -> Vectors:
    places = np.arange(first, first + len(row), dtype=np.float32)[:, None]
    return np.asarray((row * places).sum(0) / places.sum(), np.float32)


POOLED: dict[str, Callable[[Vectors], Vectors]] = {
    "mean": lambda row: np.asarray(row.mean(0), np.float32),
    "max": lambda row: np.asarray(row.max(0), np.float32),
    "cls": lambda row: row[0],
    "last": lambda row: row[-1],
    "mean_sqrt_len": lambda row: np.asarray(row.sum(0) / len(row) ** 0.5, np.float32),
    "weighted_mean": _weighted,
}
"""(L, H) to (H,)."""


def cosine(a: Vectors, b: Vectors) -> Vectors:
    """Cosines of vectors of length 1, (A, B)."""
    return np.asarray(np.clip(a @ b.T, -1, 1), np.float32)


def _distances(a: Vectors, b: Vectors, order: int) -> Vectors:
    return np.asarray(np.linalg.norm(a[:, None] - b[None], ord=order, axis=-1), np.float32)


LIKENESS: dict[str, Callable[[Vectors, Vectors], Vectors]] = {
    "cosine": cosine,
    "dot": lambda a, b: np.asarray(a @ b.T, np.float32),
    "euclidean": lambda a, b: -_distances(a, b, 2),
    "manhattan": lambda a, b: -_distances(a, b, 1),
}
"""(A, D) and (B, D) to (A, B); more is more alike."""
