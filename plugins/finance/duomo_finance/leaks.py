"""Columns that are the answer, or follow from it: by what their name says, and by what their values show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Finding, find, leak_evidence
from duomo_finance.applications import EARLIER, Field, known_later, value_of
from duomo_finance.protected import words_of

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
    is_late = field.known == "unsaid" and field.kind != "ratio" and bool(SOUNDS_LATE.search(field.snake_name))
    values = [value_of(row, field) for row in rows]
    return leak_evidence(values, y.tolist(), is_category=field.kind == "category", sounds_late=is_late)


def _unsaid(field: Field) -> bool:
    """Whether nobody said when it becomes known, and neither does its name."""
    return field.known == "unsaid" and field.kind != "ratio" and not EARLIER & set(words_of(field.name))
