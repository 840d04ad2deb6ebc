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
"""Series fitted at once: the arrays of a grid stay in the processor's cache."""
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
    forecasts, criteria = _candidates(y, horizon)
    positive = np.all(y > 0, axis=1)
    logs = np.log(np.where(positive[:, None], y, 1.0))
    log_forecasts, log_criteria = _candidates(logs, horizon)
    # The density of y, not of log y, is what the two must be compared by; a series with a zero has no logs.
    log_criteria = np.where(positive, log_criteria + 2 * logs.sum(axis=1), np.inf)
    forecasts = np.concatenate([forecasts, np.exp(np.clip(log_forecasts, -30, 30))])
    criteria = np.concatenate([criteria, log_criteria])
    weights = np.exp(-0.5 * (criteria - criteria.min(axis=0)))
    weights /= weights.sum(axis=0)
    return np.asarray((weights[:, :, None] * forecasts).sum(axis=0))


def _candidates(y: Array, horizon: int) -> tuple[Array, Array]:
    """Each model of the family at its best point: forecasts (models, S, horizon) and AICc (models, S)."""
    n = y.shape[1]
    forecasts, criteria = [], []
    for grid in FAMILY:
        forecast, sse = fit(y, grid, horizon)
        k = grid.num_parameters
        forecasts.append(forecast)
        criteria.append(n * np.log(sse / n) + 2 * k + 2 * k * (k + 1) / max(n - k - 1, 1))
    return np.stack(forecasts), np.stack(criteria)


def fit(y: Array, grid: Grid, horizon: int) -> tuple[Array, Array]:
    """The grid's best point for each series: forecasts (S, horizon) and the sum of squared one-step errors (S,)."""
    sse, level, trend = _search(y, grid)
    best = sse.argmin(axis=0)
    rows = np.arange(len(y))
    alpha, gain, phi = grid.alpha[best], grid.gain[best], grid.phi[best]
    level, trend = level[best, rows], trend[best, rows]
    for column in y.T:
        error = column - level - phi * trend
        level, trend = level + phi * trend + alpha * error, phi * trend + gain * error
    steps = []
    for _ in range(horizon):
        level, trend = level + phi * trend, phi * trend
        steps.append(level)
    return np.stack(steps, axis=1), sse[best, rows]


def _search(y: Array, grid: Grid) -> tuple[Array, Array, Array]:
    """Least squares over the initial level and trend at each grid point: SSE, level and trend, (G, S) each.

    The errors are those from zero initial states, less the response to the two unit states, which does not
    depend on the series.
    """
    alpha, gain, phi = (each[:, None] for each in grid[:3])
    level, trend, ee, e_level, e_trend = (np.zeros((len(alpha), len(y))) for _ in range(5))
    unit = np.zeros((len(alpha), 2, 2))
    """Level and trend (second axis) after a unit level, and after a unit trend (third axis)."""
    unit[:, 0, 0] = unit[:, 1, 1] = 1.0
    ll, lt, tt = (np.zeros((len(alpha), 1)) for _ in range(3))
    for column in y.T:
        error = column - level - phi * trend
        response = unit[:, 0] + phi * unit[:, 1]
        by_level, by_trend = response[:, :1], response[:, 1:]
        ee += error * error
        e_level += error * by_level
        e_trend += error * by_trend
        ll += by_level * by_level
        lt += by_level * by_trend
        tt += by_trend * by_trend
        level, trend = level + phi * trend + alpha * error, phi * trend + gain * error
        unit = np.stack([(1 - alpha) * response, phi * unit[:, 1] - gain * response], axis=1)
    # A little ridge: without a trend, the second column is all zeros.
    ridge = 1e-9 * (ll + tt)
    ll, tt = ll + ridge, tt + ridge
    determinant = ll * tt - lt * lt
    level = (tt * e_level - lt * e_trend) / determinant
    trend = (ll * e_trend - lt * e_level) / determinant
    return np.maximum(ee - level * e_level - trend * e_trend, 1e-12), level, trend
