"""Fraud alerts: payments in the order in which to look at them, and no more of them than can be looked at."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pydantic

from duomo.adapters import (
    Adapter,
    Case,
    Decision,
    DomainResult,
    Finding,
    Payload,
    Policy,
    Reason,
    Record,
    Score,
    Uncalibrated,
    among_top,
    auc,
)
from duomo.errors import BadInput
from duomo_finance import made_up
from duomo_finance.applications import Row, value_of
from duomo_finance.form import Form, screened
from duomo_finance.metrics import average_precision
from duomo_finance.plugin import FRAUD
from duomo_finance.surprise import Surprise

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_REASONS = 4
MIN_ROWS = 200


class Payments(Form):
    """What a payment looks like; `target` is for measuring only, nothing is fitted to it."""

    kind: ClassVar[str] = "finance.payments/1"

    account: str = ""
    """Column of the account."""
    alerts_per_1000: float = pydantic.Field(default=5.0, gt=0, lt=1000)
    """The budget: how many payments of a thousand people can look at."""

    @property
    def group_column(self) -> str:
        return self.account

    @classmethod
    def of_table(
        cls, rows: Sequence[Row], *, key: str = "", account: str = "", time: str = "", target: str = "",
        event: str = "1", currency: str = "", alerts_per_1000: float = 5.0,
    ) -> tuple[Payments, list[Finding]]:  # fmt: skip
        """Take every column but those named, with a finding for each that is protected and left out."""
        table = screened(rows, {key, account, time, target}, ["FAIR.PROHIBITED_BASIS"])
        return cls(
            fields=table.fields, key=key, account=account, time=time, target=target, event=event, currency=currency,
            alerts_per_1000=alerts_per_1000,
        ), table.findings  # fmt: skip


class AlertBudget(Policy):
    """Refer what scores above the threshold that `alerts_per_1000` of past payments exceeded."""

    kind: ClassVar[str] = "finance.alert-budget/1"
    threshold: float
    alerts_per_1000: float

    def decide(self, score: Score | None) -> Decision:
        value = score.value if isinstance(score, Uncalibrated) else float("-inf")
        alert = value > self.threshold
        outcome: Literal["refer", "accept"] = "refer" if alert else "accept"
        reason = f"among the {self.alerts_per_1000:g} most unusual of a thousand" if alert else ""
        return Decision(outcome=outcome, reason=reason, policy=self.ref, threshold=self.threshold)


class FraudAlert(Payload):
    """How unusual one payment is. Not a probability of fraud: that would need labels, which come late and few."""

    score: float
    percentile: float
    """Share of past payments that were less unusual."""
    alert: bool
    account: str
    """Pseudonym."""


class Fraud(Adapter[dict[str, Any], FraudAlert]):
    """Needs the artefact ``payments``, and after `fit` has ``surprise`` and the ``policy``."""

    spec = FRAUD
    Output = FraudAlert

    @property
    def payments(self) -> Payments:
        """What payments look like. Raises `UsageProblem` before it is said."""
        missing = "finance/fraud does not know what a payment looks like"
        return self.artifact("payments", Payments, missing, "Fraud(artifacts={'payments': Payments(…)}).fit(records)")

    @property
    def surprise(self) -> Surprise:
        """What is usual. Raises `UsageProblem` before it is fitted."""
        fix = "adapter = adapter.fit(adapter.records(past_rows))"
        return self.artifact("surprise", Surprise, "nothing is known to be usual yet", fix)

    def record(self, value: object, position: int = 0) -> Record[dict[str, Any]]:
        return self.payments.record(value, position, self.secret)

    def fit(self, records: Sequence[Record[dict[str, Any]]]) -> Self:
        """An adapter that knows what is usual among these records, and whose threshold keeps the budget there."""
        usable = [each for each in records if not any(found.severity == "block" for found in each.findings)]
        if len(usable) < MIN_ROWS:
            raise BadInput(f"{len(usable)} payments do not tell what is usual", why=f"at least {MIN_ROWS} are needed",
                           fix="more history")  # fmt: skip
        fields = self.payments.fields
        rows = [{field.name: value_of(each.payload, field) for field in fields} for each in usable]
        surprise = Surprise.fit(fields, rows)
        budget = self.payments.alerts_per_1000
        policy = AlertBudget(threshold=surprise.threshold(budget / 1000), alerts_per_1000=budget)
        return type(self)(artifacts={**self.artifacts, "surprise": surprise, "policy": policy}, secret=self.secret)

    def prepare(self, record: Record[dict[str, Any]]) -> dict[str, float | str | None]:
        return {field.name: value_of(record.payload, field) for field in self.surprise.fields}

    def score(self, prepared: Sequence[Any]) -> list[tuple[Any, list[tuple[float, str]]]]:
        return [(row, self.surprise.parts(row)) for row in prepared]

    def interpret(self, case: Case[dict[str, Any]]) -> Uncalibrated:
        return Uncalibrated(value=sum(part for part, _ in case.raw[1]), method="surprise")

    def explain(self, case: Case[dict[str, Any]]) -> Sequence[Reason]:
        row, parts = case.raw
        order = sorted(range(len(parts)), key=lambda i: -parts[i][0])[:MAX_REASONS]
        return [self._reason(i, row, *parts[i]) for i in order if parts[i][0] > 1.0]

    def result(self, case: Case[dict[str, Any]]) -> FraudAlert:
        score = sum(part for part, _ in case.raw[1])
        budget = self.artifacts.get("policy")
        return FraudAlert(
            score=score,
            percentile=self.surprise.percentile(score),
            alert=isinstance(budget, AlertBudget) and score > budget.threshold,
            account=case.record.group or "",
        )

    def measure(self, judged: Sequence[tuple[Record[dict[str, Any]], DomainResult[FraudAlert]]]) -> dict[str, float]:
        known = [
            (each.label, done.payload) for each, done in judged if done.payload is not None and each.label is not None
        ]
        if not known or len({label for label, _ in known}) < 2:
            return {}
        y, scores = np.array([label for label, _ in known]), np.array([payload.score for _, payload in known])
        budget = max(1, round(self.payments.alerts_per_1000 / 1000 * len(y)))
        precision, recall = among_top(scores, y, budget)
        return {
            "average_precision": average_precision(scores, y),
            "auc": auc(scores, y),
            "prevalence": float(y.mean()),
            "precision_at_budget": precision,
            "recall_at_budget": recall,
            "alerts_per_1000": 1000 * float(np.mean([payload.alert for _, payload in known])),
        }

    @classmethod
    def example(cls) -> Self:
        rows = made_up.transactions()
        form, _ = Payments.of_table(
            rows, key="id", account="account", time="time", target="fraud", currency="EUR", alerts_per_1000=20
        )
        blank = cls(artifacts={"payments": form})
        return blank.fit(blank.records(rows))

    @classmethod
    def samples(cls) -> list[Any]:
        return made_up.transactions(12, share=0.3, seed=2)

    def _reason(self, i: int, row: Mapping[str, object], part: float, side: str) -> Reason:
        field, tails = self.surprise.fields[i], self.surprise.tails[i]
        value = row[field.name]
        if side in ("high", "low") and isinstance(value, float):
            text = f"{field.text} is unusually {side}: {tails.share_beyond(value):.2%} of payments go as far"
        else:
            text = f"{field.text} is not given" if side == "missing" else f"{field.text} is a rare value"
        code = f"{field.name.upper()}.{side.upper()}"
        return Reason(code=code, text=text, feature=field.name, contribution=round(part, 3), direction="adverse")


def worklist(
    results: Iterable[DomainResult[FraudAlert]], *, per_day: int
) -> dict[dt.date | None, list[DomainResult[FraudAlert]]]:
    """For each day the `per_day` most unusual payments, the first to look at first; the budget is never exceeded."""
    days: dict[dt.date | None, list[DomainResult[FraudAlert]]] = defaultdict(list)
    for each in results:
        if each.payload is not None:
            days[each.provenance.as_of.date() if each.provenance.as_of else None].append(each)
    return {
        day: sorted(found, key=lambda each: (-(each.payload.score if each.payload else 0.0), each.key))[:per_day]
        for day, found in days.items()
    }
