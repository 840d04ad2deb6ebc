"""retail/churn: how likely a subscriber is to leave, calibrated, with reasons, and whom an offer pays for."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from duomo.adapters import (
    Adapter,
    Artifact,
    Case,
    Decision,
    Finding,
    Guard,
    Payload,
    Policy,
    Probability,
    Reason,
    Record,
    Score,
    Sigmoid,
    Uncalibrated,
    among_top,
    as_probability,
    auc,
    brier,
    expected_calibration_error,
    find,
    leak_evidence,
)
from duomo.errors import BadInput, GuardRefused, a_type
from duomo_retail.classify import Logistic, demand_plain_numbers, values_of
from duomo_retail.plugin import CHURN

if TYPE_CHECKING:
    from duomo import Runner

MOST_REASONS = 3
SOUNDS_LATE = re.compile(
    r"(?:^|[_. -])(?:cancel\w*|exit\w*|leav\w+|left|terminat\w*|deactivat\w*|churn\w*|clos(?:ed?|ing|ure)|win_?back|"
    r"refund\w*|final|ended)(?:[_. -]|$)",
    re.IGNORECASE,
)
"""Words that are said of a subscriber who has left."""
PARTS = 4
"""Scores of the records, each once left out and scored, to calibrate by."""


class ChurnRisk(Payload):
    """One subscriber."""

    log_odds: float
    churn_probability: float | None
    """None without a calibrator."""
    expected_gain: float | None
    """Gain of making the offer, where costs are known."""


class Offer(Policy):
    """Make an offer when it gains more than it costs: probability × kept share × value against the offer's cost."""

    kind: ClassVar[str] = "retail.offer/1"
    value: float
    """Worth of a subscriber who stays."""
    cost: float
    """Cost of the offer, whether it works or not."""
    success: float = 0.3
    """Share of leavers whom it keeps."""

    def gain(self, probability: float) -> float:
        """Expected gain of one offer."""
        return probability * self.success * self.value - self.cost

    def decide(self, score: Score | None) -> Decision:
        """``accept``: make the offer."""
        gain = self.gain(as_probability(score, "an offer").value)
        at = min(1.0, self.cost / (self.success * self.value))
        return Decision(
            outcome="accept" if gain > 0 else "reject", policy=self.ref, threshold=at, expected_cost=-max(gain, 0.0)
        )


class Churn(Adapter[Mapping[str, Any], ChurnRisk]):
    """Churn of subscribers, from a table with one row each; the column ``churn`` is the answer."""

    spec = CHURN
    Output = ChurnRisk
    key_field = "customer_id"
    label_field = "churn"
    protected = ("female", "gender", "sex", "age", "senior_citizen", "marital_status", "nationality", "ethnicity")

    def record(self, value: object, position: int = 0) -> Record[Mapping[str, Any]]:
        record = super().record(value, position)
        if not isinstance(record.payload, Mapping):
            raise BadInput(f"record {position} is {a_type(record.payload)}", why="a row is expected", fix="give a dict")
        return record

    def __init__(
        self,
        *,
        runner: Runner[Any] | None = None,
        artifacts: Mapping[str, Artifact] | None = None,
        secret: bytes | str | None = None,
        known: Sequence[str] = (),
    ) -> None:
        """As every adapter; `known` are columns that are known before anybody leaves, whatever they tell.

        Those that a fitted model was told of are known, too.
        """
        super().__init__(runner=runner, artifacts=artifacts, secret=secret)
        model = self.artifacts.get("model")
        self.known = tuple(dict.fromkeys([*known, *(model.known if isinstance(model, Logistic) else ())]))

    def guards(self, phase: str) -> Sequence[Guard]:
        if phase == "dataset":
            return [self._leaks]
        return [self._unfamiliar] if phase == "input" else []

    def _leaks(self, records: Sequence[Record[Mapping[str, Any]]]) -> Iterator[Finding]:
        """LEAK.TARGET for each column that tells the answer."""
        labelled = [each for each in records if each.label is not None]
        rows, answers = [self.prepare(each) for each in labelled], [_answer(each) for each in labelled]
        for name in dict.fromkeys(name for row in rows for name in row if name not in self.known):
            values, is_category = values_of(rows, name)
            is_late = bool(SOUNDS_LATE.search(name))
            if evidence := leak_evidence(values, answers, is_category=is_category, sounds_late=is_late):
                yield find(
                    "LEAK.TARGET",
                    f"'{name}' {evidence}",
                    field=name,
                    fix=f"take it out: it is the answer, or comes of it; if known before, Churn(known=['{name}'])",
                )

    def _unfamiliar(self, record: Record[Mapping[str, Any]]) -> Iterator[Finding]:
        model = self.artifacts.get("model")
        for term in model.terms if isinstance(model, Logistic) else ():
            if term.column in record.payload and (odd := term.unfamiliar(record.payload[term.column])):
                yield odd

    def prepare(self, record: Record[Mapping[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in record.payload.items() if name != self.key_field}

    def score(self, prepared: Sequence[dict[str, Any]]) -> Sequence[dict[str, float]]:
        model = self._model()
        wanted = {term.column for term in model.terms}
        for row in prepared:
            lacking = sorted(wanted - set(row))
            if lacking:
                raise BadInput(
                    f"INPUT.MISSING_COLUMN: no '{lacking[0]}'",
                    why=f"the model was fitted with it{f', and with {len(lacking) - 1} more' if lacking[1:] else ''}",
                    fix=f"add '{lacking[0]}', empty where it is unknown",
                )
        return [model.contributions(row) for row in prepared]

    def interpret(self, case: Case[Mapping[str, Any]]) -> Uncalibrated:
        return Uncalibrated(value=self._model().intercept + math.fsum(case.raw.values()), method="logistic")

    def explain(self, case: Case[Mapping[str, Any]]) -> Sequence[Reason]:
        """What speaks most for leaving, against the mean subscriber."""
        usual = self._usual()
        against = {name: value - usual[name] for name, value in case.raw.items()}
        best = sorted(against.items(), key=lambda each: -each[1])[:MOST_REASONS]
        row = case.record.payload
        return [
            Reason(
                code="RAISES_RISK",
                text=f"{name.replace('_', ' ')} is {row[name]}",
                feature=name,
                contribution=value,
                direction="adverse",
            )
            for name, value in best
            if value > 0 and row[name] is not None
        ]

    def result(self, case: Case[Mapping[str, Any]]) -> ChurnRisk:
        policy, score = self.artifacts.get("policy"), case.score
        probability = score.value if isinstance(score, Probability) else None
        gain = policy.gain(probability) if isinstance(policy, Offer) and probability is not None else None
        return ChurnRisk(
            log_odds=self._model().intercept + math.fsum(case.raw.values()),
            churn_probability=probability,
            expected_gain=gain,
        )

    def fit(self, records: Sequence[Record[Mapping[str, Any]]]) -> Self:
        """Fit to all records; the calibrator is fitted to scores of records that their model had not seen.

        A policy that is there is kept.

        Raises:
            GuardRefused: A column tells the answer.
            BadInput: A column holds numbers that are written as no program reads them.
        """
        for leak in self._leaks(records):
            raise GuardRefused(f"{leak.code}: {leak.text}", why="churn cannot be learned from it", fix=leak.fix)
        labels = [_answer(each) for each in records]
        rows = [self.prepare(each) for each in records]
        demand_plain_numbers(rows, dict.fromkeys(name for row in rows for name in row))
        scores: list[float] = []
        answers: list[float] = []
        for part in range(PARTS):
            learn = [i for i in range(len(rows)) if i % PARTS != part]
            partial = Logistic.fit([rows[i] for i in learn], [labels[i] for i in learn])
            for row, label in zip(rows[part::PARTS], labels[part::PARTS], strict=True):
                try:
                    scores.append(partial.log_odds(row))
                except BadInput:  # a number that is none; what is wrong with it is said where it is mapped
                    continue
                answers.append(label)
        model = Logistic.fit(rows, labels).model_copy(update={"known": [*self.known]})
        calibrator = Sigmoid.fit(scores, answers, event="churn")
        kept = {name: each for name, each in self.artifacts.items() if name == "policy"}
        artifacts: dict[str, Artifact] = {"model": model, "calibrator": calibrator, **kept}
        fitted = type(self)(artifacts=artifacts, secret=self.secret)
        fitted.origin = self.origin
        return fitted

    def measure(self, judged: Sequence[tuple[Record[Any], Any]]) -> dict[str, float]:
        """AUC, calibration error, Brier score, and how many times the mean rate the riskiest tenth leaves."""
        y = np.array([_answer(record) for record, _ in judged])
        p = np.array([result.payload.churn_probability for _, result in judged])
        left, _ = among_top(p, y, max(1, len(p) // 10))
        return {
            "auc": auc(p, y),
            "ece": expected_calibration_error(p, y),
            "brier": brier(p, y),
            "mean_probability": float(p.mean()),
            "observed": float(y.mean()),
            "top_decile_lift": left / float(y.mean()),
        }

    @classmethod
    def example(cls) -> Self:
        adapter = cls(known=["months"])
        rows = [{"customer_id": str(i), "months": i % 24, "plan": "abc"[i % 3], "churn": i % 24 < 6} for i in range(96)]
        return adapter.fit(adapter.records(rows))

    @classmethod
    def samples(cls) -> list[Any]:
        return [
            {"customer_id": "p", "months": 2, "plan": "a", "gender": "f", "churn": "yes"},
            {"customer_id": "q", "months": 20, "plan": "b", "gender": "m", "churn": "no"},
        ]

    def _model(self) -> Logistic:
        fix = "Churn().fit(records), or duomo.adapt('retail/churn', artifacts=FOLDER)"
        return self.artifact("model", Logistic, "retail/churn was not fitted", fix)

    def _usual(self) -> dict[str, float]:
        """What each column adds for nobody in particular: 0 for numbers, the middle category's weight for others."""
        return {
            term.column: float(np.median(list(term.categories.values()))) if term.categories else 0.0
            for term in self._model().terms
        }


def _answer(record: Record[Any]) -> float:
    answers = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
    found = answers.get(str(record.label).lower())
    if found is None:
        raise BadInput(
            f"record '{record.key}' does not say whether the customer left",
            why="'churn' is neither yes nor no",
            fix="write yes or no, or 1 or 0",
        )
    return found
