"""The Theta method and its optimised, dynamic form (DOT), for many series at once.

A forecast is a smoothed level plus a share of the straight line through the data. In the standard method the share
is a half and the line fixed; in the dynamic one the share is estimated and the line is that of the data up to each
point in time. Given the smoothing parameter both are linear in what is left to estimate, so a grid over that one
parameter and least squares in closed form replace an optimiser.

Assimakopoulos and Nikolopoulos, "The theta model", IJF 2000; Fiorucci, Pellegrini, Louzada, Petropoulos and
Koehler, "Models for optimising the theta method", IJF 2016, whose bounds (alpha from 0.1 to 0.99) are kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ALPHAS = np.arange(10, 100) / 100
BURN_IN = 2
"""Errors that do not count: a line needs two points."""


def theta(y: Array, horizon: int) -> Array:
    """The standard method, (S, n) values without seasons to (S, horizon) forecasts."""
    count, n = y.shape
    time = np.arange(1, n + 1) - (n + 1) / 2
    slope = (y * time).sum(axis=1) / (time * time).sum()
    intercept = y.mean(axis=1) - slope * (n + 1) / 2
    alpha = ALPHAS[:, None]
    level, errors, by_level, weight = _zeros(count)
    for t in range(1, n + 1):
        if t > BURN_IN:
            error = y[:, t - 1] - level - 0.5 * _line(alpha, t, intercept, slope)
            errors += error * error
            by_level += error * weight
        level = alpha * y[:, t - 1] + (1 - alpha) * level
        weight = weight * (1 - alpha)
    squares = sum((1 - alpha) ** (2 * (t - 1)) for t in range(BURN_IN + 1, n + 1))
    start = by_level / squares
    best, rows = (errors - start * by_level).argmin(axis=0), np.arange(count)
    alpha = ALPHAS[best]
    now = level[best, rows] + weight[best, 0] * start[best, rows]
    steps = []
    for t in range(n + 1, n + horizon + 1):
        steps.append(now + 0.5 * _line(alpha, t, intercept, slope))
        now = alpha * steps[-1] + (1 - alpha) * now
    return np.stack(steps, axis=1)


def dynamic_theta(y: Array, horizon: int) -> Array:
    """The dynamic optimised method (DOT), (S, n) values without seasons to (S, horizon) forecasts."""
    count, n = y.shape
    alpha = ALPHAS[:, None]
    level, ee, el, weight = _zeros(count)
    ed, ld, dd = (np.zeros_like(level) for _ in range(3))
    ll = np.zeros_like(alpha)
    mean, intercept, slope = (np.zeros(count) for _ in range(3))
    for t in range(1, n + 1):
        if t > BURN_IN:
            drift = _line(alpha, t, intercept, slope)
            error = y[:, t - 1] - level
            ee += error * error
            el += error * weight
            ed += error * drift
            ll = ll + weight * weight
            ld += weight * drift
            dd += drift * drift
        level = alpha * y[:, t - 1] + (1 - alpha) * level
        weight = weight * (1 - alpha)
        mean, intercept, slope = _follow(y[:, t - 1], t, mean, slope)
    ll = ll + 1e-12
    determinant = ll * dd - ld * ld
    solvable = determinant > 1e-9 * ll * np.maximum(dd, 1e-300)
    share = np.clip(np.where(solvable, (ll * ed - ld * el) / np.where(solvable, determinant, 1.0), 0.0), 0.0, 1.0)
    start = (el - share * ld) / ll
    sse = ee - 2 * start * el - 2 * share * ed + start**2 * ll + 2 * start * share * ld + share**2 * dd
    best, rows = sse.argmin(axis=0), np.arange(count)
    alpha, share = ALPHAS[best], share[best, rows]
    now = level[best, rows] + weight[best, 0] * start[best, rows]
    steps = []
    for t in range(n + 1, n + horizon + 1):
        steps.append(now + share * _line(alpha, t, intercept, slope))
        now = alpha * steps[-1] + (1 - alpha) * now
        mean, intercept, slope = _follow(steps[-1], t, mean, slope)
    return np.stack(steps, axis=1)


def _zeros(count: int) -> tuple[Array, Array, Array, Array]:
    level, errors, by_level = (np.zeros((len(ALPHAS), count)) for _ in range(3))
    return level, errors, by_level, np.ones((len(ALPHAS), 1))


def _line(alpha: Array, t: int, intercept: Array, slope: Array) -> Array:
    """What the straight line adds at time `t` beyond what the smoothed level has already caught up with."""
    left = (1 - alpha) ** (t - 1)
    return left * intercept + (1 - left * (1 - alpha)) / alpha * slope


def _follow(value: Array, t: int, mean: Array, slope: Array) -> tuple[Array, Array, Array]:
    """Mean, intercept and slope of the line through the first `t` values, from those through one fewer."""
    slope = ((t - 2) * slope + 6 / t * (value - mean)) / (t + 1) if t > 1 else slope
    mean = ((t - 1) * mean + value) / t
    return mean, mean - (t + 1) / 2 * slope, slope
