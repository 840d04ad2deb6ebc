"""Sets and intervals that keep their promise on exchangeable data: split conformal, whole or by group (Mondrian).

The promise: with n calibration records, the set or interval of a new record holds the truth with probability at
least `level`. It rests on nothing but exchangeability; time series and new sites break it, so report what was
covered. Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005); the set score is LAC,
1 - p(true class) (Sadinle, Lei, Wasserman, JASA 2019), which gives the smallest sets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from duomo.adapters.artifacts import Artifact, FittedOn
from duomo.adapters.scores import Interval, PredictionSet, Probability
from duomo.counting import counted
from duomo.errors import GuardRefused, UsageProblem

WHOLE = ""
"""The group of everybody: used where a record's own group had too few calibration records."""


def least_records(level: float) -> int:
    """How many calibration records a level needs: the least n with ceil((n + 1) · level) <= n."""
    if not 0 < level < 1:
        raise UsageProblem(f"a level of {level}", why="it is the share that is to be covered", fix="such as 0.9")
    n = max(1, math.floor(level / (1 - level)) - 1)
    while math.ceil(_exact((n + 1) * level)) > n:
        n += 1
    return n


def conformal_quantile(scores: Sequence[float] | np.ndarray[Any, Any], level: float) -> float:
    """The ceil((n + 1) · level)-th smallest score. Raises `GuardRefused` (CALIB.N_TOO_SMALL) when there is none."""
    ordered = np.sort(np.asarray(scores, float))
    if np.isnan(ordered).any():
        raise UsageProblem(
            "a calibration score is not a number",
            why="a record has no forecast, no answer, or a scale of 0",
            fix="leave such records out beforehand",
        )
    n, least = len(ordered), least_records(level)
    if n < least:
        raise GuardRefused(
            f"CALIB.N_TOO_SMALL: {n} calibration records cannot promise {level:.0%}",
            why=f"{least} are the least; it takes the {math.ceil(_exact((n + 1) * level))}th smallest of {n} scores",
            fix=f"at least {counted(least, 'record')} (in each group), or a level of {n / (n + 1):.2f} at most",
        )
    return float(ordered[math.ceil(_exact((n + 1) * level)) - 1])


class Conformal(Artifact):
    """Quantiles of nonconformity by group; `WHOLE` is everybody's."""

    level: float
    quantiles: dict[str, float]
    counts: dict[str, int]

    def quantile(self, group: str | None = None) -> float:
        """The group's own quantile, or everybody's where it has none."""
        return self.quantiles.get(group or WHOLE, self.quantiles[WHOLE])

    @classmethod
    def _fit(
        cls, scores: object, level: float, groups: Sequence[str | None] | None, fitted_on: FittedOn | None
    ) -> Self:
        values = np.asarray(scores, float)
        if groups and len(groups) != len(values):
            raise UsageProblem(
                f"{counted(len(groups), 'group')} for {counted(len(values), 'record')}",
                fix="one a record, or None for it",
            )
        quantiles, counts = {WHOLE: conformal_quantile(values, level)}, {WHOLE: len(values)}
        names = [str(each or WHOLE) for each in groups or ()]
        for name in sorted(set(names) - {WHOLE}):
            own = values[np.asarray(names) == name]
            # A group that is too small for the level keeps everybody's: its own would promise nothing.
            if len(own) >= least_records(level):
                quantiles[name], counts[name] = conformal_quantile(own, level), len(own)
        on = fitted_on or FittedOn(n=len(values), groups=len(set(names)) if names else None)
        return cls(level=level, quantiles=quantiles, counts=counts, fitted_on=on)


class ConformalSets(Conformal):
    """Prediction sets from class probabilities."""

    kind: ClassVar[str] = "duomo.conformal-sets/1"

    @classmethod
    def fit(
        cls,
        probabilities: Sequence[Mapping[str, float]],
        labels: Sequence[str],
        level: float = 0.9,
        *,
        groups: Sequence[str | None] | None = None,
        fitted_on: FittedOn | None = None,
    ) -> Self:
        """Fit to the probabilities of each class of held-out records and their true class.

        Args:
            probabilities: one mapping a record, class to probability.
            labels: the true class of each.
            level: the share of records whose set is to hold the truth.
            groups: makes it Mondrian: the promise then holds within each group that is large enough; None is a
                record of no group.
            fitted_on: the data's fingerprint.
        """
        if len(probabilities) != len(labels):
            raise UsageProblem(
                f"{counted(len(probabilities), 'record')} and {counted(len(labels), 'label')}", fix="one label a record"
            )
        scores = [1 - each.get(label, 0.0) for each, label in zip(probabilities, labels, strict=True)]
        return cls._fit(scores, level, groups, fitted_on)

    def __call__(self, probabilities: Mapping[str, float] | Probability, group: str | None = None) -> PredictionSet:
        """The classes that cannot be ruled out, the likeliest first; none when all are strange."""
        given = probabilities if isinstance(probabilities, Probability) else None
        shares = _by_class(given) if given is not None else probabilities
        assert not isinstance(shares, Probability)
        bound = self.quantile(group)
        labels = [name for name in sorted(shares, key=lambda name: -shares[name]) if 1 - shares[name] <= bound + 1e-12]
        method = "mondrian" if len(self.quantiles) > 1 else "split-conformal"
        return PredictionSet(labels=labels, level=self.level, method=method, calibrator=self.ref, probability=given)


class ConformalInterval(Conformal):
    """Intervals around a point forecast: value ± quantile · scale."""

    kind: ClassVar[str] = "duomo.conformal-interval/1"

    @classmethod
    def fit(
        cls,
        predicted: Sequence[float],
        observed: Sequence[float],
        level: float = 0.9,
        *,
        scales: Sequence[float] | None = None,
        groups: Sequence[str | None] | None = None,
        fitted_on: FittedOn | None = None,
    ) -> Self:
        """Fit to held-out forecasts and what came; `scales` is how uncertain each was, 1 where that is unknown."""
        widths = np.ones(len(predicted)) if scales is None else np.asarray(scales, float)
        if not len(predicted) == len(observed) == len(widths):
            raise UsageProblem(
                f"{len(predicted):,} forecasts, {len(observed):,} observations and {len(widths):,} scales",
                fix="one a record",
            )
        if not (widths > 0).all():
            raise UsageProblem(
                "a scale is not above 0", why="residuals are divided by it", fix="leave such records out"
            )
        residuals = np.abs(np.asarray(observed, float) - np.asarray(predicted, float)) / widths
        return cls._fit(residuals, level, groups, fitted_on)

    def __call__(self, value: float, group: str | None = None, scale: float = 1.0) -> Interval:
        """The interval around one forecast, in the forecast's own unit."""
        reach = self.quantile(group) * scale
        method = "mondrian" if len(self.quantiles) > 1 else "split-conformal"
        return Interval(
            low=value - reach, high=value + reach, value=value, level=self.level, method=method, calibrator=self.ref
        )


def coverage(sets: Sequence[PredictionSet | Interval], truths: Sequence[Any]) -> float:
    """The share of records whose set or interval held the truth: report it, whatever was promised."""
    held = [
        truth in each.labels if isinstance(each, PredictionSet) else each.low <= truth <= each.high
        for each, truth in zip(sets, truths, strict=True)
    ]
    return float(sum(held) / len(held))


def _by_class(probability: Probability) -> Mapping[str, float]:
    if probability.by_class:
        return probability.by_class
    event = probability.event or "event"
    return {event: probability.value, f"not {event}": 1 - probability.value}


def _exact(value: float) -> float:
    """Without the last digits of binary arithmetic: 10 · 0.9 is 9, not 9.000000000000002."""
    return float(round(value, 9))
