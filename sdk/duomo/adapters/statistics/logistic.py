"""Logistic regression by Newton's method: the one solver of the core and of all adapters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from duomo.errors import BadInput

Vector = NDArray[np.float64]
MAX_STEPS = 100
LEAST_CURVATURE = 1e-10
"""Added to the curvature so that collinear columns leave it invertible."""
ROUNDING = 1e-12
"""A loss that rises by no more than this share of itself has not risen."""


class LogisticFit(NamedTuple):
    """The curve ``log-odds = design @ weights + offset`` that is nearest to a target."""

    weights: Vector
    """One for each column, (d,)."""
    errors: Vector
    """Standard errors from the observed information, (d,); NaN for a weight that is held at zero."""
    settled: bool
    """Whether the maximum was reached. False where a column separates the classes: no finite weights are best then."""

    def log_odds(self, design: Vector, offset: ArrayLike = 0.0) -> Vector:
        """Compute the log-odds of rows, (n,)."""
        return np.asarray(design @ self.weights + np.asarray(offset, float))


def logit(probability: ArrayLike) -> Vector:
    """Turn probabilities into log-odds; they are clipped to [1e-6, 1 - 1e-6] so that the log-odds stay finite."""
    p = np.clip(np.asarray(probability, float), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))


def expit(log_odds: ArrayLike) -> Vector:
    """Turn log-odds into probabilities, ``1 / (1 + exp(-x))`` without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(np.asarray(log_odds, float) / 2)))


def fit_logistic(
    design: ArrayLike,
    target: ArrayLike,
    ridge: float | ArrayLike = 1e-10,
    *,
    offset: ArrayLike = 0.0,
    non_negative: Sequence[bool] | None = None,
) -> LogisticFit:
    """Fit by penalised maximum likelihood. The steps are Newton's, halved while they do not help.

    Args:
        design: features, (n, d); a column of ones is the intercept.
        target: labels 0 or 1, or shares between them, (n,).
        ridge: the penalty ``ridge / 2 * weight ** 2``, one for all columns or one for each, (d,).
        offset: log-odds that are given and not fitted, one or (n,).
        non_negative: for each column, whether its weight is held at zero where it would be negative.

    Raises:
        BadInput: a number is not finite, or the shapes do not fit.
    """
    x, y = np.asarray(design, float), np.asarray(target, float)
    if x.ndim != 2 or y.shape != x.shape[:1] or not len(y):
        raise BadInput(f"a design of shape {x.shape} for {y.shape} targets", why="one row a target", fix="(n, d), (n,)")
    given = np.broadcast_to(np.asarray(offset, float), y.shape)
    penalty = np.broadcast_to(np.asarray(ridge, float), x.shape[1:])
    if not (np.isfinite(x).all() and np.isfinite(y).all() and np.isfinite(given).all()):
        raise BadInput("the design, the target or the offset is not finite", why="no weights fit NaN or infinity",
                       fix="leave such rows out beforehand")  # fmt: skip
    signed = np.zeros(x.shape[1], bool) if non_negative is None else np.asarray(non_negative, bool)
    kept = np.ones(x.shape[1], bool)
    while True:
        found, information, settled = _newton(x[:, kept], y, penalty[kept], given)
        held = signed[kept] & (found < 0)
        if not held.any():
            break
        # One at a time: without the worst, others may change their sign.
        worst = int(np.argmin(np.where(held, found, np.inf)))
        kept[np.flatnonzero(kept)[worst]] = False
    weights, errors = np.zeros(x.shape[1]), np.full(x.shape[1], np.nan)
    weights[kept], errors[kept] = found, np.sqrt(np.diag(np.linalg.inv(information)))
    return LogisticFit(weights, errors, settled)


def _newton(x: Vector, y: Vector, penalty: Vector, offset: Vector) -> tuple[Vector, Vector, bool]:
    """Weights, the information matrix there, and whether the steps came to an end."""
    weights, settled = np.zeros(x.shape[1]), False
    floor = np.diag(np.maximum(penalty, LEAST_CURVATURE))

    def loss(z: Vector, w: Vector) -> float:
        return float(np.sum(np.logaddexp(0, z) - y * z) + penalty @ w**2 / 2)

    z = offset + x @ weights
    now = loss(z, weights)
    for _ in range(MAX_STEPS):
        p = expit(z)
        information = (x * (p * (1 - p))[:, None]).T @ x + floor
        step = np.linalg.solve(information, x.T @ (p - y) + penalty * weights)
        size, change = 1.0, x @ step
        noise = ROUNDING * max(1.0, abs(now))
        while size > 1e-10 and loss(z - size * change, weights - size * step) > now + noise:
            size /= 2
        weights, z = weights - size * step, z - size * change
        before, now = now, loss(z, weights)
        # Log-odds, unlike weights, do not depend on the units of the columns.
        reach, size_of_z = np.abs(change).max(), 1 + np.abs(z).max()
        if reach < 1e-9 * size_of_z or abs(before - now) < noise / 10:
            settled = bool(reach < 1e-4 * size_of_z)
            break
    return weights, information, settled
