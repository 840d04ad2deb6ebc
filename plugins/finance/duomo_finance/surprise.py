"""How unusual a record is: each field's surprise, which is what its value's rarity is worth, and their sum."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pydantic
from numpy.typing import NDArray

from duomo.adapters import Artifact, FittedOn
from duomo_finance.applications import Field
from duomo_finance.scorecard import Values

Vector = NDArray[np.float64]
NUM_KNOTS = 257


class Tails(pydantic.BaseModel):
    """What is usual in one field: quantiles of a number, or counts of a category's levels."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    n: int
    knots: tuple[float, ...] = ()
    counts: dict[str, int] = {}
    num_missing: int = 0

    def surprise(self, value: float | str | None) -> tuple[float, str]:
        """Minus the log of how rare the value is, and ``high``, ``low``, ``rare`` or ``missing``."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return self._rarity(self.num_missing), "missing"
        if not self.knots:
            return self._rarity(self.counts.get(str(value), 0)), "rare"
        below, above = self._shares(float(value))
        # Both tails count, so the smaller one is doubled; a median is not a surprise.
        return -math.log(min(1.0, 2 * min(below, above))), "high" if above < below else "low"

    def share_beyond(self, value: float) -> float:
        """Share of records at least as extreme on the same side."""
        return min(self._shares(value))

    def _shares(self, value: float) -> tuple[float, float]:
        """Shares at most and at least as large; never less than one record in the n + 1 seen with this one."""
        knots = np.array(self.knots)
        at = np.linspace(0, 1, len(knots))
        upper = float(np.interp(value, knots, at)) if value < knots[-1] else 1.0
        # With many equal values the share at most as large is read at the last of them, at least at the first.
        most = at[np.searchsorted(knots, value, side="right") - 1] if value >= knots[0] else 0.0
        least = at[min(int(np.searchsorted(knots, value, side="left")), len(at) - 1)] if value <= knots[-1] else 1.0
        floor = 1 / (self.n + 1)
        return max(floor, max(float(most), upper)), max(floor, 1 - min(float(least), upper))

    def _rarity(self, count: int) -> float:
        return -math.log((count + 1) / (self.n + 2))


class Surprise(Artifact):
    """The sum over fields of minus log tail probabilities, as in ECOD (Li and others, IEEE TKDE 2022), two-sided.

    Fields are taken to be independent: two that say the same count twice. In return each field's part in the
    score is exact, and nothing has to be tuned.
    """

    kind: ClassVar[str] = "finance.surprise/1"

    fields: tuple[Field, ...]
    tails: tuple[Tails, ...]
    score_knots: tuple[float, ...]
    """Quantiles of the scores of the records it was fitted on."""

    @classmethod
    def fit(cls, fields: Sequence[Field], rows: Sequence[Values]) -> Surprise:
        """What is usual among these records, fraud included: it is rare enough not to matter."""
        tails = tuple(_tails(field, [row[field.name] for row in rows]) for field in fields)
        blank = cls(fields=tuple(fields), tails=tails, score_knots=())
        scores = [sum(part for part, _ in blank.parts(row)) for row in rows]
        knots = np.quantile(scores, np.linspace(0, 1, 1001))
        return blank.model_copy(update={"score_knots": tuple(map(float, knots)), "fitted_on": FittedOn(n=len(rows))})

    def parts(self, row: Values) -> list[tuple[float, str]]:
        """Surprise of each field and its side."""
        return [each.surprise(row[field.name]) for field, each in zip(self.fields, self.tails, strict=True)]

    def percentile(self, score: float) -> float:
        """Share of the fitted records with a lower score."""
        return float(np.searchsorted(self.score_knots, score, side="left") / len(self.score_knots))

    def threshold(self, share: float) -> float:
        """The score that a share of the fitted records exceeds."""
        return float(np.interp(1 - share, np.linspace(0, 1, len(self.score_knots)), self.score_knots))


def _tails(field: Field, values: Sequence[float | str | None]) -> Tails:
    if field.kind == "category":
        given = [str(value) for value in values if value is not None]
        return Tails(n=len(values), counts=dict(Counter(given)), num_missing=len(values) - len(given))
    numbers = np.array(values, dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return Tails(n=len(values), num_missing=len(values))
    knots = np.quantile(known, np.linspace(0, 1, min(NUM_KNOTS, max(len(known), 2))))
    return Tails(n=len(known), knots=tuple(map(float, knots)), num_missing=len(values) - len(known))
