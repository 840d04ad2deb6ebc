"""What a credit model owes its owner: how well it ranks, whether its PD can be believed, and how groups fare."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import (
    Finding,
    auc,
    brier,
    expected_calibration_error,
    find,
    is_missing,
    log_loss,
    name_in,
    reliability,
)
from duomo.tasks.base import Result
from duomo_finance.fairness import FairnessReport, fairness_report
from duomo_finance.metrics import ks

Vector = NDArray[np.float64]
MAX_GAP = 0.01
"""Mean PD and observed rate may differ by so much, or by what chance explains."""
FEW = 12
"""A protected attribute with more values is a number, and is cut at its quartiles."""


class Band(Result):
    """Applicants of like PD."""

    n: int
    predicted: float
    observed: float


class CreditReport(Result):
    """Over applications that the model was not fitted on."""

    n: int
    cutoff: float
    """Declined from this PD on."""
    metrics: dict[str, float]
    bands: list[Band]
    fairness: list[FairnessReport]
    findings: list[Finding]


def credit_metrics(y: Vector, pd: Vector) -> dict[str, float]:
    """Ranking (AUC, Gini, KS), and how far the PD can be believed (Brier, log loss, ECE, mean gap)."""
    area = auc(pd, y) if 0 < y.sum() < len(y) else float("nan")
    return {
        "auc": area,
        "gini": 2 * area - 1,
        "ks": ks(pd, y),
        "brier": brier(pd, y),
        "log_loss": log_loss(pd, y),
        "ece": expected_calibration_error(pd, y),
        "mean_pd": float(pd.mean()),
        "observed": float(y.mean()),
    }


def check_calibration(pd: Vector, y: Vector) -> list[Finding]:
    """CALIB.OFF when the mean PD is not what happened, beyond `MAX_GAP` and beyond chance.

    The usual cause is a model fitted on balanced classes: it ranks as before, and its mean PD nears one half.
    """
    gap = float(pd.mean() - y.mean())
    chance = 2.58 * float(np.sqrt(max(y.mean() * (1 - y.mean()), 1e-6) / len(y)))
    if abs(gap) <= max(MAX_GAP, chance):
        return []
    return [
        find(
            "CALIB.OFF",
            f"mean PD {pd.mean():.3f}, observed {y.mean():.3f} (n={len(y)})",
            field="pd",
            fix="no class weights and no resampling, or fit duomo.adapters.Sigmoid on held-out records",
        )
    ]


def report(
    pd: Vector,
    y: Vector,
    protected: Sequence[Mapping[str, Any]],
    features: Mapping[str, Vector],
    *,
    cutoff: float | None = None,
    fitted_prevalence: float | None = None,
) -> CreditReport:
    """Everything at once; `protected` holds each applicant's attributes that no model saw."""
    at = float(np.quantile(pd, 1 - y.mean())) if cutoff is None else cutoff
    found = check_calibration(pd, y)
    if fitted_prevalence is not None and abs(fitted_prevalence - y.mean()) > max(0.05, 0.5 * fitted_prevalence):
        found.append(find("CALIB.STALE", f"{fitted_prevalence:.3f} defaulted where it was fitted, {y.mean():.3f} here",
                          field="pd", fix="fit again, or recalibrate, on recent applications"))  # fmt: skip
    names = sorted({name for each in protected for name, value in each.items() if not is_missing(value)})
    fairness = [
        fairness_report(name, _groups([each.get(name) for each in protected]), pd < at, pd, y, features=features)
        for name in names
    ]
    return CreditReport(
        n=len(y),
        cutoff=at,
        metrics=credit_metrics(y, pd),
        bands=[Band(n=each.n, predicted=each.promised, observed=each.observed) for each in reliability(pd, y)],
        fairness=fairness,
        findings=[*found, *(finding for each in fairness for finding in each.findings)],
    )


def _groups(values: list[Any]) -> list[str | None]:
    """Names of groups; a number with many values is cut at its quartiles."""
    given = [value for value in values if not is_missing(value)]
    if len(set(map(str, given))) <= FEW:
        return [name_in(value) for value in values]
    try:
        numbers = np.array([float("nan") if is_missing(value) else float(value) for value in values])
    except (TypeError, ValueError):
        return [name_in(value) for value in values]
    cuts = np.unique(np.nanquantile(numbers, [0.25, 0.5, 0.75]))
    between = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(cuts)]
    names = [f"up to {cuts[0]:g}", *between, f"above {cuts[-1]:g}"]
    return [None if np.isnan(number) else names[int(np.searchsorted(cuts, number))] for number in numbers]
