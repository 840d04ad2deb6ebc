"""From a score to a decision: thresholds with a band that people look at, and sets that must name one class."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import pydantic

from duomo.adapters.artifacts import Artifact
from duomo.adapters.results import Decision
from duomo.adapters.scores import PredictionSet, Score, as_probability
from duomo.errors import GuardRefused


class Policy(Artifact):
    """What to do with a score; saved and named like everything fitted, because changing it changes decisions."""

    @abstractmethod
    def decide(self, score: Score | None) -> Decision:
        """The decision. Raises `GuardRefused` (CALIB.MISSING) for a score that is not of the kind it needs."""


class Threshold(Policy):
    """Accept on one side of a probability, reject on the other, refer within `margin` of it."""

    kind: ClassVar[str] = "duomo.threshold/1"
    threshold: float = pydantic.Field(gt=0, lt=1)
    accept: Literal["below", "above"] = "below"
    margin: float = pydantic.Field(default=0.0, ge=0)

    def decide(self, score: Score | None) -> Decision:
        value = as_probability(score, "a threshold policy").value
        if abs(value - self.threshold) < self.margin:
            reason = f"within {self.margin:g} of the threshold"
            return Decision(outcome="refer", reason=reason, policy=self.ref, threshold=self.threshold)
        is_below = value < self.threshold
        outcome: Literal["accept", "reject"] = "accept" if is_below == (self.accept == "below") else "reject"
        return Decision(outcome=outcome, policy=self.ref, threshold=self.threshold)


class Costs(Policy):
    """Act when acting is cheaper in expectation: ``accept`` costs `false_accept` when the event comes."""

    kind: ClassVar[str] = "duomo.costs/1"
    false_accept: float = pydantic.Field(gt=0)
    """Cost of accepting a record whose event happens."""
    false_reject: float = pydantic.Field(gt=0)
    """Cost of rejecting one whose event does not happen."""

    def decide(self, score: Score | None) -> Decision:
        value = as_probability(score, "a cost policy").value
        accepting, rejecting = value * self.false_accept, (1 - value) * self.false_reject
        outcome: Literal["accept", "reject"] = "accept" if accepting <= rejecting else "reject"
        at = self.false_reject / (self.false_accept + self.false_reject)
        return Decision(outcome=outcome, policy=self.ref, threshold=at, expected_cost=min(accepting, rejecting))


class OneClass(Policy):
    """Accept a prediction set that names exactly one class; abstain otherwise."""

    kind: ClassVar[str] = "duomo.one-class/1"

    def decide(self, score: Score | None) -> Decision:
        if not isinstance(score, PredictionSet):
            raise GuardRefused(
                "CALIB.MISSING: this policy needs a prediction set",
                why=f"the score is '{score.kind}'" if score is not None else "there is no score",
                fix="fit duomo.adapters.ConformalSets on held-out records",
            )
        if len(score.labels) == 1:
            return Decision(outcome="accept", policy=self.ref)
        reason = "no class fits" if not score.labels else f"{len(score.labels)} classes cannot be told apart"
        return Decision(outcome="abstain", reason=reason, policy=self.ref)
