"""How good scores are beyond what the core measures: separation, and how pure the highest are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def ks(score: ArrayLike, y: ArrayLike) -> float:
    """Kolmogorov-Smirnov: the widest gap between the score distributions of events and non-events."""
    events, values = np.asarray(y, dtype=bool), np.asarray(score, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    last_of_tie = np.r_[np.diff(values[order]) > 0, True]
    found, passed = np.cumsum(events[order]), np.cumsum(~events[order])
    gap = found / max(int(events.sum()), 1) - passed / max(int((~events).sum()), 1)
    return float(np.abs(gap[last_of_tie]).max())


def average_precision(score: ArrayLike, y: ArrayLike) -> float:
    """Mean precision at each event, from the highest score down; a tie shares the precision at its end."""
    events, values = np.asarray(y, dtype=bool), np.asarray(score, dtype=np.float64)
    if not events.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(values[order]) < 0, True])
    found = np.cumsum(events[order])[ends]
    return float((np.diff(np.r_[0, found]) * found / (ends + 1)).sum() / events.sum())
