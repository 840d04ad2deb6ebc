"""Logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from duomo.adapters.statistics.metrics import Floats


def logit(probability: Floats) -> np.ndarray[Any, Any]:
    """Log-odds; probabilities are clipped so that they stay finite."""
    p = np.clip(np.asarray(probability, float), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))


def fit_logistic(
    design: np.ndarray[Any, Any], target: np.ndarray[Any, Any], ridge: float = 1e-10
) -> np.ndarray[Any, Any]:
    """Weights (d,) of the logistic curve nearest to `target` (n,) in [0, 1], by Newton's method with halved steps.

    Args:
        design: features, shape (n, d); a constant column is the intercept.
        target: labels, or smoothed ones.
        ridge: pulls weights to zero; a little keeps the fit unique.
    """
    weights = np.zeros(design.shape[1])

    def loss(w: np.ndarray[Any, Any]) -> float:
        z = design @ w
        return float(np.sum(np.logaddexp(0, z) - target * z) + ridge / 2 * w @ w)

    now = loss(weights)
    for _ in range(100):
        p = _expit(design @ weights)
        gradient = design.T @ (p - target) + ridge * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + max(ridge, 1e-10) * np.eye(len(weights))
        step, size = np.linalg.solve(curvature, gradient), 1.0
        while size > 1e-10 and loss(weights - size * step) > now:
            size /= 2
        weights = weights - size * step
        before, now = now, loss(weights)
        if before - now < 1e-12 * max(1.0, abs(now)):
            break
    return weights


def _expit(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))
