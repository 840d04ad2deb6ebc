"""How good probabilities are: calibration error, Brier score, log loss and AUC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from duomo.errors import UsageProblem

Floats = Sequence[float] | np.ndarray[Any, Any]
_TINY = 1e-12


class Bin(NamedTuple):
    """Records of like probability: how many, what was promised, what happened."""

    n: int
    promised: float
    observed: float


def reliability(probabilities: Floats, labels: Floats, bins: int = 10) -> list[Bin]:
    """The reliability table by bins of equal count, where equal probabilities share one; empty ones are left out."""
    p, y = _checked(probabilities, labels)
    _, ties, counts = np.unique(p, return_inverse=True, return_counts=True)
    places = np.concatenate([np.full(len(part), at) for at, part in enumerate(np.array_split(p, bins))])
    # Cut apart, equal ones would be told right or wrong by the order of the rows: each goes where their middle lies.
    which = places[np.cumsum(counts) - (counts + 1) // 2][ties]
    parts = (which == at for at in np.unique(which))
    return [Bin(int(part.sum()), float(p[part].mean()), float(y[part].mean())) for part in parts]


def expected_calibration_error(probabilities: Floats, labels: Floats, bins: int = 10) -> float:
    """Mean distance between promised and observed over bins of equal count, weighted by their size."""
    table = reliability(probabilities, labels, bins)
    return sum(each.n * abs(each.promised - each.observed) for each in table) / sum(each.n for each in table)


def brier(probabilities: Floats, labels: Floats) -> float:
    """Mean squared distance between probability and what happened; 0 is perfect, p(1-p) is knowing nothing."""
    p, y = _checked(probabilities, labels)
    return float(np.mean((p - y) ** 2))


def log_loss(probabilities: Floats, labels: Floats) -> float:
    """Mean negative log-likelihood in nats; probabilities are clipped to [1e-12, 1 - 1e-12]."""
    p, y = _checked(probabilities, labels)
    p = np.clip(p, _TINY, 1 - _TINY)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def among_top(values: Floats, labels: Floats, budget: int) -> tuple[float, float]:
    """Precision and recall of the `budget` highest values, one or more.

    Those tied for the last places count with their mean: among equals the order of the rows is chance.
    """
    s, y = _checked(values, labels)
    budget = min(budget, len(s))
    edge = np.sort(s)[-budget]
    above, tied = s > edge, s == edge
    hits = float(y[above].sum() + (budget - above.sum()) * y[tied].mean())
    return hits / budget, hits / max(float(y.sum()), 1.0)


def auc(values: Floats, labels: Floats) -> float:
    """Area under the ROC curve: how often a positive ranks above a negative, ties counted half."""
    s, y = _checked(values, labels)
    positives = int(y.sum())
    if positives in (0, len(y)):
        raise UsageProblem(
            "the area under the curve needs both classes",
            why=f"{positives:,} of {len(y):,} are positive",
            fix="take more rows",
        )
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    area = ranks[y > 0].sum() - positives * (positives + 1) / 2
    return float(area / (positives * (len(y) - positives)))


def _checked(values: Floats, labels: Floats) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    s, y = np.asarray(values, float), np.asarray(labels, float)
    if s.ndim != 1 or s.shape != y.shape or not len(s):
        raise UsageProblem(
            f"{s.shape} scores for {y.shape} labels", why="one label a score, and at least one", fix="(n,)"
        )
    if not np.isfinite(s).all() or not np.isin(y, (0, 1)).all():
        bad = "a score is not finite" if not np.isfinite(s).all() else "a label is neither 0 nor 1"
        raise UsageProblem("scores and labels cannot be used", why=bad, fix="leave such records out beforehand")
    return s, y
