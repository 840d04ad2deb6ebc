"""From scores to probabilities, and how good those are: sigmoid, isotonic, temperature, reliability.

All fits are deterministic and small enough to read; what is fitted is JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pydantic

from duomo.adapters.artifacts import Artifact, FittedOn
from duomo.adapters.scores import Probability, Uncalibrated
from duomo.errors import UsageProblem

Floats = Sequence[float] | np.ndarray[Any, Any]
_TINY = 1e-12


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
        slope, intercept = map(float, fit_logistic(np.stack([(s - centre) / scale, np.ones(len(s))], 1), target))
        on = fitted_on or FittedOn(n=len(y), prevalence=float(y.mean()))
        return cls(slope=slope / scale, intercept=intercept - slope * centre / scale, event=event, fitted_on=on)

    def predict(self, values: Floats) -> np.ndarray[Any, Any]:
        return _expit(self.slope * np.asarray(values, float) + self.intercept)


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
    def fit(cls, logits: Any, labels: Sequence[int], *, event: str = "", fitted_on: FittedOn | None = None) -> Self:
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

    def softmax(self, logits: Any) -> np.ndarray[Any, Any]:
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


class Bin(NamedTuple):
    """Records of like probability: how many, what was promised, what happened."""

    n: int
    promised: float
    observed: float


def reliability(probabilities: Floats, labels: Floats, bins: int = 10) -> list[Bin]:
    """The reliability table by bins of equal count; empty ones are left out."""
    p, y = _checked(probabilities, labels)
    order = np.argsort(p, kind="stable")
    parts = (part for part in np.array_split(order, bins) if len(part))
    return [Bin(len(part), float(p[part].mean()), float(y[part].mean())) for part in parts]


def expected_calibration_error(probabilities: Floats, labels: Floats, bins: int = 10) -> float:
    """Mean distance between promised and observed over bins of equal count, weighted by their size."""
    table = reliability(probabilities, labels, bins)
    return sum(each.n * abs(each.promised - each.observed) for each in table) / sum(each.n for each in table)


def brier(probabilities: Floats, labels: Floats) -> float:
    """Mean squared distance between probability and what happened; 0 is perfect, p(1-p) is knowing nothing."""
    p, y = _checked(probabilities, labels)
    return float(np.mean((p - y) ** 2))


def log_loss(probabilities: Floats, labels: Floats) -> float:
    """Mean negative log-likelihood in nats; probabilities are clipped to [1e-12, 1 - 1e-12]."""
    p, y = _checked(probabilities, labels)
    p = np.clip(p, _TINY, 1 - _TINY)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def auc(values: Floats, labels: Floats) -> float:
    """Area under the ROC curve: how often a positive ranks above a negative, ties counted half."""
    s, y = _checked(values, labels)
    positives = int(y.sum())
    if positives in (0, len(y)):
        raise UsageProblem("the area under the curve needs both classes", why=f"{positives} of {len(y)} are positive")
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    area = ranks[y > 0].sum() - positives * (positives + 1) / 2
    return float(area / (positives * (len(y) - positives)))


def logit(probability: Floats) -> np.ndarray[Any, Any]:
    """Log-odds; probabilities are clipped so that they stay finite."""
    p = np.clip(np.asarray(probability, float), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))


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


def by_group(probabilities: Floats, labels: Floats, groups: Sequence[str]) -> Mapping[str, Bin]:
    """Promised and observed in each group: a model may be calibrated on the whole and in no group."""
    p, y, g = np.asarray(probabilities, float), np.asarray(labels, float), np.asarray(groups)
    return {str(name): Bin(int((g == name).sum()), float(p[g == name].mean()), float(y[g == name].mean()))
            for name in np.unique(g)}  # fmt: skip


def _method(calibrator: Calibrator) -> str:
    return calibrator.kind.rpartition(".")[2].partition("/")[0]


def _expit(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


def _checked(values: Floats, labels: Floats) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    s, y = np.asarray(values, float), np.asarray(labels, float)
    if s.ndim != 1 or s.shape != y.shape or not len(s):
        raise UsageProblem(
            f"{s.shape} scores for {y.shape} labels", why="one label a score, and at least one", fix="(n,)"
        )
    if not np.isfinite(s).all() or not np.isin(y, (0, 1)).all():
        bad = "a score is not finite" if not np.isfinite(s).all() else "a label is neither 0 nor 1"
        raise UsageProblem("scores and labels cannot be used", why=bad, fix="leave such records out beforehand")
    return s, y


def _ties(s: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> tuple[Any, Any, Any]:
    knots, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    return knots, counts.astype(float), np.bincount(inverse, weights=y)
