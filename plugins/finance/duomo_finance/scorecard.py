"""A scorecard: weights of evidence, logistic regression, points; PD and points of an applicant add up by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Artifact, FittedOn, digest_of, expit, fit_logistic
from duomo.errors import BadInput, counted
from duomo_finance.applications import Field, Row, value_of
from duomo_finance.binning import Bins, bin_category, bin_number

Vector = NDArray[np.float64]
Values = Mapping[str, float | str | None]
"""Values of one applicant, by field."""

BASE_POINTS = 600.0
BASE_ODDS = 50.0
POINTS_TO_DOUBLE = 20.0
"""600 points at odds of 50 good to 1 bad, 20 more points for twice the odds: the custom of the trade."""
RIDGE = 1.0
"""Penalty on coefficients of weights of evidence, which lie around 1."""
MIN_EVENTS = 30


class Scorecard(Artifact):
    """What is needed to score and to explain, as data.

    ``log odds of default = intercept - sum(coefficient * woe)``, each coefficient at least 0. So the points of a
    field are those of its bin, a bin with more weight of evidence never has fewer points, and a reason that names
    the field that lost most points names something whose betterment lowers the PD.
    """

    kind: ClassVar[str] = "finance.scorecard/1"

    fields: tuple[Field, ...]
    bins: tuple[Bins, ...]
    coefficients: tuple[float, ...]
    intercept: float
    mean_points: tuple[float, ...] = ()
    """Points of each field, averaged over all applicants it was fitted on."""
    typical: tuple[int, ...] = ()
    """For each field the bin that most good applicants are in, of those not below the average."""

    def woe(self, rows: Sequence[Values]) -> Vector:
        """Weights of evidence, (rows, fields)."""
        columns = [
            bins.transform([row[field.name] for row in rows])
            for field, bins in zip(self.fields, self.bins, strict=True)
        ]
        return np.column_stack(columns) if columns else np.zeros((len(rows), 0))

    def log_odds(self, rows: Sequence[Values]) -> Vector:
        """Log odds of default, (rows,)."""
        return np.asarray(self.intercept - self.woe(rows) @ np.array(self.coefficients))

    def pd(self, rows: Sequence[Values]) -> Vector:
        """Probability of default, (rows,)."""
        return expit(self.log_odds(rows))

    def points(self, rows: Sequence[Values]) -> Vector:
        """Points of each field in full precision, (rows, fields); their sum is the score."""
        return _points(self.woe(rows), self.intercept, np.array(self.coefficients))

    def table(self) -> list[dict[str, Any]]:
        """The scorecard as it is printed: one line a bin, with rounded points."""
        lines = []
        for i, (field, bins) in enumerate(zip(self.fields, self.bins, strict=True)):
            for j, each in enumerate(bins.bins):
                points = _points(np.full((1, len(self.fields)), each.woe), self.intercept, np.array(self.coefficients))
                name = "missing or unknown" if j == len(bins.bins) - 1 else each.describe()
                lines.append({"field": field.name, "bin": name, "rows": each.rows, "events": each.events,
                              "woe": round(each.woe, 4), "points": round(float(points[0, i]))})  # fmt: skip
        return lines

    def values(self, row: Row) -> dict[str, float | str | None]:
        """The fields of one application, ratios worked out."""
        return {field.name: value_of(row, field) for field in self.fields}

    @classmethod
    def fit(cls, fields: Sequence[Field], rows: Sequence[Values], events: Sequence[int] | Vector) -> Scorecard:
        """Bin, regress and scale.

        Args:
            fields: The inputs; screen them first (`duomo_finance.applications.screen`).
            rows: Values of each applicant by field name.
            events: 1 for default, 0 for none, one a row.

        Raises:
            BadInput: For too few defaults to fit on, or for answers other than 0 and 1.
        """
        y = np.asarray(events, dtype=np.float64)
        _check_events(y, len(rows))
        bins = [_bin(field, [row[field.name] for row in rows], y) for field in fields]
        # A column in one bin tells nothing, and would only share in the points.
        kept = [(field, each) for field, each in zip(fields, bins, strict=True) if np.ptp(each.woe) > 0]
        woe = np.column_stack([each.transform([row[field.name] for row in rows]) for field, each in kept])
        # On weights of evidence a negative coefficient would say that a worse bin earns a better score, and no
        # reason could explain that. The intercept, the last column, is free.
        signs, ridge = [True] * len(kept), [RIDGE] * len(kept)
        design = np.column_stack([-woe, np.ones(len(y))])
        fitted = fit_logistic(design, y, [*ridge, 0.0], non_negative=[*signs, False])
        *coefficients, base = fitted.weights.tolist()
        points = _points(woe, base, np.array(coefficients))
        good = [row for row, bad in zip(rows, y, strict=True) if not bad]
        return cls(
            fields=tuple(field for field, _ in kept),
            bins=tuple(each for _, each in kept),
            coefficients=tuple(coefficients),
            intercept=base,
            mean_points=tuple(map(float, points.mean(axis=0))),
            typical=tuple(_typical(each, [row[field.name] for row in good]) for field, each in kept),
            fitted_on=FittedOn(
                n=len(rows), prevalence=float(y.mean()), sha256=digest_of([[dict(row) for row in rows], y.tolist()])
            ),
        )


def score_of(points: Vector) -> NDArray[np.int64]:
    """Whole points a row, (rows,): each field's are rounded first, so that an applicant can add them up."""
    return np.asarray(np.rint(points).sum(axis=1), dtype=np.int64)


def _points(woe: Vector, intercept: float, coefficients: Vector) -> Vector:
    factor = POINTS_TO_DOUBLE / math.log(2)
    share = (BASE_POINTS - factor * math.log(BASE_ODDS) - factor * intercept) / max(len(coefficients), 1)
    return np.asarray(share + factor * woe * coefficients)


def _bin(field: Field, values: list[float | str | None], y: Vector) -> Bins:
    if field.kind == "category":
        return bin_category([None if value is None else str(value) for value in values], y)
    return bin_number(np.array(values, dtype=np.float64), y)


def _typical(bins: Bins, values: list[float | str | None]) -> int:
    counts = np.bincount(bins.index(values), minlength=len(bins.bins)).astype(np.float64)
    counts[bins.woe < 0] = -1.0
    return int(np.argmax(counts))


def _check_events(y: Vector, num_rows: int) -> None:
    if len(y) != num_rows or not np.isin(y, (0.0, 1.0)).all():
        raise BadInput(
            "the answers must be 0 (paid) or 1 (default), one a row",
            why=f"{counted(num_rows, 'row')} and {counted(len(y), 'answer')}, "
            f"with values such as {sorted(set(y.tolist()))[:4]}",
            fix="name the target column and the value that means default",
        )
    events = int(y.sum())
    if min(events, num_rows - events) < MIN_EVENTS:
        raise BadInput(
            f"{events} defaults among {num_rows} applicants are too few for a scorecard",
            why=f"each bin's odds would be chance; at least {MIN_EVENTS} of each kind are needed",
            fix="more history, or a longer horizon for what counts as default",
        )
