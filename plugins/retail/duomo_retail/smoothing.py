"""Exponential smoothing for many series at once: level, trend and damped trend, on the values and on their logs.

Given the smoothing parameters, every one-step error is linear in the initial states. So fitting needs a grid over
the smoothing parameters alone, with the best initial states in closed form at each point: no optimiser and no
local optimum, and a thousand short series take about a second.

Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential Smoothing", Springer 2008 (the state-space form);
weights from AICc after Burnham and Anderson, "Model Selection and Multimodel Inference", Springer 2002, ch. 4.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CHUNK = 128
"""Series fitted at once: the arrays of all grids, on the values and on their logs, stay in the processor's cache."""
ALPHAS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
BETAS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.4)
"""Shares of the level's own smoothing: the trend moves more slowly than the level."""
PHIS = (0.8, 0.85, 0.9, 0.95, 0.98)


class Grid(NamedTuple):
    """Candidates of one model: ``y = l + phi b + e``, ``l += phi b + alpha e``, ``b = phi b + gain e``; (G,) each."""

    alpha: Array
    gain: Array
    phi: Array
    """0 for a model without a trend."""
    num_parameters: int
    """With the initial states and the variance, as AICc counts them."""


def _grid(alphas: tuple[float, ...], betas: tuple[float, ...], phis: tuple[float, ...], num_parameters: int) -> Grid:
    alpha, beta, phi = np.array(list(itertools.product(alphas, betas, phis))).T
    return Grid(alpha, alpha * beta, phi, num_parameters)


FAMILY = (_grid(ALPHAS, (0.0,), (0.0,), 3), _grid(ALPHAS, BETAS, (1.0,), 5), _grid(ALPHAS, BETAS, PHIS, 6))
"""Simple smoothing, Holt's linear trend, damped trend."""
TOGETHER = Grid(
    np.concatenate([grid.alpha for grid in FAMILY]),
    np.concatenate([grid.gain for grid in FAMILY]),
    np.concatenate([grid.phi for grid in FAMILY]),
    num_parameters=0,
)
"""The candidates of all three: a search goes through a series step by step, and once is enough."""
PARTS = tuple(itertools.pairwise(itertools.accumulate((len(grid.alpha) for grid in FAMILY), initial=0)))
"""Where each model's candidates begin and end in `TOGETHER`."""


def smooth(y: Array, horizon: int) -> Array:
    """Forecasts of the family on the values and, for positive series, on their logs, weighted by AICc.

    Args:
        y: (S, n) values, each row one series without seasons.
        horizon: steps ahead.

    Returns:
        (S, horizon).
    """
    return np.concatenate([_smooth(y[i : i + CHUNK], horizon) for i in range(0, len(y), CHUNK)])


def _smooth(y: Array, horizon: int) -> Array:
    positive = np.all(y > 0, axis=1)
    logs = np.log(y[positive])
    both, count = np.concatenate([y, logs]), len(y)
    sse, level, trend = _search(both, TOGETHER)
    best = np.stack([start + sse[start:end].argmin(axis=0) for start, end in PARTS])
    found, squares = _ahead(both, TOGETHER, best, level, trend, horizon), np.take_along_axis(sse, best, axis=0)
    k, n = np.array([grid.num_parameters for grid in FAMILY])[:, None], y.shape[1]
    criteria = n * np.log(squares / n) + 2 * k + 2 * k * (k + 1) / np.maximum(n - k - 1, 1)
    # A series with a zero has no logs: those models get no weight.
    forecasts, on_logs = np.zeros((2, *found[:, :count].shape)), np.full((len(FAMILY), count), np.inf)
    forecasts[0], forecasts[1][:, positive] = found[:, :count], np.exp(np.clip(found[:, count:], -30, 30))
    # The density of y, not of log y, is what the two must be compared by.
    on_logs[:, positive] = criteria[:, count:] + 2 * logs.sum(axis=1)
    criteria = np.concatenate([criteria[:, :count], on_logs])
    weights = np.exp(-0.5 * (criteria - criteria.min(axis=0)))
    weights /= weights.sum(axis=0)
    return np.asarray((weights[:, :, None] * np.concatenate(forecasts)).sum(axis=0))


def fit(y: Array, grid: Grid, horizon: int) -> Array:
    """Forecasts (S, horizon) of the grid's best point for each series."""
    sse, level, trend = _search(y, grid)
    found: Array = _ahead(y, grid, sse.argmin(axis=0)[None], level, trend, horizon)[0]
    return found


def _ahead(y: Array, grid: Grid, best: NDArray[np.intp], level: Array, trend: Array, horizon: int) -> Array:
    """Forecasts of the grid points `best` (M, S) from their initial states, (M, S, horizon)."""
    alpha, gain, phi = (each[best] for each in grid[:3])
    level, trend = (np.take_along_axis(each, best, axis=0) for each in (level, trend))
    for column in y.T:
        error = column - level - phi * trend
        level, trend = level + phi * trend + alpha * error, phi * trend + gain * error
    steps = []
    for _ in range(horizon):
        level, trend = level + phi * trend, phi * trend
        steps.append(level)
    return np.stack(steps, axis=2)


def _search(y: Array, grid: Grid) -> tuple[Array, Array, Array]:
    """Least squares over the initial level and trend at each grid point: SSE, level and trend, (G, S) each.

    The errors are those from zero initial states, less the response to the two unit states, which does not
    depend on the series.
    """
    alpha, gain, phi = (each[:, None] for each in grid[:3])
    level, trend, error, spare, ee, e_level, e_trend = (np.zeros((len(alpha), len(y))) for _ in range(7))
    unit = np.zeros((len(alpha), 2, 2))
    """Level and trend (second axis) after a unit level, and after a unit trend (third axis)."""
    unit[:, 0, 0] = unit[:, 1, 1] = 1.0
    ll, lt, tt = (np.zeros((len(alpha), 1)) for _ in range(3))
    for column in y.T:
        trend *= phi
        level += trend
        np.subtract(column, level, out=error)
        response = unit[:, 0] + phi * unit[:, 1]
        by_level, by_trend = response[:, :1], response[:, 1:]
        # In place: new arrays at each step would take longer than what is computed.
        for sums, factor in ((ee, error), (e_level, by_level), (e_trend, by_trend)):
            sums += np.multiply(error, factor, out=spare)
        ll += by_level * by_level
        lt += by_level * by_trend
        tt += by_trend * by_trend
        level += np.multiply(error, alpha, out=spare)
        trend += np.multiply(error, gain, out=spare)
        unit = np.stack([(1 - alpha) * response, phi * unit[:, 1] - gain * response], axis=1)
    # A little ridge: without a trend, the second column is all zeros.
    ridge = 1e-9 * (ll + tt)
    ll, tt = ll + ridge, tt + ridge
    determinant = ll * tt - lt * lt
    level = (tt * e_level - lt * e_trend) / determinant
    trend = (ll * e_trend - lt * e_level) / determinant
    return np.maximum(ee - level * e_level - trend * e_trend, 1e-12), level, trend
