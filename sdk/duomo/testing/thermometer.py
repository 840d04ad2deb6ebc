"""Two small adapters for tests: one with its own maths on machines' temperatures, one on a core task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from duomo.adapters.adapter import Adapter
from duomo.adapters.artifacts import Artifact
from duomo.adapters.contract import Case, Guard, Phase
from duomo.adapters.findings import Finding, find
from duomo.adapters.guards import within
from duomo.adapters.policies import Threshold
from duomo.adapters.records import Inputs, Record
from duomo.adapters.results import DomainResult, Payload, Reason
from duomo.adapters.scores import Score, Uncalibrated, as_probability
from duomo.adapters.statistics.calibration import Sigmoid
from duomo.adapters.statistics.metrics import auc
from duomo.testing.fakes import ECHO_ADAPTER, THERMOMETER


class Reading(Inputs):
    """One reading of one machine."""

    machine: str
    celsius: float
    load: float = 1.0


class Verdict(Payload):
    """How far a machine is above what its load explains, in kelvin."""

    excess: float
    risk: float | None = None


class Thermometer(Adapter[Reading, Verdict]):
    """Whether a machine is about to fail, by its temperature; some temperatures make it misbehave.

    666 raises in `score`, -1 in `result`; below absolute zero is a wrong unit.
    """

    spec = THERMOMETER
    Input = Reading
    Output = Verdict
    key_field = "machine"
    group_field = "machine"
    time_field = "time"
    label_field = "failed"
    protected = ("operator",)
    batch_size = 4

    def guards(self, phase: Phase) -> Sequence[Guard]:
        return [within("celsius", -273.15, 1000, unit="°C", code="UNITS.MISMATCH")] if phase == "input" else []

    def prepare(self, record: Record[Reading]) -> tuple[float, float]:
        return record.payload.celsius, record.payload.load

    def score(self, prepared: Sequence[Any]) -> list[float]:
        if any(celsius == 666 for celsius, _ in prepared):
            raise RuntimeError(f"the mark of the beast in {prepared}")
        return [celsius - 60 - 10 * load for celsius, load in prepared]

    def interpret(self, case: Case[Reading]) -> Score:
        return Uncalibrated(value=case.raw, method="kelvin above the expected")

    def explain(self, case: Case[Reading]) -> Sequence[Reason]:
        if case.raw <= 0:
            return ()
        return [Reason(code="HOT", text="hotter than its load explains", feature="celsius", contribution=case.raw)]

    def result(self, case: Case[Reading]) -> Verdict:
        if case.record.payload.celsius == -1:
            raise ValueError(f"cannot judge {case.record.payload}")
        risk = as_probability(case.score).value if "calibrator" in self.artifacts else None
        return Verdict(excess=case.raw, risk=risk)

    def fit(self, records: Sequence[Record[Reading]]) -> Self:
        excess = self.score([self.prepare(each) for each in records])
        fitted: dict[str, Artifact] = {
            "calibrator": Sigmoid.fit(excess, [float(each.label) for each in records], event="failure"),
            "policy": Threshold(threshold=0.5, margin=0.1),
        }
        return type(self)(artifacts=fitted, secret=self.secret)

    def measure(self, judged: Sequence[tuple[Record[Reading], DomainResult[Verdict]]]) -> dict[str, float]:
        pairs = [(each.payload.excess, float(record.label)) for record, each in judged if each.payload is not None]
        return {"auc": auc([excess for excess, _ in pairs], [label for _, label in pairs])}

    @classmethod
    def example(cls) -> Self:
        blank = cls()
        return blank.fit([blank.record(row, at) for at, row in enumerate(cls.samples())])

    @classmethod
    def samples(cls) -> list[Any]:
        return [
            {
                "machine": f"m{i % 3}",
                "celsius": 60.0 + 3 * i,
                "load": 1.0 + i % 2,
                "time": f"2026-03-{i + 1:02}T12:00:00",
                "failed": int(i > 5) if i != 3 else 1,
                "operator": "Ada" if i % 2 else "Bob",
            }
            for i in range(10)
        ]


class EchoAdapter(Adapter[str, Verdict]):
    """Any model of text classification on notes; the word ``secret`` stops a note."""

    spec = ECHO_ADAPTER
    Output = Verdict
    task = "text-classification"

    def guards(self, phase: Phase) -> Sequence[Guard]:
        return [self._secrets] if phase == "input" else []

    def prepare(self, record: Record[str]) -> str:
        return record.payload

    def interpret(self, case: Case[str]) -> Score:
        return Uncalibrated(value=case.raw.top.score)

    def result(self, case: Case[str]) -> Verdict:
        return Verdict(excess=float(len(case.raw.top.name)))

    @classmethod
    def samples(cls) -> list[Any]:
        return ["all is well", "too hot", "the bearing sings"]

    @staticmethod
    def _secrets(record: Record[str]) -> Iterable[Finding]:
        if "secret" in record.payload:
            yield find("PHI.TEXT", record=record.key, fix="take the secret out")
