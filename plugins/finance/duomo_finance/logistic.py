"""Logistic regression by Newton's method, with standard errors and, on request, coefficients of one sign."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

MAX_STEPS = 100
TOLERANCE = 1e-10


@dataclasses.dataclass(frozen=True)
class Logit:
    """``log odds = intercept + x @ coefficients``."""

    intercept: float
    coefficients: Vector
    errors: Vector
    """Standard errors from the observed information, the intercept's first; NaN for a coefficient held at zero."""

    def log_odds(self, x: Vector) -> Vector:
        """Log odds of the event, (rows,)."""
        return np.asarray(self.intercept + x @ self.coefficients)

    def probability(self, x: Vector) -> Vector:
        """Probability of the event, (rows,)."""
        return sigmoid(self.log_odds(x))


def sigmoid(z: Vector) -> Vector:
    """``1 / (1 + exp(-z))`` without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(z, dtype=np.float64))))


def fit_logit(x: Vector, y: Vector, *, ridge: float = 0.0, non_negative: bool = False) -> Logit:
    """Maximum likelihood of y in {0, 1} given x of (rows, columns).

    Args:
        x: Columns on scales of their own; no column of ones.
        y: The event, 0 or 1.
        ridge: Penalty ``ridge / 2 * sum(coefficients ** 2)``; the intercept is free.
        non_negative: Hold at zero each coefficient that would be negative. On weights of evidence a negative
            coefficient says that a worse bin earns a better score, which no reason could explain.

    Raises:
        ValueError: When the classes are separable, so that no finite maximum exists, or x is collinear.
    """
    active = np.ones(x.shape[1], dtype=bool)
    while True:
        beta, information = _newton(x[:, active], y, ridge)
        negative = beta[1:] < 0
        if not (non_negative and negative.any()):
            break
        # One at a time: freeing the worst may turn the sign of the others.
        active[np.flatnonzero(active)[int(np.argmin(beta[1:]))]] = False
    coefficients = np.zeros(x.shape[1])
    coefficients[active] = beta[1:]
    errors = np.full(x.shape[1] + 1, np.nan)
    errors[np.r_[True, active]] = np.sqrt(np.diag(np.linalg.inv(information)))
    return Logit(float(beta[0]), coefficients, errors)


def _newton(x: Vector, y: Vector, ridge: float) -> tuple[Vector, Vector]:
    """Coefficients, the intercept first, and the information matrix there."""
    design = np.column_stack([np.ones(len(x)), x])
    penalty = np.r_[0.0, np.full(x.shape[1], ridge)]
    beta = np.zeros(design.shape[1])
    loss = _loss(design, y, beta, penalty)
    for _ in range(MAX_STEPS):
        p = sigmoid(design @ beta)
        gradient = design.T @ (p - y) + penalty * beta
        information = (design * (p * (1 - p))[:, None]).T @ design + np.diag(penalty)
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            raise ValueError("the columns are collinear, or one of them separates the classes") from None
        size = 1.0
        while (new := _loss(design, y, beta - size * step, penalty)) > loss + 1e-12 and size > 1e-6:
            size /= 2
        beta = beta - size * step
        if loss - new < TOLERANCE * (1 + abs(loss)) and np.abs(size * step).max() < 1e-6:
            return beta, information
        loss = new
    raise ValueError("no maximum was found: a column separates the classes, or two are nearly collinear")


def _loss(design: Vector, y: Vector, beta: Vector, penalty: Vector) -> float:
    z = design @ beta
    return float(np.logaddexp(0.0, z).sum() - y @ z + 0.5 * penalty @ beta**2)
