"""From logits to scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("none", "softmax", "sigmoid")


def scores(logits: NDArray[np.float32], activation: str) -> NDArray[np.float32]:
    """Scores (…, labels) of logits; as they are for ``none``."""
    if activation == "softmax":
        shifted = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(shifted / shifted.sum(-1, keepdims=True), np.float32)
    if activation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))), np.float32)
    return logits


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors (B, D) scaled to length 1; one of zeros stays."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12), np.float32)
