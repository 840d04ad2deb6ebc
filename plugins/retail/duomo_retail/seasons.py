"""Taking seasons out of many series before a forecast, and putting them back afterwards.

Classical decomposition where an autocorrelation test at 90 % finds seasons: multiplicative for positive series,
additive for others. As in Assimakopoulos and Nikolopoulos (2000) and in the M competitions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SIGNIFICANT = 1.6448536269514722
"""The normal quantile of a two-sided test at 90 %."""


class Adjusted(NamedTuple):
    """Series without their seasons, and what puts the seasons back on a forecast."""

    values: Array
    """(S, n)."""
    factor: Array
    """(S, horizon); 1 where there are no multiplicative seasons."""
    addend: Array
    """(S, horizon); 0 where there are no additive seasons."""

    def restore(self, forecast: Array) -> Array:
        """Seasonal forecasts, (S, horizon)."""
        return forecast * self.factor + self.addend


def adjust(y: Array, period: int, horizon: int) -> Adjusted:
    """Divide or subtract the seasons of the series that have any.

    Args:
        y: (S, n) values.
        period: steps in a season; 1 for none.
        horizon: steps that the forecast will have.
    """
    count, n = y.shape
    factor, addend = np.ones((count, n + horizon)), np.zeros((count, n + horizon))
    seasonal = is_seasonal(y, period)
    if seasonal.any():
        some = y[seasonal]
        repeats = (n + horizon) // period + 1
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = _indices(some, period, multiplicative=True)
        works = np.all(some > 0, axis=1) & np.all(np.nan_to_num(ratios) >= 0.01, axis=1)
        differences = _indices(some, period, multiplicative=False)
        factor[seasonal] = np.where(works[:, None], np.tile(ratios, repeats)[:, : n + horizon], 1.0)
        addend[seasonal] = np.where(works[:, None], 0.0, np.tile(differences, repeats)[:, : n + horizon])
    return Adjusted((y - addend[:, :n]) / factor[:, :n], factor[:, n:], addend[:, n:])


def is_seasonal(y: Array, period: int) -> NDArray[np.bool_]:
    """Whether the autocorrelation at one season stands out, (S,); never with fewer than two whole seasons."""
    count, n = y.shape
    if period < 4 or n < 2 * period:
        return np.zeros(count, bool)
    centred = y - y.mean(axis=1, keepdims=True)
    variance = (centred * centred).sum(axis=1)
    variance[variance == 0] = np.inf
    r = np.stack([(centred[:, lag:] * centred[:, :-lag]).sum(axis=1) / variance for lag in range(1, period + 1)])
    found: NDArray[np.bool_] = np.abs(r[-1]) / np.sqrt((1 + 2 * (r[:-1] ** 2).sum(axis=0)) / n) > SIGNIFICANT
    return found


def _indices(y: Array, period: int, *, multiplicative: bool) -> Array:
    """Mean ratio to, or difference from, the centred moving average for each place in the season, (S, period)."""
    kernel = np.ones(period) if period % 2 else np.r_[0.5, np.ones(period - 1), 0.5]
    windows = np.lib.stride_tricks.sliding_window_view(y, len(kernel), axis=1)
    trend = (windows * kernel).sum(axis=-1) / period  # no matrix product: its rounding depends on who else is there
    first = len(kernel) // 2
    centre = y[:, first : first + trend.shape[1]]
    detrended = centre / trend if multiplicative else centre - trend
    place = (np.arange(detrended.shape[1]) + first) % period
    # With two seasons only, a place may be at neither end of the average; it then counts as no season at all.
    neutral = np.full(len(y), 1.0 if multiplicative else 0.0)
    indices = np.stack(
        [detrended[:, place == p].mean(axis=1) if (place == p).any() else neutral for p in range(period)], axis=1
    )
    mean = indices.mean(axis=1, keepdims=True)
    return np.asarray(indices / mean) if multiplicative else np.asarray(indices - mean)
