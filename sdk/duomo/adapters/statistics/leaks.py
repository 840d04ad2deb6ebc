"""Whether the values of one column tell the answer: alone, at one end, by one level, or by being there at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from duomo.adapters.statistics.metrics import auc
from duomo.errors import counted

TELLS_ALL = 0.96
"""AUC of a single column from which it is a leak, whatever its name; ``balance`` in ISLR has .95 and is none."""
TELLS_MUCH = 0.8
"""AUC from which a column is a leak whose name sounds like what happens afterwards."""
PURE = 0.99
"""Share of events from which a stretch of values that is large enough is the answer in other words."""
LEAST_SHARE, LEAST_ROWS = 0.02, 40
"""How large such a stretch must be."""
ENOUGH_ROWS = 20


def leak_evidence(
    values: Sequence[float | str | None], answers: Sequence[float], *, is_category: bool, sounds_late: bool = False
) -> str:
    """Why the values of a column show the answer, in words; empty where they do not.

    Args:
        values: one a row; NaN for a number and None for a category where there is none.
        answers: 1 where the event came, 0 where it did not.
        is_category: whether the values are names and not numbers.
        sounds_late: whether the column's name is one of what happens afterwards.
    """
    y = np.asarray(answers, dtype=np.float64)
    if len(set(y.tolist())) != 2:
        return ""
    power = _power(values, y, is_category)
    power = max(power, 1 - power)
    if power >= TELLS_ALL:
        return f"alone tells the answer (AUC {power:.3f})"
    if sounds_late and power >= TELLS_MUCH:
        return f"sounds like what happens afterwards, and tells the answer (AUC {power:.3f})"
    pure = _pure(values, y, is_category)
    return f"has values that only the event leaves: {pure}" if pure else ""


def _power(values: Sequence[float | str | None], y: NDArray[np.float64], is_category: bool) -> float:
    """AUC of one column alone; for a category, of the rates of its levels that have enough rows to tell."""
    if not is_category:
        column = np.array(values, dtype=np.float64)
        given = ~np.isnan(column)
        return auc(column[given], y[given]) if len(set(y[given].tolist())) == 2 else 0.5
    _, inverse, counts = np.unique([str(value) for value in values], return_inverse=True, return_counts=True)
    rates = np.where(counts >= ENOUGH_ROWS, np.bincount(inverse, weights=y) / counts, y.mean())
    return auc(rates[inverse], y)


def _pure(values: Sequence[float | str | None], y: NDArray[np.float64], is_category: bool) -> str:
    """A level, an end of the numbers, or whether there is a value at all, that is (nearly) the event alone."""
    least = max(LEAST_SHARE * len(y), LEAST_ROWS)
    if y.mean() > 0.5:  # where most are events, large pure stretches are to be expected
        return ""
    column = np.array([np.nan if value is None or is_category else value for value in values], dtype=np.float64)
    given = np.array([value is not None for value in values]) if is_category else ~np.isnan(column)
    for part, words in ((given, "with a value"), (~given, "without a value")):
        if least <= part.sum() and y[part].mean() >= PURE:
            return f"{counted(int(part.sum()), 'row')} {words}"
    if is_category:
        inverse = np.unique([str(value) for value in values], return_inverse=True)[1]
        counts, events = np.bincount(inverse), np.bincount(inverse, weights=y)
        found = np.flatnonzero((counts >= least) & (events >= PURE * counts))
        return f"{counted(int(counts[found[0]]), 'row')} of one level" if len(found) else ""
    x, answers = column[given], y[given]
    for order, words in ((np.argsort(x, kind="stable"), "smallest"), (np.argsort(-x, kind="stable"), "largest")):
        # Only whole groups of equal values: the order within one is chance.
        edges = np.flatnonzero(np.diff(x[order])) + 1
        sizes = edges[edges >= least]
        if len(sizes):
            shares = np.cumsum(answers[order])[sizes - 1] / sizes
            if shares.max() >= PURE:
                return f"the {words} {int(sizes[shares >= PURE].max())} of them"
    return ""
