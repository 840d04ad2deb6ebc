"""Quantiles that cover what they promise: residuals of forecasts from past origins, scaled, pooled, by step.

A library's interval is a promise; on weekly groceries, statsforecast's conformal intervals of 80 % cover 63 % and
those of 90 % cover 73 %: six residuals a step cannot give 90 % at all. Here residuals of all series of a panel are
pooled, each in units of its own series' movement; steps ahead are kept apart; what was covered is measured on later
origins than those used, and reported; and a level for which there are too few residuals is refused.

Split conformal prediction (Vovk, Gammerman and Shafer 2005) with signed scores, so that the upper and the lower side
have their own lengths. Its promise needs exchangeable errors, which a time series has only roughly: hence the report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Artifact, FittedOn
from duomo.errors import GuardRefused
from duomo_retail.panel import Clean
from duomo_retail.predicting import Settings, predict, spreads

Array = NDArray[np.float64]
WANTED = 3000
"""Residuals a step that are worth their time: more origins for a small panel, fewer for a large one."""
MOST_ORIGINS = 30
RECENT = 60
"""Periods that tell what an article sells which mostly sells nothing; one that was given up is not held to its past."""
DOZEN = 12
SHARES = (0.8, 0.9)
"""Central intervals whose coverage is reported, where their ends are among the levels."""


class Calibration(Artifact):
    """Scaled residual quantiles for each step ahead, and for the sum of all steps up to it."""

    kind: ClassVar[str] = "retail.forecast-calibration/1"
    settings: str
    """The settings it holds for, by `Settings.calibrated_as`."""
    levels: tuple[float, ...]
    steps: list[list[float]]
    """(horizon, levels), in units of a series' spread."""
    totals: list[list[float]]
    """(horizon, levels), for the sum of steps 1 to k."""
    residuals: int
    """The fewest that a step had."""
    realised: dict[str, float]
    """Share of later outcomes inside the central interval, by its nominal share; empty when none could be checked."""
    checked: int = 0
    """Outcomes behind `realised`."""

    def quantiles(self, series: Clean, point: Array, scale: float) -> Array:
        """Demand at each level for each step, (horizon, levels); never negative."""
        found = np.maximum(point[:, None] + scale * np.array(self.steps), 0.0)
        return np.maximum(found, seldom(series, self.levels, 1))

    def total_quantiles(self, series: Clean, point: Array, scale: float) -> Array:
        """Demand at each level of all steps up to each, (horizon, levels); never negative."""
        found = np.maximum(np.cumsum(point)[:, None] + scale * np.array(self.totals), 0.0)
        return np.maximum(found, [seldom(series, self.levels, count) for count in range(1, len(point) + 1)])


def seldom(series: Clean, levels: Sequence[float], periods: int) -> Array:
    """What a series that mostly sells nothing sold at the upper levels, (levels,), in so many periods together.

    0 at other levels and for other series. Errors of articles that sell all the time say little of one that is sold
    once in ten weeks: their quantiles end below one piece, and one is sold more often than promised.
    """
    recent = series.values[-RECENT:]
    if np.mean(recent > 0) > 0.5 or len(recent) < periods:
        return np.zeros(len(levels))
    sums = np.convolve(recent, np.ones(periods), "valid")
    upper = [level if level > 0.5 else 0.0 for level in levels]
    return np.where(np.array(upper) > 0, np.quantile(sums, upper, method="higher"), 0.0)


class _Origin(NamedTuple):
    """Forecasts from one moment: scaled residuals (S, horizon), of single steps and of sums; NaN where unknown."""

    back: int
    """Periods between the origin and the end of the data."""
    steps: Array
    totals: Array


def calibrate(series: Sequence[Clean], settings: Settings) -> Calibration:
    """Fit to a panel. Raises `GuardRefused` (CALIB.N_TOO_SMALL) when a level has too few residuals."""
    origins = _origins(series, settings)
    steps, totals = (np.concatenate([getattr(each, field) for each in origins]) if origins else
                     np.empty((0, settings.horizon)) for field in ("steps", "totals"))  # fmt: skip
    at_steps = [_levels(steps[:, k], settings.levels, f"step {k + 1}") for k in range(settings.horizon)]
    at_totals = [_levels(totals[:, k], settings.levels, f"the first {k + 1} steps") for k in range(settings.horizon)]
    realised, checked = _realised(origins, settings)
    return Calibration(
        settings=settings.calibrated_as,
        levels=settings.levels,
        steps=at_steps,
        totals=at_totals,
        residuals=int((~np.isnan(steps)).sum(axis=0).min()),
        realised=realised,
        checked=checked,
        fitted_on=FittedOn(n=len(series), groups=len(origins)),
    )


def _origins(series: Sequence[Clean], settings: Settings) -> list[_Origin]:
    """The latest first; those of which no series has enough history are left out."""
    horizon = settings.horizon
    count = min(MOST_ORIGINS, max(3, math.ceil(WANTED / max(len(series), 1))))
    stride = max(1, horizon // 3)
    out = []
    for back in range(horizon, horizon + count * stride, stride):
        usable = [each for each in series if len(each.values) - back >= _least(each, settings)]
        if not usable:
            break
        cut = [each.before(len(each.values) - back) for each in usable]
        forecasts = predict(cut, settings)
        scales = spreads(cut, [settings.season(each.axis.step) for each in cut], forecasts)
        rows, sums = [], []
        for whole, past, forecast, scale in zip(usable, cut, forecasts, scales, strict=True):
            n = len(past.values)
            actual = np.where(whole.known, whole.values, np.nan)[n : n + horizon]
            rows.append((actual - forecast) / scale)
            sums.append(np.cumsum(actual - forecast) / scale)
        out.append(_Origin(back, np.array(rows), np.array(sums)))
    return out


def _least(series: Clean, settings: Settings) -> int:
    """Observations that a past origin must leave: a dozen, and two seasons where the series has as many."""
    seasons = 2 * settings.season(series.axis.step)
    return max(seasons, DOZEN) if len(series.values) >= seasons + settings.horizon else DOZEN


def _levels(residuals: Array, levels: Sequence[float], where: str) -> list[float]:
    """The conformal quantile at each level: rounded outwards, so that coverage is at least what is promised."""
    ordered = np.sort(residuals[~np.isnan(residuals)])
    n = len(ordered)
    out = []
    for level in levels:
        exact = round((n + 1) * level, 9)
        rank = math.ceil(exact) if level > 0.5 else math.floor(exact)
        if not 1 <= rank <= n:
            least = math.ceil(round(1 / min(level, 1 - level), 9)) - 1
            raise GuardRefused(
                f"CALIB.N_TOO_SMALL: {n} residuals for {where} cannot give the level {level:g}",
                why=f"{least} are the least; a quantile from fewer would be a guess with a number on it",
                fix="more series or a longer history, a shorter horizon, or levels nearer to 0.5",
            )
        out.append(float(ordered[rank - 1]))
    return out


def _realised(origins: Sequence[_Origin], settings: Settings) -> tuple[dict[str, float], int]:
    """Coverage of each origin's outcomes by quantiles from origins whose outcomes were all known by then."""
    held: dict[float, list[NDArray[np.bool_]]] = {}
    for now in origins:
        past = [each.steps for each in origins if each.back >= now.back + settings.horizon]
        if not past:
            continue
        residuals = np.concatenate(past)
        for share in SHARES:
            low, high = round((1 - share) / 2, 9), round((1 + share) / 2, 9)
            if low not in settings.levels or high not in settings.levels:
                continue
            try:
                bounds = np.array([_levels(column, (low, high), "") for column in residuals.T])
            except GuardRefused:
                continue
            known = ~np.isnan(now.steps)
            inside = (now.steps >= bounds[:, 0]) & (now.steps <= bounds[:, 1])
            held.setdefault(share, []).append(inside[known])
    shares = {f"{share:g}": float(np.concatenate(parts).mean()) for share, parts in held.items()}
    return shares, max((sum(map(len, parts)) for parts in held.values()), default=0)
