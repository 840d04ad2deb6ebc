"""retail/demand-forecast: how much of each article will be wanted, as quantiles whose coverage is reported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from duomo.adapters import (
    Adapter,
    Case,
    Finding,
    Guard,
    Payload,
    Quantiles,
    Reason,
    Record,
    Report,
    SplitPolicy,
    find,
)
from duomo_retail.backtest import evaluate_panel
from duomo_retail.coverage import Calibration, calibrate
from duomo_retail.methods import MIN_LENGTH
from duomo_retail.panel import Clean, clean, group_rows, usable
from duomo_retail.plugin import DEMAND_FORECAST
from duomo_retail.predicting import Settings, predict, spread
from duomo_retail.records import DemandSeries


class Step(Payload):
    """Demand in one period to come."""

    ds: str
    mean: float
    quantiles: list[float]
    """At the forecast's levels; empty without a calibration."""


class Forecast(Payload):
    """Demand of one series in the periods to come."""

    unique_id: str
    origin: str
    """The last period that was known."""
    step: str
    """day, week, month, quarter, year, or step."""
    unit: str
    method: str
    steps: list[Step]
    levels: list[float]
    totals: list[list[float]]
    """Demand of the first k periods together at each level: not the sum of quantiles, which would be too wide."""
    calibrated: bool
    realised_coverage: dict[str, float]
    """Coverage of past central intervals: nominal share and what they held."""
    unknown_periods: int
    """Periods of the history that were no evidence of demand: stock-outs, gaps, returns."""


class DemandForecast(Adapter[DemandSeries, Forecast]):
    """Forecasts of a panel. `fit` calibrates quantiles on it; without that there are point forecasts only."""

    spec = DEMAND_FORECAST
    Input = DemandSeries
    Output = Forecast
    batch_size = 256
    key_field = "unique_id"

    @property
    def settings(self) -> Settings:
        """Horizon, season, method and levels: the artefact ``settings``, or the defaults."""
        found = self.artifacts.get("settings")
        return found if isinstance(found, Settings) else _DEFAULTS

    @property
    def calibration(self) -> Calibration | None:
        """What `fit` made, as long as it belongs to the settings."""
        found = self.artifacts.get("calibration")
        fits = isinstance(found, Calibration) and found.settings == self.settings.calibrated_as
        return found if fits and isinstance(found, Calibration) else None

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        return group_rows(super().read(source))

    def guards(self, phase: str) -> Sequence[Guard]:
        if phase == "input":
            return [_in_order, _spikes, _another_unit, self._planned]
        return [_one_currency] if phase == "dataset" else []

    def prepare(self, record: Record[DemandSeries]) -> Clean:
        return clean(record.payload)[0]

    def score(self, prepared: Sequence[Clean]) -> Sequence[tuple[Clean, Any]]:
        return list(zip(prepared, predict(prepared, self.settings), strict=True))

    def interpret(self, case: Case[DemandSeries]) -> Quantiles | None:
        """Quantiles of the demand of the whole horizon."""
        calibration = self.calibration
        if calibration is None:
            stale = "calibration" in self.artifacts
            case.find(
                "CALIB.STALE" if stale else "CALIB.MISSING",
                "the calibration is of other settings" if stale else "a point forecast without quantiles",
                fix="DemandForecast(artifacts={'settings': …}).fit(records), with the whole panel",
                severity="warn",
            )
            return None
        series, point = case.raw
        values = calibration.total_quantiles(series, point, self._spread(series, point))[-1]
        return Quantiles(
            levels=list(calibration.levels), values=values.tolist(), method="rolling-origin", calibrator=calibration.ref
        )

    def explain(self, case: Case[DemandSeries]) -> Sequence[Reason]:
        censored = [each for each in case.findings if each.code == "STOCKOUT.CENSORED"]
        return [Reason(code=each.code, text=each.text, feature=each.field) for each in censored]

    def result(self, case: Case[DemandSeries]) -> Forecast:
        series, point = case.raw
        calibration, n = self.calibration, len(series.values)
        scale = self._spread(series, point)
        rows = calibration.quantiles(series, point, scale).tolist() if calibration else [[]] * len(point)
        steps = [
            Step(ds=str(series.axis.at(n + k)), mean=float(mean), quantiles=row)
            for k, (mean, row) in enumerate(zip(point, rows, strict=True))
        ]
        units = [each for each in case.record.payload.unit if each]
        return Forecast(
            unique_id=series.id,
            origin=str(series.axis.at(n - 1)),
            step=series.axis.step,
            unit=units[0] if units else "",
            method=self.settings.method,
            steps=steps,
            levels=list(calibration.levels) if calibration else [],
            totals=calibration.total_quantiles(series, point, scale).tolist() if calibration else [],
            calibrated=calibration is not None,
            realised_coverage=calibration.realised if calibration else {},
            unknown_periods=int((~series.known).sum()),
        )

    def fit(self, records: Sequence[Record[DemandSeries]]) -> Self:
        """An adapter whose quantiles are calibrated on this panel; series that cannot be used are left out.

        Raises `GuardRefused` (CALIB.N_TOO_SMALL) when the panel is too small for the levels.
        """
        settings = self.settings
        artifacts = {"settings": settings, "calibration": calibrate(usable(records), settings)}
        fitted = type(self)(artifacts=artifacts, secret=self.secret)
        fitted.origin = self.origin
        return fitted

    def evaluate(self, records: Iterable[Any], split: SplitPolicy | None = None) -> Report:
        """Hold back each series' last periods, calibrate on what was before them, and judge by them.

        Raises `GuardRefused` (LEAK.SPLIT_RANDOM) for any other split: the future would be among the past.
        """
        return evaluate_panel(self, self.settings, records, split)

    @classmethod
    def example(cls) -> Self:
        adapter = cls(artifacts={"settings": Settings(horizon=3, levels=(0.1, 0.5, 0.9))})
        return adapter.fit(adapter.records(cls.samples()))

    @classmethod
    def samples(cls) -> list[Any]:
        return [
            {"unique_id": name, "ds": list(range(40)), "y": [base + (i * step) % 7 for i in range(40)]}
            for name, base, step in (("tea", 20, 3), ("rice", 50, 5), ("salt", 9, 2))
        ]

    def _spread(self, series: Clean, point: Any) -> float:
        return spread(series, self.settings.season(series.axis.step), point)

    def _planned(self, record: Record[DemandSeries]) -> Iterator[Finding]:
        """INPUT.MISSING_VALUE where a driver is known for the past and not for all of the horizon."""
        series, _ = clean(record.payload)
        n, horizon = len(series.values), self.settings.horizon
        for field, values in (("price", series.price), ("promo", series.promo)):
            if len(values) and len(values) < n + horizon:
                usual = "no promotion" if field == "promo" else "the usual price"
                yield find(
                    "INPUT.MISSING_VALUE",
                    f"'{field}' is known for {len(values) - n} of {horizon} periods to come; {usual} is assumed then",
                    field=field,
                    record=record.key,
                    fix=f"add rows with ds and {field} and an empty y for the periods to come",
                )


_DEFAULTS = Settings()
LASTING = 3
"""Figures on either side of a change that is not a slip in one of them."""
SPIKE = 50.0
"""How many times the next largest figure one must be before someone should look at it."""


def _in_order(record: Record[DemandSeries]) -> list[Finding]:
    return clean(record.payload)[1]


def _spikes(record: Record[DemandSeries]) -> Iterator[Finding]:
    """OOD.RANGE where one figure is far beyond all others: a slip of the keyboard more often than demand."""
    series, _ = clean(record.payload)
    values = np.sort(np.abs(series.values[series.known]))
    if len(values) >= MIN_LENGTH and values[-2] > 0 and values[-1] > SPIKE * values[-2]:
        yield find(
            "OOD.RANGE",
            f"one figure is {values[-1] / values[-2]:,.0f} times the next largest",
            field="y",
            record=record.key,
            severity="warn",
            fix="correct it, or leave the period out: the level of every forecast follows it",
        )


def _another_unit(record: Record[DemandSeries]) -> Iterator[Finding]:
    """UNITS.MISMATCH where all figures from one period on are far beyond, or below, all before it."""
    series, _ = clean(record.payload)
    values = series.values[series.known & (series.values > 0)]
    if len(values) < 2 * LASTING:
        return
    lows, highs = np.minimum.accumulate(values), np.maximum.accumulate(values)
    lows_behind, highs_behind = (each.accumulate(values[::-1])[::-1] for each in (np.minimum, np.maximum))
    before, behind = slice(LASTING - 1, -LASTING), slice(LASTING, len(values) + 1 - LASTING)
    factors = np.maximum(lows_behind[behind] / highs[before], lows[before] / highs_behind[behind])
    at = int(np.argmax(factors))
    if factors[at] > SPIKE:
        way, last = "more" if values[-1] > values[0] else "less", len(values) - LASTING - at
        yield find(
            "UNITS.MISMATCH",
            f"the last {last} figures are all at least {factors[at]:,.0f} times {way} than any before",
            field="y",
            record=record.key,
            severity="warn",
            fix="convert all figures to one unit, such as pieces; where demand is another now, begin the series there",
        )


def _one_currency(records: Sequence[Record[DemandSeries]]) -> Iterator[Finding]:
    names = sorted({each for record in records for each in record.payload.currency if each})
    if len(names) > 1:
        text = f"prices of the panel are in {', '.join(names[:5])}"
        yield find("UNITS.CURRENCY_MIXED", text, field="currency", fix="convert to one currency, or split the panel")
