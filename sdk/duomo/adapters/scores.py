"""Scores that say what they are: an uncalibrated number cannot pass as a probability."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

import pydantic

from duomo.errors import GuardRefused
from duomo.tasks.base import Result


class ArtifactRef(Result):
    """A fitted thing by name and fingerprint: enough to find it again, and to see that it is the same."""

    name: str
    sha256: str
    version: str = ""


class Uncalibrated(Result):
    """A number that orders records and means nothing by itself."""

    kind: Literal["uncalibrated"] = "uncalibrated"
    value: pydantic.FiniteFloat
    by_class: dict[str, float] = pydantic.Field(default_factory=dict)
    """For several classes: the score of each."""
    method: str = ""


class Probability(Result):
    """How often the event happens among records with this value, as far as `method` can make it so."""

    kind: Literal["probability"] = "probability"
    value: Annotated[float, pydantic.Field(ge=0, le=1)]
    method: Annotated[str, pydantic.Field(min_length=1)]
    """How it was calibrated: ``sigmoid``, ``isotonic`` … A probability without one is an `Uncalibrated`."""
    event: str = ""
    by_class: dict[str, float] = pydantic.Field(default_factory=dict)
    calibrator: ArtifactRef | None = None


class Quantiles(Result):
    """Levels in (0, 1), ascending, and the value at each; values never fall."""

    kind: Literal["quantiles"] = "quantiles"
    levels: list[float]
    values: list[float]
    method: str = ""
    calibrator: ArtifactRef | None = None

    @pydantic.model_validator(mode="after")
    def _ascending(self) -> Quantiles:
        if len(self.levels) != len(self.values) or not self.levels:
            raise ValueError(f"{len(self.levels)} levels and {len(self.values)} values")
        bounds = [0.0, *self.levels, 1.0]
        if any(not b > a for a, b in pairwise(bounds)):  # nor may one be no number
            raise ValueError(f"levels must ascend within (0, 1): {self.levels}")
        if any(not b >= a for a, b in pairwise([-math.inf, *self.values])):
            raise ValueError(f"quantiles cross: {self.values} at {self.levels}")
        return self


class Interval(Result):
    """The value lies in [low, high] for a share `level` of records."""

    kind: Literal["interval"] = "interval"
    low: float
    high: float
    level: Annotated[float, pydantic.Field(gt=0, lt=1)]
    value: float | None = None
    """The point forecast inside it."""
    method: str = ""
    calibrator: ArtifactRef | None = None

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Interval:
        if not self.high >= self.low:  # nor may one of them be no number
            raise ValueError(f"the interval ends at {self.high}, before it begins at {self.low}")
        if self.value is not None and math.isnan(self.value):
            raise ValueError("the forecast inside the interval is not a number")
        return self


class PredictionSet(Result):
    """The true class is among `labels` for a share `level` of records."""

    kind: Literal["set"] = "set"
    labels: list[str]
    level: Annotated[float, pydantic.Field(gt=0, lt=1)]
    method: str = ""
    calibrator: ArtifactRef | None = None
    probability: Probability | None = None
    """Beside the set, where there is one."""


Score = Annotated[
    Uncalibrated | Probability | Quantiles | Interval | PredictionSet, pydantic.Field(discriminator="kind")
]


def as_probability(score: Score | None, whose: str = "this policy") -> Probability:
    """The score, when it is a probability, or the one beside a set; raises `GuardRefused` (CALIB.MISSING)."""
    if isinstance(score, PredictionSet) and score.probability is not None:
        return score.probability
    if isinstance(score, Probability):
        return score
    raise GuardRefused(
        f"CALIB.MISSING: {whose} needs a probability",
        why="there is no score"
        if score is None
        else f"the score is '{score.kind}'" + (", which was not calibrated" if isinstance(score, Uncalibrated) else ""),
        fix="fit a calibrator on held-out records (duomo.adapters.Sigmoid.fit) and give it to the adapter",
    )
