"""From scores to probabilities, and how good those are: sigmoid, isotonic, temperature, reliability.

All fits are deterministic and small enough to read; what is fitted is JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pydantic

from duomo.adapters.artifacts import Artifact, FittedOn
from duomo.adapters.scores import Probability, Uncalibrated
from duomo.adapters.statistics.logistic import expit, fit_logistic
from duomo.adapters.statistics.metrics import Floats, _checked
from duomo.errors import UsageProblem


class Calibrator(Artifact):
    """Turns an `Uncalibrated` score into a `Probability`; what `fit` needs are scores that it was not trained on."""

    event: str = ""
    """What the probability is of."""

    def predict(self, values: Floats) -> np.ndarray[Any, Any]:
        """Probabilities in [0, 1] of scores, shape (n,)."""
        raise NotImplementedError(f"{type(self).__name__} calibrates whole scores only: call it")

    def __call__(self, score: Uncalibrated) -> Probability:
        """One score to its probability."""
        value = float(self.predict([score.value])[0])
        return Probability(value=value, method=_method(self), event=self.event, calibrator=self.ref)


class Sigmoid(Calibrator):
    """Platt's logistic curve: p = 1 / (1 + exp(-(slope · s + intercept))). Right for few records."""

    kind: ClassVar[str] = "duomo.sigmoid/1"
    slope: float
    intercept: float

    @classmethod
    def fit(cls, values: Floats, labels: Floats, *, event: str = "", fitted_on: FittedOn | None = None) -> Self:
        """Fit to scores (n,) and labels 0 or 1 (n,), smoothed as in Platt (1999) so that no probability is 0 or 1."""
        s, y = _checked(values, labels)
        positives, negatives = float(y.sum()), float(len(y) - y.sum())
        target = np.where(y > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        centre, scale = float(s.mean()), float(s.std()) or 1.0
        slope, intercept = fit_logistic(np.stack([(s - centre) / scale, np.ones(len(s))], 1), target).weights.tolist()
        on = fitted_on or FittedOn(n=len(y), prevalence=float(y.mean()))
        return cls(slope=slope / scale, intercept=intercept - slope * centre / scale, event=event, fitted_on=on)

    def predict(self, values: Floats) -> np.ndarray[Any, Any]:
        return expit(self.slope * np.asarray(values, float) + self.intercept)


class Isotonic(Calibrator):
    """A rising step curve, straight between its knots: takes any shape, and wants a thousand records."""

    kind: ClassVar[str] = "duomo.isotonic/1"
    knots: list[float]
    values: list[float]

    @classmethod
    def fit(cls, values: Floats, labels: Floats, *, event: str = "", fitted_on: FittedOn | None = None) -> Self:
        """Fit by pooling neighbours that fall (pool adjacent violators)."""
        s, y = _checked(values, labels)
        knots, counts, sums = _ties(s, y)
        heights = pool_adjacent(sums / counts, counts)
        # Only the ends of each flat piece are needed to draw it.
        keep = np.ones(len(knots), bool)
        keep[1:-1] = (heights[1:-1] != heights[:-2]) | (heights[1:-1] != heights[2:])
        on = fitted_on or FittedOn(n=len(y), prevalence=float(y.mean()))
        return cls(knots=knots[keep].tolist(), values=heights[keep].tolist(), event=event, fitted_on=on)

    def predict(self, values: Floats) -> np.ndarray[Any, Any]:
        return np.asarray(np.interp(np.asarray(values, float), self.knots, self.values))


class Temperature(Calibrator):
    """One number that flattens a network's logits: softmax(logits / temperature). The ranking stays."""

    kind: ClassVar[str] = "duomo.temperature/1"
    temperature: float = pydantic.Field(gt=0)

    @classmethod
    def fit(cls, logits: object, labels: Sequence[int], *, event: str = "", fitted_on: FittedOn | None = None) -> Self:
        """Fit to logits (n, classes) and the number of the right class (n,) by the least log-loss."""
        z, y = np.asarray(logits, float), np.asarray(labels, int)
        if z.ndim != 2 or len(z) != len(y) or not len(y):
            raise UsageProblem(f"logits of shape {z.shape} for {len(y)} labels", fix="(n, classes) and (n,)")
        if not np.isfinite(z).all() or y.min() < 0 or y.max() >= z.shape[1]:
            bad = (
                "a logit is not finite" if not np.isfinite(z).all() else f"a label is not within 0 to {z.shape[1] - 1}"
            )
            raise UsageProblem("logits and labels cannot be used", why=bad, fix="leave such records out beforehand")

        def loss(log_t: float) -> float:
            scaled = z / np.exp(log_t)
            top = scaled.max(1)
            return float(np.mean(top + np.log(np.exp(scaled - top[:, None]).sum(1)) - scaled[np.arange(len(y)), y]))

        low, high, golden = -5.0, 5.0, (5**0.5 - 1) / 2
        for _ in range(60):
            a, b = high - golden * (high - low), low + golden * (high - low)
            low, high = (low, b) if loss(a) < loss(b) else (a, high)
        on = fitted_on or FittedOn(n=len(y))
        return cls(temperature=float(np.exp((low + high) / 2)), event=event, fitted_on=on)

    def softmax(self, logits: object) -> np.ndarray[Any, Any]:
        """Probabilities of shape (n, classes) from logits of the same shape."""
        scaled = np.atleast_2d(np.asarray(logits, float)) / self.temperature
        raised = np.exp(scaled - scaled.max(1, keepdims=True))
        return np.asarray(raised / raised.sum(1, keepdims=True))

    def __call__(self, score: Uncalibrated) -> Probability:
        """A score whose `by_class` holds logits, to the probability of the best class and of each."""
        if not score.by_class:
            raise UsageProblem(
                "a temperature needs the logit of each class",
                why="the score is one number",
                fix="set Uncalibrated.by_class",
            )
        names = list(score.by_class)
        shares = dict(zip(names, map(float, self.softmax(list(score.by_class.values()))[0]), strict=True))
        best = max(names, key=lambda name: shares[name])
        return Probability(value=shares[best], method=_method(self), event=best, by_class=shares, calibrator=self.ref)


def pool_adjacent(heights: np.ndarray[Any, Any], weights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The nearest rising sequence in weighted least squares, shape (n,) (pool adjacent violators)."""
    blocks: list[list[float]] = []
    for height, weight in zip(heights, weights, strict=True):
        blocks.append([float(height), float(weight), 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            h, w, n = blocks.pop()
            last = blocks[-1]
            last[0] = (last[0] * last[1] + h * w) / (last[1] + w)
            last[1] += w
            last[2] += n
    return np.repeat([each[0] for each in blocks], [int(each[2]) for each in blocks])


def _method(calibrator: Calibrator) -> str:
    return calibrator.kind.rpartition(".")[2].partition("/")[0]


def _ties(s: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> tuple[Any, Any, Any]:
    knots, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    return knots, counts.astype(float), np.bincount(inverse, weights=y)
