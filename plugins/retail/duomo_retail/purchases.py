"""What one customer bought, up to a day: from rows of a table to the numbers that the models of buying take."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pydantic

from duomo.adapters import Artifact, Record, name_in, parse_time
from duomo.errors import BadInput, DuomoError
from duomo_retail.buying import Purchases
from duomo_retail.columns import filled_rows
from duomo_retail.records import Customer

COLUMNS = ("customer_id", "date", "amount")


class Window(Artifact):
    """Until when was looked, and how far ahead."""

    kind: ClassVar[str] = "retail.value-window/1"
    end: str
    """The last day of what was seen; ISO."""
    unit_days: int = pydantic.Field(default=7, ge=1)
    """Purchases within one unit count once: several orders of a week are one decision."""
    horizon: float = pydantic.Field(default=39.0, gt=0)
    """Units to look ahead."""
    yearly_discount: float = pydantic.Field(default=0.0, ge=0)


class Summary(NamedTuple):
    """What the models need of one customer; times are in units of the window."""

    frequency: int
    recency: float
    """From the first purchase to the last."""
    age: float
    value: float
    """Mean value of repeat purchases; 0 for none."""
    mean: float


def summary(customer: Customer, window: Window) -> Summary:
    """Sum one customer up at the end of the window. Raises `BadInput` for dates that are none."""
    if len(customer.dates) != len(customer.amounts) or not customer.dates:
        raise BadInput(
            f"a customer with {len(customer.dates)} dates and {len(customer.amounts)} amounts",
            why="each purchase has both",
            fix="give one amount a date",
        )
    if not np.isfinite(customer.amounts).all():
        raise BadInput("a customer with an amount that is not a number", why="NaN and infinity cannot be added up",
                       fix="correct 'amounts', or leave the purchase out")  # fmt: skip
    end = end_of(window)
    by_unit: dict[int, float] = {}
    for day, amount in zip(days_of(customer), customer.amounts, strict=True):
        if day <= end and amount >= 0:
            unit = _unit(day, window.unit_days)
            by_unit[unit] = by_unit.get(unit, 0.0) + amount
    if not by_unit:
        raise BadInput(
            "a customer without a purchase by the end of the window",
            why=f"all dates are after {window.end}, or all amounts below 0",
            fix="leave them out",
        )
    units = sorted(by_unit)
    first, last = units[0], units[-1]
    repeats = [by_unit[unit] for unit in units[1:]]
    return Summary(
        len(repeats),
        float(last - first),
        float(_unit(end, window.unit_days) - first),
        float(np.mean(repeats)) if repeats else 0.0,
        float(np.mean(list(by_unit.values()))),
    )


def usable(records: Sequence[Record[Customer]], window: Window) -> list[Summary]:
    """Sum up the customers that can be used."""
    seen = []
    for record in records:
        try:
            seen.append(summary(record.payload, window))
        except BadInput:  # what is wrong with it is said where it is mapped
            continue
    return seen


LONG_PAUSE = 90
"""Days without a purchase of anybody, behind which one more is hardly the end of what was seen."""


def last_day(records: Sequence[Record[Customer]]) -> str:
    """Return the last day of all purchases whose date can be read, in ISO format."""
    days: list[dt.date] = []
    for text in (each for record in records for each in record.payload.dates):
        with contextlib.suppress(BadInput):
            days.append(_day(text, "dates"))
    if not days:
        raise BadInput("no purchase has a date", why=f"none of {len(records)} customers has one", fix="fill in 'dates'")
    known = sorted(set(days))
    last, before = known[-1], known[-2:][0]
    if last - before > max(before - known[0], dt.timedelta(days=LONG_PAUSE)):
        raise BadInput(
            f"the last purchase is on {last}, and all others are until {before}",
            why="the window would end there, and everybody would have left: the year is wrong more often than right",
            fix=f"correct the date, or say until when was looked: Window(end='{before}')",
        )
    return last.isoformat()


def _unit(day: dt.date, days: int) -> int:
    """The number of a day's unit; weeks begin on Monday."""
    return (day.toordinal() - 1) // days


def end_of(window: Window) -> dt.date:
    """Return the last day of what was seen."""
    return _day(window.end, "end")


def days_of(customer: Customer) -> list[dt.date]:
    """Return the day of each purchase. Raises `BadInput` for the first that has none; `dates[2]` is the third."""
    return [_day(text, f"dates[{number}]") for number, text in enumerate(customer.dates)]


def _day(cell: object, field: str) -> dt.date:
    moment = parse_time(cell, field)
    if moment is None:
        raise BadInput("a purchase has no date", why=f"'{field}' is empty", fix=f"fill in '{field}'")
    return moment.date()


def as_purchases(seen: Sequence[Summary]) -> Purchases:
    """Lay customers out as the columns that `BgNbd` takes."""
    columns = np.array([[each.frequency, each.recency, each.age] for each in seen], float).T
    return Purchases(columns[0], columns[1], np.maximum(columns[2], 1e-9))


def by_customer(rows: Iterable[Any]) -> Iterator[Any]:
    """Gather rows of customer_id, date and amount, in any order, into one record a customer; bad rows stay errors."""
    found: dict[str | None, dict[str, Any]] = {}
    for number, row in enumerate(filled_rows(rows, COLUMNS, "table"), 1):
        if isinstance(row, DuomoError):
            yield row
            continue
        try:
            day, name = _day(row["date"], "date"), name_in(row["customer_id"])
        except BadInput as error:
            yield BadInput(f"row {number} of the table: {error.what}", why=error.why, fix=error.fix)
            continue
        one = found.setdefault(name, {"customer_id": name, "dates": [], "amounts": [], "currency": []})
        one["dates"].append(day.isoformat())
        one["amounts"].append(row["amount"])
        one["currency"].append(row.get("currency"))
    yield from found.values()
