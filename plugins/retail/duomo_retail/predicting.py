"""Point forecasts of clean series, with the effects of price and promotion, by our own methods or someone else's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pydantic
from numpy.typing import NDArray

from duomo.adapters import Artifact
from duomo.errors import UsageProblem, did_you_mean
from duomo_retail import methods
from duomo_retail.drivers import estimate
from duomo_retail.panel import Clean
from duomo_retail.seasons import adjust
from duomo_retail.timeline import STEPS

Array = NDArray[np.float64]
SPREAD = 2
"""Number of the definition of `spread`; calibrations of another one are stale."""
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


class Settings(Artifact):
    """How to forecast; saved with the calibration, which holds for nothing else."""

    kind: ClassVar[str] = "retail.forecast-settings/1"
    horizon: int = pydantic.Field(default=4, ge=1)
    period: int = pydantic.Field(default=0, ge=0)
    """Steps in a season; 0 for what is usual: 7 days, 52 weeks, 12 months."""
    method: str = "ensemble"
    """One of `duomo_retail.methods.METHODS`, ``statsforecast:MODEL``, or ``chronos:FOLDER`` of a local checkpoint."""
    levels: tuple[float, ...] = LEVELS

    @pydantic.model_validator(mode="after")
    def _levels_ascend(self) -> Settings:
        if not self.levels or list(self.levels) != sorted(set(self.levels)) or not self.levels[0] > 0:
            raise ValueError(f"levels must ascend within (0, 1): {self.levels}")
        if self.levels[-1] >= 1:
            raise ValueError(f"levels must ascend within (0, 1): {self.levels}")
        return self

    @property
    def calibrated_as(self) -> str:
        """What a calibration must name to hold: these settings, and the unit in which it counts errors."""
        return f"{self.fingerprint}/{SPREAD}"

    def season(self, step: str) -> int:
        """Steps in a season of a series with this step."""
        return self.period or STEPS[step]


def predict(series: Sequence[Clean], settings: Settings) -> list[Array]:
    """Point forecasts, (horizon,) each. Each depends on its own series alone, and on nothing after its end."""
    horizon = settings.horizon
    out: list[Array] = [np.empty(0)] * len(series)
    by_season: dict[int, list[int]] = {}
    for i, each in enumerate(series):
        by_season.setdefault(settings.season(each.axis.step), []).append(i)
    for season, indices in by_season.items():
        factors = [_factors(series[i], horizon) for i in indices]
        calm = [series[i].values / past for i, (past, _) in zip(indices, factors, strict=True)]
        forecasts = _by_method(calm, season, settings)
        for i, forecast, (_, future) in zip(indices, forecasts, factors, strict=True):
            out[i] = forecast * future
    return out


def spread(series: Clean, season: int, point: Array) -> float:
    """Measure what the errors of a forecast are counted in: its series' own noise, and what is usual at its level.

    The geometric mean of two deviations. The first is the mean error of a plain smoothing, seasons aside. The second
    is that of counts that vary more than by chance: what is counted in pieces varies with the root of their number,
    and everything by a tenth of its level. A year of one article says little about its own noise; on weekly groceries
    stock by either deviation alone costs more (`docs/retail.md`). Both are in the series' own unit: a series in
    another unit has the same intervals in that unit, whatever else is in its panel.
    """
    return spreads([series], [season], [point])[0]


def spreads(series: Sequence[Clean], seasons: Sequence[int], points: Sequence[Array]) -> list[float]:
    """The `spread` of each series; those of equal length and season go together."""
    out = [1.0] * len(series)
    alike: dict[tuple[int, int], list[int]] = {}
    for at, (each, season) in enumerate(zip(series, seasons, strict=True)):
        alike.setdefault((len(each.values), season), []).append(at)
    for (_, season), places in alike.items():
        values = np.stack([series[at].values for at in places])
        adjusted = adjust(values, season, 1).values
        rows = zip(places, np.abs(values).mean(axis=1), np.abs(adjusted).mean(axis=1), _smoothing_errors(adjusted),
                   strict=True)  # fmt: skip
        for at, usual, calm, error in rows:
            if usual:
                out[at] = _spread(series[at], float(usual), float(error * usual / (calm or 1.0)), points[at])
    return out


def _spread(series: Clean, usual: float, own: float, point: Array) -> float:
    level = max(float(np.mean(point)), usual / 10)
    return math.sqrt(max(own, usual / 1000) * math.hypot(math.sqrt(level * _piece(series, usual)), level / 10))


def _piece(series: Clean, otherwise: float) -> float:
    """The least difference between two sales: one piece where pieces are sold, next to nothing for a measure."""
    return float(np.diff(np.unique(series.sold[series.known])).min(initial=otherwise))


def _smoothing_errors(values: Array) -> Array:
    """Mean absolute one-step errors of simple smoothing by 0.3, (S, n) values to (S,)."""
    level, errors = values[:, :3].mean(axis=1), np.empty_like(values)
    for at, column in enumerate(values.T):
        errors[:, at] = column - level
        level = level + 0.3 * errors[:, at]
    found: Array = np.abs(errors[:, 3:]).mean(axis=1)
    return found


def _by_method(values: list[Array], season: int, settings: Settings) -> list[Array]:
    name = settings.method
    if name in methods.METHODS:
        found: list[Array] = methods.forecast(values, season, settings.horizon, name)
        return found
    if name.startswith("statsforecast:"):
        from duomo_retail.nixtla import forecast  # an extra

        return forecast(values, season, settings.horizon, name.partition(":")[2])
    if name.startswith("chronos:"):
        from duomo_retail import pretrained  # an extra

        return pretrained.forecast(values, settings.horizon, name.partition(":")[2])
    raise UsageProblem(
        f"no forecasting method '{name}'",
        why=did_you_mean(name, methods.METHODS),
        fix=f"one of {', '.join(methods.METHODS)}, statsforecast:MODEL or chronos:FOLDER",
    )


def _factors(series: Clean, horizon: int) -> tuple[Array, Array]:
    """What price and promotion multiply demand by: in the past, and in the periods to come."""
    n = len(series.values)
    promo, price = series.promo, series.price
    if not len(promo) and not len(price):
        return np.ones(n), np.ones(horizon)
    effects = estimate(series.values, series.known, promo[:n], price[:n])
    past = effects.factor(promo[:n], price[:n], n)
    plan_promo, plan_price = _planned(promo, n, horizon, 0.0), _planned(price, n, horizon, effects.usual_price)
    return past, effects.factor(plan_promo, plan_price, horizon)


def _planned(driver: Array, n: int, horizon: int, otherwise: float) -> Array:
    """The plan for the periods to come, as far as it goes, and then the usual."""
    if not len(driver):
        return driver
    plan = driver[n : n + horizon]
    return np.concatenate([plan, np.full(horizon - len(plan), otherwise)])
