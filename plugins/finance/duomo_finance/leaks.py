"""Columns that are the answer, or follow from it: by what their name says, and by what their values show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Finding, auc, find
from duomo.errors import counted
from duomo_finance.applications import EARLIER, Field, known_later, value_of
from duomo_finance.protected import words_of

TELLS_ALL = 0.96
"""AUC of a single field from which it is a leak, whatever its name; ``balance`` in ISLR has .95 and is none."""
TELLS_MUCH = 0.8
"""AUC from which a field is a leak whose name sounds like what happens after the loan."""
PURE = 0.99
"""Share of events from which a stretch of values that is large enough is the answer in other words."""
LEAST_SHARE, LEAST_ROWS = 0.02, 40
"""How large such a stretch must be."""
ENOUGH_ROWS = 20
SOUNDS_LATE = re.compile(
    r"(?:^|_)(?:delinquen\w*|late|overdue|arrears|closed?|closing|terminat\w*|final|outcomes?|results?|defaults?|"
    r"defaulted|payments?|pymnts?|paid|repaid|collected|collections?|settle\w*|foreclos\w*|repossess\w*|loss(?:es)?)(?:_|$)"
)
"""Words that are said of a loan after it was made, and of earlier loans before: the values decide."""
MAY_BE_LATE = re.compile(r"(?:^|_)(?:balance|outstanding|owed|owing)(?:_|$)")
"""What is owed on this loan is known later, what is owed elsewhere when one applies: nobody can tell by the name."""
Rows = Sequence[Mapping[str, Any]]


def leaks(fields: Sequence[Field], rows: Rows, y: NDArray[np.float64]) -> Iterator[Finding]:
    """LEAK.TARGET for each field that tells the answer; with severity ``warn`` where only its name gives pause.

    Args:
        fields: what may become features.
        rows: labelled rows.
        y: 1 where the event came, one a row; with only one kind of answer the values show nothing.
    """
    for field in fields:
        if known_later(field):
            continue  # said by its name already, whatever the values
        evidence = _evidence(field, rows, y)
        if evidence:
            yield find("LEAK.TARGET", f"'{field.name}' {evidence}", field=field.name,
                       fix="leave it out: it is the answer, or follows from it")  # fmt: skip
        elif _unsaid(field) and MAY_BE_LATE.search(field.snake_name):
            yield find(
                "LEAK.TARGET",
                f"'{field.name}' may be what is owed on this very loan",
                field=field.name,
                severity="warn",
                fix="leave it out if it is; otherwise say so with known='application'",
            )


def _evidence(field: Field, rows: Rows, y: NDArray[np.float64]) -> str:
    """Why the values show the answer, in words; empty where they do not."""
    if len(set(y.tolist())) != 2:
        return ""
    values = [value_of(row, field) for row in rows]
    power = _power(field, values, y)
    power = max(power, 1 - power)
    if power >= TELLS_ALL:
        return f"alone tells the answer (AUC {power:.3f})"
    if (
        field.known == "unsaid"
        and field.kind != "ratio"
        and SOUNDS_LATE.search(field.snake_name)
        and power >= TELLS_MUCH
    ):
        return f"sounds like what happens after the loan, and tells the answer (AUC {power:.3f})"
    pure = _pure(field, values, y)
    return f"has values that only the event leaves: {pure}" if pure else ""


def _unsaid(field: Field) -> bool:
    """Whether nobody said when it becomes known, and neither does its name."""
    return field.known == "unsaid" and field.kind != "ratio" and not EARLIER & set(words_of(field.name))


def _power(field: Field, values: Sequence[float | str | None], y: NDArray[np.float64]) -> float:
    """AUC of one field alone; for a category, of the rates of its levels that have enough rows to tell."""
    if field.kind != "category":
        column = np.array(values, dtype=np.float64)
        given = ~np.isnan(column)
        return auc(column[given], y[given]) if len(set(y[given].tolist())) == 2 else 0.5
    _, inverse, counts = np.unique([str(value) for value in values], return_inverse=True, return_counts=True)
    rates = np.where(counts >= ENOUGH_ROWS, np.bincount(inverse, weights=y) / counts, y.mean())
    return auc(rates[inverse], y)


def _pure(field: Field, values: Sequence[float | str | None], y: NDArray[np.float64]) -> str:
    """A level, an end of the numbers, or whether there is a value at all, that is (nearly) the event alone."""
    least = max(LEAST_SHARE * len(y), LEAST_ROWS)
    if y.mean() > 0.5:  # where most are events, large pure stretches are to be expected
        return ""
    if field.kind == "category":
        inverse = np.unique([str(value) for value in values], return_inverse=True)[1]
        counts, events = np.bincount(inverse), np.bincount(inverse, weights=y)
        found = np.flatnonzero((counts >= least) & (events >= PURE * counts))
        return f"{counted(int(counts[found[0]]), 'row')} of one level" if len(found) else ""
    column = np.array(values, dtype=np.float64)
    given = ~np.isnan(column)
    for part, words in ((given, "with a value"), (~given, "without a value")):
        if least <= part.sum() and y[part].mean() >= PURE:
            return f"{counted(int(part.sum()), 'row')} {words}"
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
