"""What an adapter gives back: a verdict of its domain in an envelope that says how it came about."""

from __future__ import annotations

import datetime as dt
from typing import Any, Generic, Literal, TypeVar

import pydantic

from duomo.adapters.findings import Finding
from duomo.adapters.scores import ArtifactRef, Score
from duomo.tasks.base import Result

HumanReview = Literal["required", "advised", "none"]


class Payload(Result):
    """Base class for the verdict of one adapter; its JSON schema is public (``duomo adapters show``)."""


D = TypeVar("D", bound=Payload)


class Reason(Result):
    """Why a decision came out as it did, for the person it is about."""

    code: str
    text: str
    feature: str = ""
    contribution: float | None = None
    direction: Literal["adverse", "favourable", "neutral"] = "neutral"
    evidence: dict[str, float | str] = pydantic.Field(default_factory=dict)
    """Where to look: a box, a span, a lead and a time."""


class Decision(Result):
    """What should be done. ``abstain``: no verdict; ``refer``: a person decides; ``reject``: not acceptable."""

    outcome: Literal["accept", "refer", "abstain", "reject"]
    reason: str = ""
    """A finding's code or a few words; never empty for ``refer`` and ``abstain``."""
    policy: ArtifactRef | None = None
    threshold: float | None = None
    expected_cost: float | None = None


class Provenance(Result):
    """With what a result was made. No clock: equal records give equal results; the audit log has the time."""

    adapter: str
    adapter_version: str
    plugin: str = ""
    model: str = ""
    """The core task's model and its revision; empty for an adapter that calls no task."""
    executor: str = ""
    device: str = ""
    artifacts: dict[str, ArtifactRef] = pydantic.Field(default_factory=dict)
    """Calibrator, policy and whatever else was fitted."""
    input_digest: str = ""
    """SHA-256 of the record's payload; keyed with the pseudonyms' secret where it holds personal data."""
    as_of: dt.datetime | None = None
    libs: dict[str, str] = pydantic.Field(default_factory=dict)


class DomainResult(Result, Generic[D]):
    """The envelope. `payload` is None where a finding stopped the record; `decision` then says which."""

    id: str
    """Made of adapter, version, artefacts and record: the same ones give the same id."""
    key: str
    payload: D | None
    score: Score | None = None
    decision: Decision | None = None
    reasons: list[Reason] = pydantic.Field(default_factory=list)
    findings: list[Finding] = pydantic.Field(default_factory=list)
    provenance: Provenance
    human_review: HumanReview = "advised"
    disclaimer: str = ""

    def __reduce__(self) -> tuple[object, ...]:
        # ``DomainResult[CreditResult]`` is made when asked for, and no module has it by name.
        arguments = type(self).__pydantic_generic_metadata__["args"]
        return _rebuild, (arguments[0] if arguments else None, dict(self.__dict__))


def _rebuild(payload: type[Payload] | None, fields: dict[str, Any]) -> DomainResult[Any]:
    made: type[DomainResult[Any]] = DomainResult if payload is None else DomainResult[payload]  # type: ignore[valid-type]
    return made.model_construct(**fields)


def human_review(text: str) -> HumanReview:
    """What a spec says of it; whatever is none of the three words counts as ``required``."""
    return text if text in ("required", "advised", "none") else "required"  # type: ignore[return-value]
