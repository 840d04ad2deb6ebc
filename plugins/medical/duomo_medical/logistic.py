"""A logistic regression that can be read: standardised, slightly ridged, with the usual value for what is missing."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Artifact, FittedOn, fit_logistic
from duomo.errors import UsageProblem, counted

RIDGE = 1.0
"""Penalty on standardised coefficients; the intercept is free."""


class Logistic(Artifact):
    """Log-odds = intercept + Σ coefficient · (value - mean) / scale."""

    kind: ClassVar[str] = "medical.logistic/1"

    names: tuple[str, ...]
    medians: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(cls, names: list[str], matrix: object, labels: object) -> Self:
        """Fit to numbers (n, variables), NaN where missing, and labels 0 or 1 (n,), by Newton's method."""
        x, y = np.asarray(matrix, float), np.asarray(labels, float)
        if len(x) < 2 * len(names) or len(set(y.tolist())) < 2:
            raise UsageProblem(
                f"{counted(len(x), 'record')}, {int(y.sum())} with the event, "
                f"cannot fit {counted(len(names), 'variable')}",
                why="both outcomes and at least two records a variable are needed",
                fix="more records, or fewer variables",
            )
        medians = np.array([_median(column) for column in x.T])
        x = np.where(np.isnan(x), medians, x)
        means, scales = x.mean(0), x.std(0)
        scales[scales == 0] = 1.0
        design = np.column_stack([np.ones(len(x)), (x - means) / scales])
        weights = fit_logistic(design, y, [0.0, *[RIDGE] * len(names)]).weights
        return cls(
            names=tuple(names),
            medians=tuple(medians.tolist()),
            means=tuple(means.tolist()),
            scales=tuple(scales.tolist()),
            coefficients=tuple(weights[1:].tolist()),
            intercept=float(weights[0]),
            fitted_on=FittedOn(n=len(y), prevalence=float(y.mean())),
        )

    def contributions(self, matrix: object) -> NDArray[np.float64]:
        """What each variable adds to the log-odds beyond the average patient, (n, variables)."""
        x = np.asarray(matrix, float).reshape(-1, len(self.names))
        x = np.where(np.isnan(x), self.medians, x)
        return np.asarray((x - self.means) / self.scales * self.coefficients)

    def log_odds(self, matrix: object) -> NDArray[np.float64]:
        """Uncalibrated log-odds, (n,)."""
        return np.asarray(self.intercept + self.contributions(matrix).sum(1))


def _median(column: NDArray[Any]) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if known.size else 0.0
