"""What may be wrong with a question about stock: its quantiles, their coverage, its units."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from duomo.adapters import Finding, Record, find
from duomo.errors import BadInput, counted
from duomo_retail import stocking
from duomo_retail.records import StockQuestion


def check_demand(question: StockQuestion) -> None:
    """Raise `BadInput` for quantiles that are none, or too few."""
    levels = question.levels
    if not levels or not all(0 < a < b < 1 for a, b in itertools.pairwise([*levels, math.nextafter(1, 0)])):
        raise BadInput(
            f"article '{question.sku}': 'levels' are not those of quantiles",
            why="they ascend between 0 and 1",
            fix="such as 0.05 0.25 0.5 0.75 0.95, with a value of 'period_quantiles' for each",
        )
    if not question.period_quantiles:
        raise BadInput(f"article '{question.sku}' has no 'period_quantiles'", why="demand decides how much to keep",
                       fix="take them from a forecast: duomo_retail.inventory.ask(forecast, …)")  # fmt: skip
    for field in ("period_quantiles", "protection_quantiles"):
        values = getattr(question, field)
        if values and (len(values) != len(question.levels) or values != sorted(values) or values[0] < 0):
            raise BadInput(
                f"article '{question.sku}': '{field}' are not quantiles of demand",
                why=f"{counted(len(values), 'value')} for {counted(len(question.levels), 'level')}; "
                "they may not fall, nor be below 0",
                fix="take them from a forecast: duomo_retail.inventory.ask(forecast, …)",
            )
    if question.lead_time + question.review > 1 and not question.protection_quantiles:
        raise BadInput(
            f"article '{question.sku}' has no 'protection_quantiles'",
            why=f"an order must last {counted(question.lead_time + question.review, 'period')}, "
            "and quantiles do not add up",
            fix="take the forecast's totals over lead time and review: duomo_retail.inventory.ask(forecast, …)",
        )


def calibrated(record: Record[StockQuestion]) -> Iterator[Finding]:
    """Find quantiles whose coverage nobody checked."""
    if not record.payload.calibrated or not record.payload.levels:
        yield find(
            "CALIB.MISSING",
            "the coverage of the quantiles was not checked",
            field="calibrated",
            record=record.key,
            fix="calibrate the forecast (DemandForecast.fit), or say calibrated=true of quantiles that were checked",
        )


def in_one_unit(record: Record[StockQuestion]) -> Iterator[Finding]:
    """Find costs in another unit or currency than demand."""
    q = record.payload
    if q.cost_unit and q.unit and q.cost_unit != q.unit:
        text = f"costs are per {q.cost_unit}, demand is in {q.unit}"
        yield find("UNITS.MISMATCH", text, field="cost_unit", record=record.key, fix=f"give costs per {q.unit}")
    if q.ordering_currency and q.currency and q.ordering_currency != q.currency:
        text = f"an order costs {q.ordering_currency}, a unit {q.currency}"
        fix = f"convert to {q.currency}"
        yield find("UNITS.CURRENCY_MIXED", text, field="ordering_currency", record=record.key, fix=fix)


def within_levels(record: Record[StockQuestion]) -> Iterator[Finding]:
    """Find costs that ask for a quantile beyond those there are."""
    q = record.payload
    ratio = stocking.critical_ratio(q.holding, q.shortage)
    if q.levels and not q.levels[0] <= ratio <= q.levels[-1]:
        yield find(
            "OOD.RANGE",
            f"the costs ask for the {ratio:.1%} quantile, and the forecast has {q.levels[0]:.0%} to {q.levels[-1]:.0%}",
            field="levels",
            record=record.key,
            fix="forecast with a level at least as far out, on a panel large enough for it",
        )
