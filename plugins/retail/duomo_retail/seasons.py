"""Taking seasons out of many series before a forecast, and putting them back afterwards.

Classical decomposition where an autocorrelation test at 90 % finds seasons: multiplicative for positive series,
additive for others. As in Assimakopoulos and Nikolopoulos (2000) and in the M competitions, but seasons may change:
their averages forget, at a rate that each series chooses. On the tourism competition that lowers the sMAPE from 15.4 to
14.1 by quarter and from 20.2 to 18.1 by month (AutoETS by quarter: 14.4), and nowhere raises it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SIGNIFICANT = 1.6448536269514722
"""The normal quantile of a two-sided test at 90 %."""
RATES = (0.0, 0.1, 0.2, 0.3, 0.5)
"""How fast seasons may change, as exponential smoothing counts it; 0 is the plain average."""
MARGIN = 0.98
"""Seasons count as changing only where that lowers the squared error by this much."""
LEAST_SEASONS = 2
"""Seasons of a place that must be known before its next is judged."""


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


def adjust(y: Array, period: int, horizon: int, *, changing: bool = True) -> Adjusted:
    """Divide or subtract the seasons of the series that have any.

    Args:
        y: (S, n) values.
        period: steps in a season; 1 for none.
        horizon: steps that the forecast will have.
        changing: whether seasons may change over time.
    """
    count, n = y.shape
    rates = RATES if changing else RATES[:1]
    factor, addend = np.ones((count, n + horizon)), np.zeros((count, n + horizon))
    seasonal = is_seasonal(y, period)
    if seasonal.any():
        some = y[seasonal]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = _indices(some, period, horizon, rates, multiplicative=True)
        works = np.all(some > 0, axis=1) & np.all(np.nan_to_num(ratios) >= 0.01, axis=1)
        differences = _indices(some, period, horizon, rates, multiplicative=False)
        factor[seasonal] = np.where(works[:, None], ratios, 1.0)
        addend[seasonal] = np.where(works[:, None], 0.0, differences)
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


def _indices(y: Array, period: int, horizon: int, rates: tuple[float, ...], *, multiplicative: bool) -> Array:
    """Ratio to, or difference from, the centred moving average at each time and beyond, (S, n + horizon)."""
    count, n = y.shape
    kernel = np.ones(period) if period % 2 else np.r_[0.5, np.ones(period - 1), 0.5]
    windows = np.lib.stride_tricks.sliding_window_view(y, len(kernel), axis=1)
    trend = (windows * kernel).sum(axis=-1) / period  # no matrix product: its rounding depends on who else is there
    first = len(kernel) // 2
    centre = y[:, first : first + trend.shape[1]]
    detrended = centre / trend if multiplicative else centre - trend
    cycles = -(-(n + horizon) // period)
    # One row a season, from the first; NaN where the average does not reach.
    table = np.full((count, cycles * period), np.nan)
    table[:, first : first + trend.shape[1]] = detrended
    table = table.reshape(count, cycles, period)
    indices = _followed(table, rates, 1.0 if multiplicative else 0.0)
    mean = indices.mean(axis=2, keepdims=True)
    indices = indices / mean if multiplicative else indices - mean
    return np.asarray(indices.reshape(count, -1)[:, : n + horizon])


def _followed(table: Array, rates: tuple[float, ...], neutral: float) -> Array:
    """Average each place over the seasons, with weights that fall with the distance in seasons, (S, seasons, period).

    How fast they fall is chosen for each series by how well its past seasons tell the next; for most they do not.
    """
    there = ~np.isnan(table)
    values, counts = np.where(there, table, 0.0), there.astype(float)
    told = there & (np.cumsum(there, axis=1) > LEAST_SEASONS)
    least, chosen = np.full(len(table), np.inf), np.full(table.shape, neutral)
    for rate in rates:
        until, weight = _remembered(values, 1 - rate), _remembered(counts, 1 - rate)
        guess = _share(until[:, :-1], weight[:, :-1], neutral)
        loss = np.where(told, values, 0.0)[:, 1:] - np.where(told[:, 1:], guess, 0.0)
        squares = (loss * loss).sum(axis=(1, 2))
        better = squares < least * (1.0 if rate == rates[0] else MARGIN)
        if better.any():
            since, behind = (_remembered(each[better, ::-1], 1 - rate)[:, ::-1] for each in (values, counts))
            sums, weights = until[better] + since - values[better], weight[better] + behind - counts[better]
            least[better], chosen[better] = squares[better], _share(sums, weights, neutral)
    return chosen


def _remembered(values: Array, kept: float) -> Array:
    """Sums over the seasons up to each, of which a share is kept from season to season."""
    out = np.array(values)
    for season in range(1, out.shape[1]):
        out[:, season] += kept * out[:, season - 1]
    return out


def _share(total: Array, weight: Array, neutral: float) -> Array:
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), neutral)
