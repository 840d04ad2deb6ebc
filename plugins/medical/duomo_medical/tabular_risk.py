"""A risk from a table: a probability that was calibrated, the outcomes that cannot be ruled out, or no verdict.

check units and ranges → logistic regression → sigmoid → conformal set → accept one outcome, abstain from two
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from duomo.adapters import (
    Adapter,
    Artifact,
    Case,
    ConformalSets,
    Decision,
    DomainResult,
    Finding,
    OneClass,
    Payload,
    PredictionSet,
    Reason,
    Record,
    Sigmoid,
    Uncalibrated,
    as_probability,
    auc as area_under_curve,
    find,
    name_in,
    no_target_leak,
    other_answers,
    pseudonym,
)
from duomo.errors import BadInput, UsageProblem, a_type, counted
from duomo_medical.logistic import Logistic
from duomo_medical.plugin import TABULAR_RISK
from duomo_medical.usefulness import calibration_line, decision_curve
from duomo_medical.variables import Answer, Row, Variable, Variables

FOLDS = 5
LEVEL = 0.9
MAX_REASONS = 4
MAX_MISSING = 0.5
"""A record with a larger share of its variables missing is for a person."""


class Sites(Artifact):
    """The hospitals that a risk was fitted on."""

    kind: ClassVar[str] = "medical.sites/1"
    names: tuple[str, ...]


class Risk(Payload):
    """How likely the outcome is, and which outcomes cannot be ruled out."""

    outcome: str
    probability: float
    possible: tuple[str, ...]
    """``event``, ``not event`` or both; each set holds the truth for `level` of patients like those fitted on."""
    level: float
    missing: tuple[str, ...] = ()
    """Variables for which the usual value stood in."""


class TabularRisk(Adapter[Row, Risk]):
    """Needs the artefact ``variables``; `fit` adds ``model``, ``calibrator``, ``sets``, ``sites`` and ``policy``."""

    spec = TABULAR_RISK
    Output = Risk

    @property
    def variables(self) -> Variables:
        """What the table means. Raises `UsageProblem` when that is not stated."""
        missing = "medical/tabular-risk does not know what the columns mean"
        fix = "TabularRisk(artifacts={'variables': Variables(…)}).fit(records)"
        return self.artifact("variables", Variables, missing, fix)

    def record(self, value: object, position: int = 0) -> Record[Row]:
        if not isinstance(value, dict):
            raise BadInput(f"record {position} is {a_type(value)}", why="a row is expected", fix="pass a dict")
        v, row = self.variables, dict(value)
        answer = v.answer(row.pop(v.outcome, None))
        name = name_in(row.pop(v.key, None)) if v.key else None
        key = str(position) if name is None else pseudonym(name, self.secret)  # an empty cell is not a name
        site = name_in(row.pop(v.site, None)) if v.site else None
        aside = {name: row.pop(name) for name in v.audited if name in row}
        return Record(row, key, site, protected=aside, label=answer)

    def guards(self, phase: str) -> Sequence[Any]:
        if phase == "input":
            return (self.variables.check, self._site_is_known, self._enough_is_known)
        return (self._no_leak,) if phase == "dataset" else ()

    def prepare(self, record: Record[Row]) -> list[float]:
        return self.variables.matrix([record.payload])[0]

    def score(self, prepared: Sequence[list[float]]) -> Sequence[Any]:
        model = self._fitted()
        # One by one: a sum over a larger matrix may differ in its last digit, and batch-mates must not show.
        return [(float(model.log_odds(row)[0]), model.contributions(row)[0].tolist()) for row in prepared]

    def interpret(self, case: Case[Row]) -> Uncalibrated:
        return Uncalibrated(value=case.raw[0], method="log-odds")

    def explain(self, case: Case[Row]) -> list[Reason]:
        parts = sorted(zip(self.variables.names, case.raw[1], strict=True), key=lambda part: -abs(part[1]))
        return [
            Reason(
                code=f"{name.upper()}.{'HIGHER' if part > 0 else 'LOWER'}",
                text=f"'{name}' moves the risk {'up' if part > 0 else 'down'} from that of the average patient",
                feature=name,
                contribution=part,
                direction="adverse" if part > 0 else "favourable",
            )
            for name, part in parts[:MAX_REASONS]
            if part
        ]

    def result(self, case: Case[Row]) -> Risk:
        score = case.score
        assert isinstance(score, PredictionSet)
        return Risk(
            outcome=self.variables.outcome,
            probability=as_probability(score).value,
            possible=tuple(score.labels),
            level=score.level,
            missing=tuple(each.field for each in case.findings if each.code == "INPUT.MISSING_VALUE"),
        )

    def decide(self, case: Case[Row]) -> Decision | None:
        decision = super().decide(case)
        if decision is not None and decision.outcome == "accept":
            # Naming one outcome is not a permission to act upon it.
            return decision.model_copy(update={"reason": "one outcome cannot be ruled out; a clinician must review it"})
        return decision

    def fit(self, records: Sequence[Record[Row]]) -> TabularRisk:
        """Fit model, calibration and sets on labelled records.

        The model sees all of them. Calibrator and sets are fitted on scores out of `FOLDS` folds, each by a model
        that did not see the record: few clinical tables are large enough to give a part away.
        """
        names, known = self.variables.names, [each for each in records if each.label is not None]
        if len(known) < len(records):
            raise UsageProblem(
                f"{counted(len(records) - len(known), 'record has', 'records have')} no '{self.variables.outcome}'",
                why="a risk is fitted on known outcomes",
                fix="leave records with an unknown outcome out",
            )
        said = [each.label.said for each in known if isinstance(each.label, Answer)]
        others = other_answers(said, self.variables.event)
        if len(others) > 1:
            raise UsageProblem(
                f"'{self.variables.outcome}' has {len(others)} answers that are not '{self.variables.event}'",
                why=f"all would count as none: {', '.join(others[:4])}",
                fix="leave records with an unknown outcome out, and write every other one in one way",
            )
        x = np.asarray(self.variables.matrix(each.payload for each in known))
        y = np.asarray([each.label for each in known], float)
        folds = np.asarray([_fold(each, position) for position, each in enumerate(known)])
        held_out = np.empty(len(y))
        for fold in range(FOLDS):
            out = folds == fold
            if out.any():
                held_out[out] = Logistic.fit(names, x[~out], y[~out]).log_odds(x[out])
        calibrator = Sigmoid.fit(held_out, y, event="event")
        shares = [{"event": float(p), "not event": 1 - float(p)} for p in calibrator.predict(held_out)]
        sets = ConformalSets.fit(shares, ["event" if each else "not event" for each in y], LEVEL)
        fitted: dict[str, Artifact] = {
            "variables": self.variables,
            "model": Logistic.fit(names, x, y),
            "calibrator": calibrator,
            "sets": sets,
            "policy": OneClass(),
            "sites": Sites(names=tuple(sorted({each.group for each in known if each.group is not None}))),
        }
        return type(self)(artifacts=fitted, secret=self.secret)

    def measure(self, judged: Sequence[tuple[Record[Row], DomainResult[Risk]]]) -> dict[str, float]:
        """How well it tells, how well it is calibrated, what acting on it is worth, and what its sets hold."""
        seen = [(each.label, result.payload) for each, result in judged if result.payload is not None]
        if not seen:
            return {}
        y = np.asarray([label for label, _ in seen], float)
        p = np.asarray([risk.probability for _, risk in seen])
        truths = ["event" if each else "not event" for each in y]
        held = np.asarray([truth in risk.possible for truth, (_, risk) in zip(truths, seen, strict=True)])
        single = np.asarray([len(risk.possible) == 1 for _, risk in seen])
        found = {
            "error": float(np.mean((p >= 0.5) != (y > 0))),
            "brier": float(np.mean((p - y) ** 2)),
            "mean_risk": float(p.mean()),
            "prevalence": float(y.mean()),
            "coverage": float(held.mean()),
            "singletons": float(single.mean()),
        }
        if single.any():
            found["singleton_accuracy"] = float(held[single].mean())
        if 0 < y.sum() < len(y):
            found["auc"] = area_under_curve(p, y)
            found["calibration_slope"], found["calibration_intercept"] = calibration_line(p, y)
            found |= decision_curve(p, y)
        return found

    @classmethod
    def example(cls) -> Self:
        from duomo_medical.made_up import VARIABLES, patients

        adapter = cls(artifacts={"variables": VARIABLES}, secret=b"the secret of an example")
        return adapter.fit(adapter.records(patients(300)))  # type: ignore[return-value]

    @classmethod
    def samples(cls) -> list[Any]:
        from duomo_medical.made_up import patients

        return patients(12, seed=1)

    def _fitted(self) -> Logistic:
        fix = "adapter = adapter.fit(adapter.records(rows)), or give artifacts=FOLDER"
        return self.artifact("model", Logistic, "no risk was fitted yet", fix)

    def _site_is_known(self, record: Record[Row]) -> Iterator[Finding]:
        sites = self.artifacts.get("sites")
        if isinstance(sites, Sites) and sites.names and record.group is not None and record.group not in sites.names:
            yield find("OOD.SITE", "the risk was not fitted on this site", field=self.variables.site, record=record.key,
                       fix="judge it on records of the site first (duomo_medical.sites)")  # fmt: skip

    def _enough_is_known(self, record: Record[Row]) -> Iterator[Finding]:
        missing = np.isnan(self.variables.matrix([record.payload])).mean()
        if missing > MAX_MISSING:
            yield find("QUALITY.FORMAT", f"{missing:.0%} of the variables are missing", record=record.key,
                       fix="complete the record")  # fmt: skip

    def _no_leak(self, records: Sequence[Record[Row]]) -> Iterator[Finding]:
        labels = [each.label for each in records]
        if None not in labels:
            yield from no_target_leak(self.variables.columns(records), labels)


def _fold(record: Record[Row], position: int) -> int:
    """By the record's key, so that one patient's visits share a fold."""
    name = record.key or str(position)
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % FOLDS


__all__ = ["Risk", "Sites", "TabularRisk", "Variable", "Variables"]
