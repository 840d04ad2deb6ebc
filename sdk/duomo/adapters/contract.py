"""What an adapter author writes.

    read      a file of the domain → rows or records         default: CSV, JSON lines, Parquet
    record    one row → a `Record`                           default: by `Input` and the field names below
    guards    checks of a record, a case, a data set         default: none beyond the built-in ones
    prepare   record → what the task or `score` takes        default: the record
    score     many prepared → many raw outputs               default: as they are; not called with a `task`
    interpret case → a typed score                           default: none
    calibrate case → a better score                          default: artefacts ``calibrator`` and ``sets``
    decide    case → a decision                              default: artefact ``policy``
    explain   case → reasons                                 default: none
    result    case → the payload                             yours

Only `spec`, `Output` and `result` must be there. Batching, order, faults, findings, pseudonyms, provenance and the
audit log are not the author's business (`duomo.adapters.walk`).
"""

from __future__ import annotations

import dataclasses
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar

from duomo.adapters.artifacts import Artifact
from duomo.adapters.findings import Finding, Override, Severity, find
from duomo.adapters.records import Record, secret_key
from duomo.adapters.results import D, Decision, DomainResult, Payload, Reason
from duomo.adapters.rows import RowLayout, to_record
from duomo.adapters.scores import Score, Uncalibrated
from duomo.adapters.splits import SplitPolicy, default_split
from duomo.data.rows import read_rows
from duomo.errors import DuomoError, GuardRefused, UsageProblem
from duomo.specs import AdapterSpec

if TYPE_CHECKING:
    from duomo.adapters.audit import AuditLog
    from duomo.outcome import Outcome
    from duomo.runner import Runner

A = TypeVar("A", bound=Artifact)
P = TypeVar("P")
Phase = Literal["input", "output", "dataset"]
Guard = Callable[[Any], Iterable[Finding]]
"""Looks at a `Record` (input), a `Case` (output) or a list of records (dataset) and yields what it finds."""


@dataclasses.dataclass
class Case(Generic[P]):
    """One record on its way to a verdict; each stage reads what those before it wrote."""

    record: Record[P]
    raw: Any = None
    """What the task, or `Adapter.score`, gave for it."""
    score: Score | None = None
    decision: Decision | None = None
    reasons: list[Reason] = dataclasses.field(default_factory=list)
    findings: list[Finding] = dataclasses.field(default_factory=list)

    def find(
        self, code: str, text: str = "", *, field: str = "", fix: str = "", severity: Severity | None = None
    ) -> None:
        """Add a finding about this record."""
        self.findings.append(find(code, text, field=field, record=self.record.key, fix=fix, severity=severity))


class AdapterContract(ABC, Generic[P, D]):
    """The author's half of an adapter: its declarations and its stages, each with a default where there is one."""

    spec: ClassVar[AdapterSpec]
    """The one that the plugin registers."""
    Input: ClassVar[type[Any] | None] = None
    """Pydantic class of a record's payload, such as a subclass of `Inputs`; None to take rows as they are."""
    Output: ClassVar[type[Payload]]
    """Class of the verdict."""
    task: ClassVar[str] = ""
    """The core task that `prepare` feeds; empty for an adapter that does its own maths."""
    options: ClassVar[Mapping[str, Any]] = {}
    """Options of that task."""
    batch_size: ClassVar[int] = 64
    """How many prepared records `score` is given at most."""
    on_block: ClassVar[Literal["refer", "reject"]] = "refer"
    """What is decided about a record that a finding stops."""

    key_field: ClassVar[str] = ""
    """The column that names a record; its position when left empty."""
    group_field: ClassVar[str] = ""
    time_field: ClassVar[str] = ""
    label_field: ClassVar[str] = ""
    """The column of the known answer, taken out of what models see."""
    protected: ClassVar[tuple[str, ...]] = ()
    """Columns that go into the side channel, and that no payload may have."""

    identifying: ClassVar[tuple[str, ...]] = ()
    """Further columns that tell who someone is; nothing of them may show in a result, a log or an error."""

    def __init__(
        self,
        *,
        runner: Runner[Any] | None = None,
        artifacts: Mapping[str, Artifact] | None = None,
        secret: bytes | str | None = None,
    ) -> None:
        both = sorted(set(self.protected) & set(getattr(self.Input, "model_fields", ())))
        if both:
            raise GuardRefused(
                f"FAIR.PROHIBITED_BASIS: '{both[0]}' is protected, and a field of {self.Input.__name__}",  # type: ignore[union-attr]
                why="a protected attribute was offered as a feature",
                fix=f"take '{both[0]}' out of the payload: it reaches fairness reports by Record.protected",
            )
        self.runner = runner
        self.artifacts: dict[str, Artifact] = dict(artifacts or {})
        self.secret = secret_key(secret)
        self.origin = ""
        """Distribution and version of the plugin; `duomo.adapt` knows it."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: adapter {self.spec.name}>"

    def artifact(self, name: str, kind: type[A], missing: str, fix: str) -> A:
        """The artefact of that name. Raises `UsageProblem` with what is `missing` where there is none of this kind."""
        found = self.artifacts.get(name)
        if not isinstance(found, kind):
            raise UsageProblem(missing, why=f"there is no artefact '{name}'", fix=fix)
        return found

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        """Whatever `map` takes, lazily, from a file; an item that is lost is yielded as its `DuomoError`."""
        return read_rows(source)

    def record(self, value: object, position: int = 0) -> Record[P]:
        """One row as a record; what is a `Record` already never comes here. Raises `BadInput` with a remedy."""
        return to_record(self.layout, value, position)

    def guards(self, phase: Phase) -> Sequence[Guard]:
        """The checks of a phase, over those that every adapter has."""
        del phase
        return ()

    def prepare(self, record: Record[P]) -> object:
        """The input of the task, or of `score`; pure, and blind to `record.protected` and `record.label`."""
        return record

    def score(self, prepared: Sequence[Any]) -> Sequence[Any]:
        """Raw outputs, one for each prepared record in order; batch-mates may not show."""
        return prepared

    def interpret(self, case: Case[P]) -> Score | None:
        """The score that `case.raw` holds, in the words of the domain."""
        del case
        return None

    def calibrate(self, case: Case[P]) -> Score | None:
        """A probability where a calibrator is at hand, and a prediction set where one was fitted."""
        score: Any = case.score
        calibrator, sets = self.artifacts.get("calibrator"), self.artifacts.get("sets")
        if isinstance(score, Uncalibrated) and callable(calibrator):
            score = calibrator(score)
        if score is not None and score.kind == "probability" and callable(sets):
            score = sets(score, self.stratum(case))
        return score  # type: ignore[no-any-return]

    def stratum(self, case: Case[P]) -> str | None:
        """The group within which prediction sets hold what they promise, as in ``ConformalSets.fit(groups=…)``."""
        return case.record.group

    def decide(self, case: Case[P]) -> Decision | None:
        """What the policy says; no decision without one."""
        policy: Any = self.artifacts.get("policy")
        return policy.decide(case.score) if policy is not None else None

    def explain(self, case: Case[P]) -> Sequence[Reason]:
        """The reasons for `case.decision`, the weightiest first."""
        del case
        return ()

    @abstractmethod
    def result(self, case: Case[P]) -> D:
        """The verdict."""

    def split_policy(self, records: Sequence[Record[P]]) -> SplitPolicy:
        """How data may be split to judge this adapter; the strictest that the records allow."""
        return default_split(records)

    def fit(self, records: Sequence[Record[P]]) -> Self:
        """An adapter of this class fitted on labelled records; this one where there is nothing to fit."""
        del records
        return self

    def measure(self, judged: Sequence[tuple[Record[P], DomainResult[D]]]) -> dict[str, float]:
        """The domain's metrics over records and what became of them."""
        del judged
        return {}

    @classmethod
    def example(cls) -> Self:
        """One that is ready to use, for the conformance suite; fitted on a few made-up records where it must be."""
        return cls()

    @classmethod
    def samples(cls) -> list[Any]:
        """Two or more items that `map` takes, for the conformance suite."""
        return []

    @classmethod
    def canaries(cls, marker: str) -> list[Any]:
        """Items with `marker` wherever something identifies a person; for items that are rows, the suite knows how."""
        del marker
        return []

    @property
    def is_private(self) -> bool:
        """Whether records are about people: keys are then pseudonyms, and error texts quote nothing."""
        return bool({"PHI", "PII"} & set(self.spec.data_classes))

    @property
    def batches_scores(self) -> bool:
        """Whether the author overrides `score`; the default is not worth a batch."""
        return type(self).score is not AdapterContract.score

    @property
    def layout(self) -> RowLayout:
        """How a row becomes a record of this adapter."""
        return RowLayout(
            self.spec.name,
            self.Input,
            key=self.key_field,
            group=self.group_field,
            time=self.time_field,
            label=self.label_field,
            protected=self.protected,
            secret=self.secret if self.is_private else None,
        )

    @abstractmethod
    def map(
        self,
        items: Iterable[Any],
        *,
        audit: AuditLog | None = None,
        overrides: Sequence[Override] = (),
        batch_size: int | None = None,
        max_failed: int | None = None,
    ) -> Iterator[Outcome[DomainResult[D]]]:
        """Take many records through the stages; one `Outcome` each, in the order of the input."""


def accept(adapter: AdapterContract[Any, Any], item: object, position: int) -> Record[Any]:
    """An item of `Adapter.map` as a record: what is one already passes, and what is lost raises its error."""
    if isinstance(item, DuomoError):
        raise item
    return item if isinstance(item, Record) else adapter.record(item, position)
