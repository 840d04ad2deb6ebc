"""Scores of several parts brought together: calibrated log-odds, weighed, with an indicator for what is missing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pydantic

from duomo.adapters.artifacts import Artifact, FittedOn
from duomo.adapters.statistics.calibration import Sigmoid
from duomo.adapters.statistics.logistic import fit_logistic

_RIDGE = 1.0
"""Weighs as much as one record: enough to keep weights finite where a part tells the classes apart."""


class Stack(Artifact):
    """How the parts' scores are brought together: for each class a sigmoid a part, and weights over all."""

    kind: ClassVar[str] = "duomo.fusion-stack/1"
    parts: list[str]
    classes: list[str]
    calibrators: dict[str, dict[str, Sigmoid]]
    """Part → class → its curve; a part that was never there has none."""
    weights: dict[str, list[float]]
    """Class → one weight a part, one a missing part, and the intercept."""
    patterns: dict[str, int] = pydantic.Field(default_factory=dict)
    """How many records it was fitted on with just these parts."""

    @property
    def modelled(self) -> list[str]:
        """The classes with weights: of two, the second alone."""
        return self.classes[1:] if len(self.classes) == 2 else self.classes

    @classmethod
    def fit(
        cls, scores: Sequence[Mapping[str, Any]], labels: Sequence[str], parts: Sequence[str], classes: Sequence[str]
    ) -> Self:
        """Fit to the scores of each record's parts and its class; the scorers must not have seen these records."""
        stack = cls(parts=list(parts), classes=list(classes), calibrators={part: {} for part in parts}, weights={})
        calibrators: dict[str, dict[str, Sigmoid]] = {part: {} for part in parts}
        for name in stack.modelled:
            truth = np.asarray([float(label == name) for label in labels])
            for part in parts:
                values = np.asarray([stack.raw(each.get(part), name) for each in scores])
                there = np.isfinite(values)
                if there.any():
                    calibrators[part][name] = Sigmoid.fit(values[there], truth[there], event=name)
        stack = stack.model_copy(update={"calibrators": calibrators})
        weights = {}
        for name in stack.modelled:
            truth = np.asarray([float(label == name) for label in labels])
            design = np.stack([stack.features(each, name) for each in scores])
            weights[name] = fit_logistic(design, truth, _RIDGE).weights.tolist()
        patterns = dict(sorted(Counter(pattern_of(each, parts) for each in scores).items()))
        on = FittedOn(n=len(labels))
        return cls(**{**stack.model_dump(exclude={"weights", "patterns", "fitted_on"}), "weights": weights,
                      "patterns": patterns, "fitted_on": on})  # fmt: skip

    def raw(self, score: Mapping[str, float] | float | None, name: str) -> float:
        """A part's score for one class as a number: log-odds of a share, the number itself, NaN when missing."""
        if score is None:
            return math.nan
        if not isinstance(score, Mapping):
            return float(score)
        share = min(max(score.get(name, 0.0), 1e-6), 1 - 1e-6)
        return math.log(share / (1 - share))

    def features(self, scores: Mapping[str, Any], name: str) -> np.ndarray[Any, Any]:
        """Calibrated log-odds (0 where missing), indicators of what is missing, and 1; shape (2 · parts + 1,)."""
        odds, absent = np.zeros(len(self.parts)), np.zeros(len(self.parts))
        for at, part in enumerate(self.parts):
            value, curve = self.raw(scores.get(part), name), self.calibrators[part].get(name)
            if curve is None or not math.isfinite(value):
                absent[at] = 1.0
            else:
                odds[at] = curve.slope * value + curve.intercept
        return np.concatenate([odds, absent, [1.0]])

    def probabilities(self, scores: Mapping[str, Any]) -> dict[str, float]:
        """The share of each class, adding up to 1."""
        found = {name: self._share(scores, name) for name in self.modelled}
        if len(self.classes) == 2:
            first, second = self.classes
            return {first: 1 - found[second], second: found[second]}
        total = sum(found.values())
        return {name: share / total for name, share in found.items()}

    def contributions(self, scores: Mapping[str, Any], name: str) -> dict[str, float]:
        """What each part that is there adds to the log-odds of a class."""
        sign = 1.0
        if name not in self.modelled:
            name, sign = self.classes[1], -1.0
        weighted = self.features(scores, name)[: len(self.parts)] * np.asarray(self.weights[name][: len(self.parts)])
        return {part: sign * float(weighted[at]) for at, part in enumerate(self.parts) if scores.get(part) is not None}

    def _share(self, scores: Mapping[str, Any], name: str) -> float:
        z = float(self.features(scores, name) @ np.asarray(self.weights[name]))
        return float(0.5 * (1 + math.tanh(z / 2)))


def pattern_of(scores: Mapping[str, Any], parts: Sequence[str]) -> str:
    """Which parts are there: ``image+text``."""
    return "+".join(part for part in parts if scores.get(part) is not None)
