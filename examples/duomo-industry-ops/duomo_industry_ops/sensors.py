"""Readings that are unlike the normal ones, found by how rare the value of each sensor is (a histogram a sensor).

The score is the sum over sensors of -log(share of normal readings in the same bin), as in HBOS (Goldstein and
Dengel, KI 2012): linear in the number of readings, and each sensor's part is its reason.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from duomo.adapters import (
    Adapter,
    Artifact,
    Case,
    Decision,
    DomainResult,
    FittedOn,
    Guard,
    Payload,
    Policy,
    Reason,
    Record,
    Score,
    SplitPolicy,
    Time,
    Uncalibrated,
    auc,
    conformal_quantile,
    find,
)
from duomo.errors import BadInput, GuardRefused

from duomo_industry_ops.plugin import SENSOR_ANOMALY

BINS = 10
FALSE_ALARMS = 0.01
"""Share of normal readings that may alarm."""
_OTHER = ("machine", "time")


class SensorVerdict(Payload):
    """How unlike the normal ones a reading is."""

    alarm: bool
    surprise: float
    """In nats, above the mean of normal readings."""
    unusual: list[str]
    """Sensors whose value is rarer than one in fifty, the rarest first."""


class Histograms(Artifact):
    """What is normal, sensor by sensor."""

    kind: ClassVar[str] = "ops.histograms/1"
    sensors: list[str]
    edges: list[list[float]]
    """Bin borders of each sensor; a value beyond them is the rarer the farther out, by a nat a bin."""
    rarity: list[list[float]]
    """-log(share) of the bins, the first and the last for what lies beyond."""
    usual: float = 0.0
    """Mean surprise of normal readings."""

    def surprises(self, values: np.ndarray) -> np.ndarray:
        """-log(share) of each value, shape (n, sensors) from shape (n, sensors)."""
        columns = []
        for column, edges, rarity in zip(values.T, self.edges, self.rarity, strict=True):
            found = np.asarray(rarity)[np.searchsorted(edges, column, side="right")]
            beyond = np.maximum(np.maximum(edges[0] - column, column - edges[-1]), 0) / (edges[1] - edges[0])
            columns.append(found + np.minimum(beyond, BINS))
        return np.stack(columns, 1)

    @classmethod
    def fit(cls, sensors: list[str], values: np.ndarray) -> Self:
        """Fit to normal readings, shape (n, sensors)."""
        edges, rarity = [], []
        for column in values.T:
            low, high = np.quantile(column, [0.001, 0.999])
            borders = np.linspace(low, high, BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])
            counts, _ = np.histogram(np.clip(column, borders[0], borders[-1]), borders)
            # Half a reading for each bin, and half of that beyond: nothing is impossible.
            shares = (counts + 0.5) / (len(column) + 0.5 * len(counts) + 1)
            beyond = -math.log(0.25 / (len(column) + 1))
            borders[-1] = np.nextafter(borders[-1], np.inf)
            edges.append(borders.tolist())
            rarity.append([beyond, *(-np.log(shares)).tolist(), beyond])
        fitted = cls(sensors=sensors, edges=edges, rarity=rarity, fitted_on=FittedOn(n=len(values)))
        return fitted.model_copy(update={"usual": float(fitted.surprises(values).sum(1).mean())})


class Alarm(Policy):
    """Refers a reading whose surprise is beyond what a share of held-out normal readings stays below."""

    kind: ClassVar[str] = "ops.alarm/1"
    bound: float
    false_alarms: float

    def decide(self, score: Score | None) -> Decision:
        assert isinstance(score, Uncalibrated)
        if score.value <= self.bound:
            return Decision(outcome="accept", policy=self.ref, threshold=self.bound)
        reason = f"beyond all but {self.false_alarms:.1%} of normal readings"
        return Decision(outcome="refer", reason=reason, policy=self.ref, threshold=self.bound)


class SensorAnomaly(Adapter[dict[str, float], SensorVerdict]):
    """Rows of numbers, one column a sensor; ``machine`` and ``time`` may be beside them, ``anomaly`` is the answer."""

    spec = SENSOR_ANOMALY
    Output = SensorVerdict
    group_field, time_field, label_field = "machine", "time", "anomaly"
    batch_size = 1024

    def record(self, value: Any, position: int = 0) -> Record[dict[str, float]]:
        record = super().record(value, position)
        payload = {name: _number(name, each, record.key) for name, each in record.payload.items() if name not in _OTHER}
        return dataclasses.replace(record, payload=payload)

    def guards(self, phase: str) -> Sequence[Guard]:
        return [self._all_sensors] if phase == "input" else []

    def prepare(self, record: Record[dict[str, float]]) -> list[float]:
        return [record.payload[name] for name in self._normal().sensors]

    def score(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        return list(self._normal().surprises(np.asarray(prepared, float)))

    def interpret(self, case: Case[dict[str, float]]) -> Score:
        return Uncalibrated(value=float(case.raw.sum()) - self._normal().usual, method="histograms")

    def explain(self, case: Case[dict[str, float]]) -> Sequence[Reason]:
        sensors = self._normal().sensors
        return [
            Reason(
                code="RARE",
                text=f"{sensors[at]} is rarer than one in {int(math.exp(case.raw[at]))} normal readings",
                feature=sensors[at],
                contribution=float(case.raw[at]),
                direction="adverse",
            )
            for at in np.argsort(-case.raw, kind="stable")[:3]
            if case.raw[at] > math.log(50)
        ]

    def result(self, case: Case[dict[str, float]]) -> SensorVerdict:
        assert case.score is not None
        return SensorVerdict(
            alarm=case.decision is not None and case.decision.outcome == "refer",
            surprise=case.score.value,
            unusual=[each.feature for each in case.reasons],
        )

    def split_policy(self, records: Sequence[Record[dict[str, float]]]) -> SplitPolicy:
        """In time where readings have one: what is normal is learnt from the past of the same machines."""
        return Time() if all(each.event_time is not None for each in records) else super().split_policy(records)

    def fit(self, records: Sequence[Record[dict[str, float]]]) -> Self:
        """Learn what is normal from readings that are not marked as anomalies; every third one sets the alarm."""
        normal = [each for each in records if str(each.label) not in ("1", "1.0", "True")]
        sensors = sorted(normal[0].payload)
        values = np.asarray([[each.payload[name] for name in sensors] for each in normal])
        held = np.arange(len(values)) % 3 == 2
        shape = Histograms.fit(sensors, values[~held])
        bound = conformal_quantile(shape.surprises(values[held]).sum(1) - shape.usual, 1 - FALSE_ALARMS)
        alarm = Alarm(bound=bound, false_alarms=FALSE_ALARMS, fitted_on=FittedOn(n=int(held.sum())))
        return type(self)(artifacts={"normal": shape, "policy": alarm}, secret=self.secret)

    def measure(self, judged: Sequence[tuple[Record[Any], DomainResult[SensorVerdict]]]) -> dict[str, float]:
        pairs = [(float(record.label), each.payload) for record, each in judged if each.payload is not None]
        truth = np.asarray([label for label, _ in pairs])
        alarms = np.asarray([verdict.alarm for _, verdict in pairs])
        return {
            "auroc": auc([verdict.surprise for _, verdict in pairs], truth),
            "false_alarms": float(alarms[truth == 0].mean()),
            "detected": float(alarms[truth == 1].mean()),
        }

    @classmethod
    def example(cls) -> Self:
        blank = cls()
        return blank.fit(blank.records(_made(900)))

    @classmethod
    def samples(cls) -> list[Any]:
        return [*_made(20), {"machine": "m0", "time": "2026-05-01T00:00:00", "speed": 10.0, "heat": 95.0}]

    def _normal(self) -> Histograms:
        normal = self.artifacts.get("normal")
        if not isinstance(normal, Histograms):
            raise GuardRefused(
                "CALIB.MISSING: no normal readings were given",
                why="the adapter was not fitted",
                fix="SensorAnomaly().fit(records), or duomo.adapt('ops/sensor-anomaly', artifacts=FOLDER)",
            )
        return normal

    def _all_sensors(self, record: Record[dict[str, float]]) -> Any:
        for name in self._normal().sensors:
            if name not in record.payload:
                text = f"no reading of '{name}'"
                yield find("INPUT.MISSING_COLUMN", text, field=name, record=record.key, fix=f"add '{name}'")


def _number(name: str, value: Any, key: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(f"record '{key}': '{name}' is not a number", why="sensors give numbers", fix=f"correct '{name}'")
    return number


def _made(count: int) -> list[dict[str, Any]]:
    """Readings of a machine that warms up with its speed."""
    draw = np.random.default_rng(0)
    speeds = draw.uniform(5, 15, count)
    return [
        {
            "machine": f"m{at % 3}",
            "time": str(np.datetime64("2026-03-01T00:00:00") + at * np.timedelta64(600, "s")),
            "speed": float(speed),
            "heat": float(40 + 2 * speed + draw.normal(0, 1)),
        }
        for at, speed in enumerate(speeds)
    ]
