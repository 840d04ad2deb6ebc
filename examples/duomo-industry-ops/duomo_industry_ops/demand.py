"""Passengers of a line two weeks ahead, from the same weekday of the weeks before, with an interval.

What is known when the forecast is made is all that goes in. The day's own weather is not: a row that has it is
stopped by the core's own guard (LEAK.FUTURE), because the record says since when each field is known.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from duomo.adapters import (
    Adapter,
    Artifact,
    Case,
    ConformalInterval,
    DomainResult,
    FittedOn,
    Inputs,
    Interval,
    Payload,
    Record,
    Score,
    SplitPolicy,
    Time,
    coverage,
    find,
)
from duomo.errors import BadInput, GuardRefused

from duomo_industry_ops.plugin import DEMAND

AHEAD = dt.timedelta(days=14)
LAGS = (14, 21, 28, 35, 42)
"""Days back: two weeks are the horizon, and weekdays repeat."""
FIXED = {(1, 1), (7, 4), (11, 11), (12, 24), (12, 25), (12, 31)}
"""Days of the year (month, day) on which a city rides differently; those that move are not known here."""
RIDGE = 10.0
LEVEL = 0.8


class Day(Inputs):
    """One day of one line, as it looks two weeks before."""

    date: dt.date
    line: str = ""
    past: list[float | None]
    """Passengers 14, 21, 28, 35 and 42 days before; None where no count was made."""
    temperature: float | None = None
    """Passengers of the day itself: known only then."""


class Forecast(Payload):
    """Passengers expected, in the unit of the past ones."""

    date: dt.date
    expected: float
    low: float
    high: float


class Weights(Artifact):
    """A ridge regression on standardised features."""

    kind: ClassVar[str] = "ops.demand-weights/1"
    mean: list[float]
    scale: list[float]
    weights: list[float]
    intercept: float

    @classmethod
    def fit(cls, features: np.ndarray, target: np.ndarray) -> Self:
        """Fit to features (n, d) and passengers (n,)."""
        mean, scale = features.mean(0), features.std(0) + 1e-9
        x, middle = (features - mean) / scale, float(target.mean())
        weights = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (target - middle))
        parts = {"mean": mean.tolist(), "scale": scale.tolist(), "weights": weights.tolist()}
        return cls(**parts, intercept=middle, fitted_on=FittedOn(n=len(target)))

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Passengers, shape (n,)."""
        x = (features - np.asarray(self.mean)) / np.asarray(self.scale)
        return np.asarray(x @ np.asarray(self.weights) + self.intercept)


class Demand(Adapter[Day, Forecast]):
    """A table with ``date``, ``rides`` and maybe ``line``; or rows as `rows_of` makes them."""

    spec = DEMAND
    Input = Day
    Output = Forecast
    label_field = "rides"
    batch_size = 1024

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        return iter(rows_of([row for row in super().read(source) if isinstance(row, dict)]))

    def record(self, value: Any, position: int = 0) -> Record[Day]:
        record = super().record(value, position)
        day = record.payload
        key = f"{day.line} {day.date}".strip()
        there = [each for each in day.past if each is not None]
        if len(day.past) != len(LAGS) or len(there) < 3:
            days = ", ".join(map(str, LAGS))
            raise BadInput(
                f"record '{key}' has {len(there)} past days",
                why=f"they are those {days} days before",
                fix="three at least",
            )
        gap = len(there) < len(LAGS)
        found = [find("INPUT.GAP", "past days without a count", field="past", record=key)] if gap else []
        noon = dt.datetime.combine(day.date, dt.time(12))
        return Record(
            day,
            key,
            day.line or None,
            event_time=noon - AHEAD,
            available_at={"past": noon - AHEAD, "temperature": noon},
            label=None if record.label is None else float(record.label),
            findings=(*record.findings, *found),
        )

    def prepare(self, record: Record[Day]) -> np.ndarray:
        day = record.payload
        there = [each for each in day.past if each is not None]
        past = np.asarray([np.mean(there) if each is None else each for each in day.past])
        weekday = np.eye(7)[day.date.weekday()]
        fixed = [float((day.date.month, day.date.day) in FIXED)]
        return np.concatenate([past, np.sort(past)[1:4], weekday, past.mean() * weekday, fixed])

    def score(self, prepared: Sequence[Any]) -> list[float]:
        return self._fitted("weights", Weights).predict(np.stack(prepared)).tolist()

    def interpret(self, case: Case[Day]) -> Score:
        return self._fitted("interval", ConformalInterval)(case.raw, _kind(case.record.payload.date))

    def result(self, case: Case[Day]) -> Forecast:
        score = case.score
        assert isinstance(score, Interval)
        return Forecast(date=case.record.payload.date, expected=case.raw, low=max(0.0, score.low), high=score.high)

    def split_policy(self, records: Sequence[Record[Day]]) -> SplitPolicy:
        return Time(purge=AHEAD)

    def fit(self, records: Sequence[Record[Day]]) -> Self:
        """Weights on the first three quarters of the time, intervals on the last: the past judges the past."""
        ordered = sorted(records, key=lambda each: each.event_time or dt.datetime.min)
        features = np.stack([self.prepare(each) for each in ordered])
        rides = np.asarray([each.label for each in ordered], float)
        cut = len(ordered) * 3 // 4
        weights = Weights.fit(features[:cut], rides[:cut])
        kinds = [_kind(each.payload.date) for each in ordered[cut:]]
        interval = ConformalInterval.fit(weights.predict(features[cut:]), rides[cut:], LEVEL, groups=kinds)
        return type(self)(artifacts={"weights": weights, "interval": interval}, secret=self.secret)

    def measure(self, judged: Sequence[tuple[Record[Day], DomainResult[Forecast]]]) -> dict[str, float]:
        pairs = [(each.label, each.payload.past[0], result) for each, result in judged if result.payload is not None]
        errors = [abs(label - result.payload.expected) for label, _, result in pairs]
        naive = [abs(label - last) for label, last, _ in pairs if last is not None]
        held = coverage([result.score for *_, result in pairs], [label for label, *_ in pairs])
        return {
            "mae": float(np.mean(errors)),
            "mae_two_weeks_before": float(np.mean(naive)),
            f"covered_{LEVEL:g}": held,
        }

    @classmethod
    def example(cls) -> Self:
        blank = cls()
        return blank.fit(blank.records(_made(300)))

    @classmethod
    def samples(cls) -> list[Any]:
        return _made(60)

    def _fitted(self, name: str, kind: Any) -> Any:
        found = self.artifacts.get(name)
        if not isinstance(found, kind):
            raise GuardRefused(
                f"CALIB.MISSING: '{self.spec.name}' has no {name}", why="it was not fitted", fix="Demand().fit(records)"
            )
        return found


def rows_of(days: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each day that has enough of a past, from counts by line and date in any order."""
    lines: dict[str, dict[dt.date, dict[str, Any]]] = {}
    for day in days:
        lines.setdefault(str(day.get("line") or ""), {})[dt.date.fromisoformat(str(day["date"])[:10])] = day
    rows = []
    for line, by_date in sorted(lines.items()):
        for date, day in sorted(by_date.items()):
            earlier = [by_date.get(date - dt.timedelta(days=lag)) for lag in LAGS]
            past = [
                float(each["rides"]) if each is not None and each.get("rides") is not None else None for each in earlier
            ]
            if sum(each is not None for each in past) >= 3:
                rows.append({"line": line, "date": date, "past": past, "rides": day.get("rides")})
    return rows


def _kind(date: dt.date) -> str:
    return "weekend" if date.weekday() >= 5 else "weekday"


def _made(count: int) -> list[dict[str, Any]]:
    """A line with quiet weekends and a slow rise."""
    draw = np.random.default_rng(0)
    start = dt.date(2025, 1, 1)
    dates = [start + dt.timedelta(days=at) for at in range(count)]
    return rows_of(
        {"date": date, "rides": (9 if date.weekday() < 5 else 4) + 0.005 * at + float(draw.normal(0, 0.3))}
        for at, date in enumerate(dates)
    )
