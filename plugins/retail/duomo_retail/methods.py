"""Point forecasts of many series by name: the default ensemble and its simple rivals, numpy alone.

The default is the mean of Theta, dynamic Theta and exponential smoothing. Averages of a few sound methods have won
or nearly won every M competition; on M3 this one has a sMAPE of 12.35 in three CPU seconds for all 3,003 series,
against 12.40 in 775 s for the median of statsforecast's DOT, ETS and CES (`benchmarks/retail.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from duomo_retail.seasons import adjust
from duomo_retail.smoothing import FAMILY, fit, smooth
from duomo_retail.theta import dynamic_theta, theta

Array = NDArray[np.float64]
MIN_LENGTH = 6
"""Fewer observations than this are not a basis for a forecast."""


def ensemble(y: Array, horizon: int) -> Array:
    """The default: mean of Theta, dynamic Theta and AICc-weighted exponential smoothing."""
    return (theta(y, horizon) + dynamic_theta(y, horizon) + smooth(y, horizon)) / 3


def simple_smoothing(y: Array, horizon: int) -> Array:
    """A level without trend."""
    return fit(y, FAMILY[0], horizon)


def naive(y: Array, horizon: int) -> Array:
    """The last value, again and again."""
    return np.repeat(y[:, -1:], horizon, axis=1)


_ADJUSTED: dict[str, Callable[[Array, int], Array]] = {
    "ensemble": ensemble,
    "theta": theta,
    "dynamic-theta": dynamic_theta,
    "smoothing": smooth,
    "ses": simple_smoothing,
}
METHODS = (*_ADJUSTED, "naive", "seasonal-naive")


def forecast(series: Sequence[Array], period: int, horizon: int, method: str = "ensemble") -> list[Array]:
    """Forecast series of any lengths; those of equal length go together.

    Args:
        series: one array (n,) each, without gaps, of at least `MIN_LENGTH`.
        period: steps in a season; 1 for none.
        horizon: steps ahead.
        method: one of `METHODS`.

    Returns:
        (horizon,) each, in the order of `series`. Never negative where the series never was.
    """
    by_length: dict[int, list[int]] = {}
    for index, each in enumerate(series):
        by_length.setdefault(len(each), []).append(index)
    out: list[Array] = [np.empty(0)] * len(series)
    for indices in by_length.values():
        block = _block(np.stack([series[i] for i in indices]).astype(float), period, horizon, method)
        for index, row in zip(indices, block, strict=True):
            out[index] = row
    return out


def _block(y: Array, period: int, horizon: int, method: str) -> Array:
    if method == "naive":
        return naive(y, horizon)
    if method == "seasonal-naive":
        season = min(period, y.shape[1])
        return np.asarray(np.tile(y[:, -season:], horizon // season + 1)[:, :horizon])
    # Grids and ridges are meant for numbers near one; a scale costs nothing and changes no forecast.
    scale = np.abs(y).mean(axis=1, keepdims=True)
    scale[scale == 0] = 1.0
    # The standard method has the seasons of its paper, which do not change.
    adjusted = adjust(y / scale, period, horizon, changing=method != "theta")
    values: Array = adjusted.restore(_ADJUSTED[method](adjusted.values, horizon)) * scale
    return np.where((y >= 0).all(axis=1, keepdims=True), np.maximum(values, 0.0), values)
