"""How a series goes on, by exponential smoothing or the theta method of statsforecast.

ETS    error, trend and season, each additive, multiplicative or absent; the form with the least AICc (Hyndman and
       Khandakar 2008, https://doi.org/10.18637/jss.v027.i03)
theta  the series with its curvature changed, extrapolated (Assimakopoulos and Nikolopoulos 2000; Fiorucci et al. 2016)

A series is fitted by itself: what is beside it in a batch does not count. It is fitted in units of its own spread: the
optimiser of theta stops at differences of 1e-4 whatever the unit, and squares of large numbers are beyond a float.
statsforecast reads theta's quantiles off 200 drawn paths; here they are those of all paths, which widen with each step.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, ClassVar

import numpy as np
from statsforecast import models

from duomo.model import Features
from duomo.tasks.tabular import Forecast, Quantile, TimeSeriesForecastingOptions
from duomo_tabular.series.single import Single

SPREAD = 64.0
"""Standard deviation at which a series is fitted."""
EXACT = 1e-6
"""Half the width, in units of fitting, of intervals around a forecast that has no error."""
BURN_IN = 3
"""Errors of the first values, which theta's spread does not count where there are others."""


class Statistical(Single[Forecast]):
    """One model of statsforecast, fitted to each series."""

    seasons, purpose = 2, "for a forecast"
    method: ClassVar[Any]

    def forward(self, batch: list[Features]) -> list[dict[str, np.ndarray]]:
        return [self._forecast(each["values"], each["options"]) for each in batch]

    def postprocess(
        self, output: list[dict[str, np.ndarray]], features: list[Features], options: TimeSeriesForecastingOptions
    ) -> list[Forecast]:
        return [
            Forecast.model_construct(
                mean=found["mean"].tolist(),
                quantiles=[
                    Quantile.model_construct(level=level, values=_quantile(found, level))
                    for level in sorted(set(options.levels))
                ],
            )
            for found in output
        ]

    def _forecast(self, values: np.ndarray, options: TimeSeriesForecastingOptions) -> dict[str, np.ndarray]:
        widths = sorted({_width(level) for level in options.levels if level != 0.5})
        if np.all(values == values[0]):  # a constant goes on, and has no form to be chosen
            flat = np.full(options.horizon, values[0])
            return {"mean": flat, **{f"{side}-{width:g}": flat for width in widths for side in ("lo", "hi")}}
        # In two steps: the squares of numbers such as 1e300 are not numbers.
        peak = float(np.abs(values).max())
        scale = SPREAD / float((values / peak).std())
        with np.errstate(divide="ignore"):  # the AICc of a form with as many parameters as values is infinite
            found = self.predict(values / peak * scale, options, widths)
        return {name: each / scale * peak for name, each in found.items()}

    def predict(
        self, values: np.ndarray, options: TimeSeriesForecastingOptions, widths: list[float]
    ) -> dict[str, np.ndarray]:
        """The mean, and the ends of intervals of these widths in per cent, as ``lo-80`` and ``hi-80``."""
        model = self.method(season_length=options.season)
        with np.errstate(invalid="ignore"):  # the variance of a series that is met exactly may be a hair below 0
            found: dict[str, np.ndarray] = model.forecast(y=values, h=options.horizon, level=widths or None)
        mean = found["mean"]
        if all(np.nanmax(np.abs(each - mean), initial=0.0) < EXACT for each in found.values()):
            found = {name: np.where(np.isnan(each), mean, each) for name, each in found.items()}
        return {name.replace(".0", ""): each for name, each in found.items()}


class AutoEts(Statistical):
    """Exponential smoothing."""

    least = 7  # statsforecast refuses fewer
    method = models.AutoETS


class AutoTheta(Statistical):
    """The theta method."""

    least = 4
    method = models.AutoTheta

    def predict(
        self, values: np.ndarray, options: TimeSeriesForecastingOptions, widths: list[float]
    ) -> dict[str, np.ndarray]:
        fitted = self.method(season_length=options.season).fit(values)
        mean = fitted.predict(options.horizon)["mean"]
        spread = spread_of(fitted.model_, options.horizon)
        found = {"mean": mean}
        for width in widths:
            far = NormalDist().inv_cdf(0.5 + width / 200) * spread
            found |= {f"lo-{width:g}": mean - far, f"hi-{width:g}": mean + far}
        return found


def spread_of(fitted: Mapping[str, Any], horizon: int) -> np.ndarray:
    """Standard deviation of each step's forecast, (horizon,), of a theta model of statsforecast.

    Its paths are linear in their errors, so one path for each error alone, of size 1, has all of them.
    """
    errors = fitted["residuals"][BURN_IN:] if len(fitted["residuals"]) > BURN_IN + 1 else fitted["residuals"]
    alpha, theta, count = fitted["par"]["alpha"], fitted["par"]["theta"], fitted["n"]
    level, mean, a, b = np.zeros((4, horizon))  # of each path, without what all have in common
    variance = np.empty(horizon)
    for step, i in enumerate(range(count, count + horizon)):
        path = level + (1 - 1 / theta) * (a * (1 - alpha) ** i + b * (1 - (1 - alpha) ** (i + 1)) / alpha)
        path[step] += 1
        level = alpha * path + (1 - alpha) * level
        mean = (i * mean + path) / (i + 1)
        b = ((i - 1) * b + 6 * (path - mean) / (i + 1)) / (i + 2)
        a = mean - b * (i + 2) / 2
        variance[step] = path @ path
    spread: np.ndarray = np.sqrt(variance) * np.std(errors, ddof=1)
    if not fitted.get("decompose"):
        return spread
    season = np.resize(fitted["seas_forecast"]["mean"], horizon)
    return spread * np.abs(season) if fitted["decomposition_type"] == "multiplicative" else spread


def _width(level: float) -> float:
    """The interval, in per cent, whose end a quantile is."""
    return round(100 * abs(2 * level - 1), 6)


def _quantile(found: dict[str, np.ndarray], level: float) -> list[float]:
    if level == 0.5:
        middle: list[float] = found["mean"].tolist()
        return middle
    edge: list[float] = found[f"{'lo' if level < 0.5 else 'hi'}-{_width(level):g}"].tolist()
    return edge
