"""Credit scores: PD, points, at most four reasons; prohibited inputs are kept out, and groups are compared."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from duomo.adapters import (
    Adapter,
    Artifact,
    ArtifactRef,
    Case,
    DomainResult,
    Finding,
    Payload,
    Probability,
    Reason,
    Record,
    Threshold,
    answer_of,
    find,
    is_missing,
    parse_time,
)
from duomo.errors import BadInput, GuardRefused
from duomo_finance import made_up
from duomo_finance.applications import Field, Row, demand_answers, screen, value_of
from duomo_finance.boosting import BoostedTrees
from duomo_finance.form import Form, screened
from duomo_finance.leaks import leaks
from duomo_finance.plugin import CREDIT_SCORE
from duomo_finance.reasons import Catalogue, ReasonText, adverse_reasons
from duomo_finance.reports import CreditReport, report
from duomo_finance.scorecard import Scorecard, score_of

if TYPE_CHECKING:
    from duomo import Runner

REFUSED = ("FAIR.PROHIBITED_BASIS", "LEAK.TARGET")
"""Findings that keep a column from being a feature."""


class Applications(Form):
    """What an application looks like, and which of its columns may be used for what."""

    kind: ClassVar[str] = "finance.applications/1"

    group: str = ""
    """Column of the borrower, where one has several applications."""
    known_at: Mapping[str, str] = pydantic.Field(default_factory=dict)
    """For a field, the column that says since when its value is known."""
    protected: tuple[str, ...] = ()
    catalogue: Mapping[str, ReasonText] = pydantic.Field(default_factory=dict)
    """The lender's own words for reasons, by field."""

    @property
    def group_column(self) -> str:
        return self.group

    @classmethod
    def of_table(
        cls, rows: Sequence[Row], *, target: str, event: str, protected: Sequence[str] = (),
        ratios: Sequence[Field] = (), key: str = "", group: str = "", time: str = "", currency: str = "",
    ) -> tuple[Applications, list[Finding]]:  # fmt: skip
        """Take every column that may be a feature, with a finding for each that may not.

        Raises:
            BadInput: No answer is the event.
        """
        table = screened(rows, {target, key, group, time, *protected}, REFUSED)
        several = demand_answers(rows, target, event)
        answered = [row for row in rows if not is_missing(row.get(target))]
        y = np.array([answer_of(row[target], event) for row in answered], dtype=np.float64)
        shown = list(leaks(table.fields, answered, y))
        refused = {each.field for each in shown if each.severity == "block"}
        fields = tuple(field for field in table.fields if field.name not in refused)
        found = [*table.findings, *several, *shown]
        bases = {each.field for each in found if each.code == "FAIR.PROHIBITED_BASIS"}
        return cls(
            fields=(*fields, *ratios), target=target, event=event, key=key, group=group, time=time,
            currency=currency, protected=tuple(dict.fromkeys((*protected, *sorted(bases)))),
        ), found  # fmt: skip


class CreditResult(Payload):
    """The verdict on one application."""

    pd: float
    """Probability of default, over the horizon that the history it was fitted on had."""
    score: int | None
    """Points; more is better. None from boosted trees, which have no points."""
    points: dict[str, int]
    """By field; they sum to `score`."""
    blocked: list[str]
    """Columns of this row that may not be used, and were not."""


class CreditScore(Adapter[dict[str, Any], CreditResult]):
    """A monotone scorecard by default, boosted trees with the same directions on request (`boost`).

    It needs the artefact ``applications``, and after `fit` has ``scorecard``. A ``policy`` (`duomo.adapters.Threshold`,
    `Costs`) decides; without one there is a PD and no decision.
    """

    spec = CREDIT_SCORE
    Output = CreditResult

    def __init__(
        self,
        *,
        runner: Runner[Any] | None = None,
        artifacts: Mapping[str, Artifact] | None = None,
        secret: bytes | str | None = None,
        boost: bool = False,
    ) -> None:
        super().__init__(runner=runner, artifacts=artifacts, secret=secret)
        self.boost = boost or "trees" in self.artifacts

    @property
    def applications(self) -> Applications:
        """What applications look like. Raises `UsageProblem` before it is said."""
        return self.artifact(
            "applications",
            Applications,
            "finance/credit-score does not know what an application looks like",
            "CreditScore(artifacts={'applications': Applications(fields=…, target=…)}).fit(records), "
            "or duomo.adapt('finance/credit-score', artifacts=FOLDER) with what was fitted",
        )

    @property
    def card(self) -> Scorecard:
        """The scorecard. Raises `UsageProblem` before it is fitted."""
        fix = "adapter = adapter.fit(adapter.records(rows))"
        return self.artifact("scorecard", Scorecard, "the scorecard is not fitted yet", fix)

    def record(self, value: object, position: int = 0) -> Record[dict[str, Any]]:
        """A row as a record: protected columns aside, the answer aside, and what is wrong with it said."""
        form = self.applications
        made = form.record(value, position, self.secret)
        row = made.payload
        protected = {name: row.pop(name) for name in form.protected if name in row}
        known = {field: parse_time(row.pop(column, None), column, made.key) for field, column in form.known_at.items()}
        # The model reads the fields alone; whatever else looks protected goes the same way as what is named.
        for finding in screen([Field(name=name, kind="category") for name in row if not _is_field(form, name)], []):
            if finding.code == "FAIR.PROHIBITED_BASIS":
                protected[finding.field] = row.pop(finding.field)
        available = {field: at for field, at in known.items() if at is not None}
        return dataclasses.replace(made, available_at=available, protected=protected)

    def guards(self, phase: str) -> Sequence[Any]:
        if phase == "dataset":
            return (self._screened,)
        return (self._levels,) if phase == "input" and "scorecard" in self.artifacts else ()

    def fit(self, records: Sequence[Record[dict[str, Any]]]) -> Self:
        """An adapter fitted on labelled records.

        Raises:
            GuardRefused: A declared field is protected, or tells the answer.
            BadInput: Too few defaults, or records without an answer.
        """
        for finding in (each for each in self._screened(records) if each.severity == "block"):
            raise GuardRefused(
                f"{finding.code}: {finding.text}", why=f"the field '{finding.field}' was declared as a feature",
                fix=finding.fix,
            )  # fmt: skip
        unanswered = next((each.key for each in records if each.label is None), None)
        if unanswered is not None:
            raise BadInput(f"record '{unanswered}' has no answer", why="fitting needs to know who defaulted",
                           fix=f"fill '{self.applications.target}', or name another target")  # fmt: skip
        usable = [each for each in records if not any(found.severity == "block" for found in each.findings)]
        rows = [{field.name: value_of(each.payload, field) for field in self.applications.fields} for each in usable]
        y = np.array([each.label for each in usable], dtype=np.float64)
        card = Scorecard.fit(self.applications.fields, rows, y)
        artifacts: dict[str, Artifact] = {**self.artifacts, "scorecard": card}
        if self.boost:
            artifacts["trees"] = BoostedTrees.fit(card, rows, y)
        return type(self)(artifacts=artifacts, secret=self.secret, boost=self.boost)

    def prepare(self, record: Record[dict[str, Any]]) -> dict[str, float | str | None]:
        return self.card.values(record.payload)

    def score(self, prepared: Sequence[Any]) -> list[tuple[float, NDArray[np.float64], Any]]:
        """PD; points by field, or from trees what each field would gain; and the values they were made of."""
        trees = self.artifacts.get("trees")
        if isinstance(trees, BoostedTrees):
            return list(zip(map(float, trees.pd(prepared)), trees.gains(self.card, prepared), prepared, strict=True))
        return list(zip(map(float, self.card.pd(prepared)), self.card.points(prepared), prepared, strict=True))

    def interpret(self, case: Case[dict[str, Any]]) -> Probability:
        method, ref = self._source
        return Probability(value=case.raw[0], method=method, event="default", calibrator=ref)

    def explain(self, case: Case[dict[str, Any]]) -> Sequence[Reason]:
        catalogue: Catalogue = self.applications.catalogue
        trees = self.artifacts.get("trees")
        if isinstance(trees, BoostedTrees):
            return trees.reasons(self.card, case.raw[2], case.raw[1], catalogue)
        return adverse_reasons(self.card, case.raw[2], catalogue)

    def result(self, case: Case[dict[str, Any]]) -> CreditResult:
        pd, points, _ = case.raw
        blocked = sorted(case.record.protected)
        if "trees" in self.artifacts:
            return CreditResult(pd=pd, score=None, points={}, blocked=blocked)
        names = [field.name for field in self.card.fields]
        whole = [int(each) for each in np.rint(points)]
        return CreditResult(
            pd=pd, score=int(score_of(points[None])[0]), points=dict(zip(names, whole, strict=True)), blocked=blocked
        )

    def measure(self, judged: Sequence[tuple[Record[dict[str, Any]], DomainResult[CreditResult]]]) -> dict[str, float]:
        known = [
            (record, done.payload.pd)
            for record, done in judged
            if done.payload is not None and record.label is not None
        ]
        if not known:
            return {}
        y, pd = np.array([record.label for record, _ in known], dtype=np.float64), np.array([each for _, each in known])
        policy = self.artifacts.get("policy")
        made = report(
            pd, y, [record.protected for record, _ in known], {},
            cutoff=policy.threshold if isinstance(policy, Threshold) else None,
        )  # fmt: skip
        ratios = {f"approval_ratio.{each.attribute}": each.worst_ratio for each in made.fairness}
        return {**made.metrics, **{name: ratio for name, ratio in ratios.items() if not np.isnan(ratio)}}

    def report(self, records: Sequence[Record[dict[str, Any]]], *, cutoff: float | None = None) -> CreditReport:
        """Quality, calibration and fairness over labelled records that it was not fitted on.

        Args:
            records: With labels, and with protected attributes in the side channel.
            cutoff: PD from which an application is declined; the one that declines as many as defaulted when None.
        """
        usable = [each for each in records if each.label is not None
                  and not any(found.severity == "block" for found in each.findings)]  # fmt: skip
        prepared = [self.prepare(each) for each in usable]
        pd = np.array([each[0] for each in self.score(prepared)])
        y = np.array([each.label for each in usable], dtype=np.float64)
        woe = self.card.woe(prepared)
        return report(
            pd,
            y,
            [each.protected for each in usable],
            {field.name: woe[:, i] for i, field in enumerate(self.card.fields)},
            cutoff=cutoff,
            fitted_prevalence=self.card.fitted_on.prevalence if self.card.fitted_on else None,
        )

    @classmethod
    def example(cls) -> Self:
        ratio = Field(
            name="loan_to_value", kind="ratio", of=("amount", "price"), label="the loan in relation to the price"
        )
        form, _ = Applications.of_table(
            made_up.applications(), target="status", event="default", ratios=(ratio,), key="id", currency="EUR"
        )
        blank = cls(artifacts={"applications": form})
        return blank.fit(blank.records(made_up.applications()))

    @classmethod
    def samples(cls) -> list[Any]:
        return made_up.applications(8, seed=1)

    @functools.cached_property
    def _source(self) -> tuple[str, ArtifactRef]:
        """What gives the PD, and its fingerprint, which takes longer to make than the PD."""
        trees = self.artifacts.get("trees")
        return ("scorecard", self.card.ref) if trees is None else ("boosted-trees", trees.ref)

    def _screened(self, records: Sequence[Record[dict[str, Any]]]) -> Iterator[Finding]:
        fields = self.applications.fields
        yield from screen(fields, [each.payload for each in records])
        labelled = [each for each in records if each.label is not None]
        y = np.array([each.label for each in labelled], dtype=np.float64)
        yield from leaks(fields, [each.payload for each in labelled], y)

    def _levels(self, record: Record[dict[str, Any]]) -> Iterator[Finding]:
        for field, bins in zip(self.card.fields, self.card.bins, strict=True):
            value = value_of(record.payload, field)
            if field.kind == "category" and isinstance(value, str) and not bins.knows(value):
                yield find("OOD.RANGE", f"'{field.name}' has a value that was never seen", field=field.name,
                           record=record.key, fix="map it to a known one, or fit again with it")  # fmt: skip


def _is_field(form: Applications, name: str) -> bool:
    return any(name == field.name or name in (field.of or ()) for field in form.fields)
