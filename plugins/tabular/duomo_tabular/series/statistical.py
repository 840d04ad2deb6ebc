"""How a series goes on, by exponential smoothing or the theta method of statsforecast.

ETS    error, trend and season, each additive, multiplicative or absent; the form with the least AICc (Hyndman and
       Khandakar 2008, https://doi.org/10.18637/jss.v027.i03)
theta  the series with its curvature changed, extrapolated (Assimakopoulos and Nikolopoulos 2000; Fiorucci et al. 2016)

A series is fitted by itself: what is beside it in a batch does not count. The optimiser of theta stops at differences
of 1e-4, whatever the unit: a series with a spread below 1 is fitted enlarged.
"""

from __future__ import annotations

import math
import sys
from typing import Any, ClassVar

import numpy as np
from statsforecast import models

from duomo.model import Features
from duomo.tasks.tabular import Forecast, Quantile, TimeSeriesForecastingOptions
from duomo_tabular.series.single import Single


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
        model = self.method(season_length=options.season)
        if np.ptp(values) == 0:  # a constant goes on, and has no form to be chosen
            flat = np.full(options.horizon, values[0])
            return {"mean": flat, **{f"{side}-{width:g}": flat for width in widths for side in ("lo", "hi")}}
        scale = enlargement(values)
        with np.errstate(divide="ignore"):  # the AICc of a form with as many parameters as values is infinite
            found: dict[str, np.ndarray] = model.forecast(y=values * scale, h=options.horizon, level=widths or None)
        return {name.replace(".0", ""): each / scale for name, each in found.items()}


class AutoEts(Statistical):
    """Exponential smoothing."""

    least = 7  # statsforecast refuses fewer
    method = models.AutoETS


class AutoTheta(Statistical):
    """The theta method."""

    least = 4
    method = models.AutoTheta


def enlargement(values: np.ndarray) -> float:
    """A power of two, which changes no digit: 1, or what brings a standard deviation below 1 to 64 and more."""
    spread = float(values.std())
    return 1.0 if spread >= 1 else 2.0 ** min(1000, 6 - math.floor(math.log2(max(spread, sys.float_info.min))))


def _width(level: float) -> float:
    """The interval, in per cent, whose end a quantile is."""
    return round(100 * abs(2 * level - 1), 6)


def _quantile(found: dict[str, np.ndarray], level: float) -> list[float]:
    if level == 0.5:
        middle: list[float] = found["mean"].tolist()
        return middle
    edge: list[float] = found[f"{'lo' if level < 0.5 else 'hi'}-{_width(level):g}"].tolist()
    return edge
