"""From a panel of sales to series that can be forecast: sorted, regular, and with what is not demand marked.

Sales are not demand: while an article is out of stock nothing is sold, and a promotion sells what otherwise would
not be. A stock-out is marked and never read as low demand; price and promotion are handled in `duomo_retail.drivers`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Finding, Record, find, name_in
from duomo.errors import BadInput, DuomoError, counted
from duomo_retail.columns import filled_rows
from duomo_retail.methods import MIN_LENGTH
from duomo_retail.records import DemandSeries
from duomo_retail.timeline import Timeline, parse, timeline

Array = NDArray[np.float64]
COLUMNS = ("unique_id", "ds", "y")
OPTIONAL = ("price", "promo", "in_stock", "currency", "unit")
MOST_PERIODS_A_ROW = 100
"""Beyond, nearly all periods are gaps, and a table of them would fill the memory."""
MOST_MISSING = 0.5
"""A series of which more than this share is unknown is not forecast."""


class Clean(NamedTuple):
    """A series on a regular axis without holes. The future begins after `values`."""

    id: str
    axis: Timeline
    values: Array
    """(n,) demand; where it is unknown, what its neighbours suggest."""
    known: NDArray[np.bool_]
    """(n,) whether the value is a demand that was seen."""
    sold: Array
    """(n,) what was sold, 0 where that is unknown."""
    price: Array
    """(n + known future,); empty when there is none."""
    promo: Array

    def before(self, n: int) -> Clean:
        """The series as it was known after `n` periods; prices and promotions stay, as they are planned ahead."""
        known, sold = self.known[:n], self.sold[:n]
        # What fills a hole may not come from the periods that are cut off.
        return self._replace(values=_filled(known, sold), known=known, sold=sold)


def group_rows(rows: Iterable[Any]) -> Iterator[Any]:
    """Rows of a panel, in any order, as one dict of lists per series, and the errors among them as they are.

    Raises `BadInput` when the first row lacks a column that every row needs; a later row that does costs itself only.
    """
    series: dict[str | None, dict[str, Any]] = {}
    columns: tuple[str, ...] = ()
    hint = " (unique_id: the article, ds: the period, y: units sold)"
    for row in filled_rows(rows, COLUMNS, "panel", needed=("unique_id", "ds"), hint=hint):
        if isinstance(row, DuomoError):
            yield row
            continue
        columns = columns or ("ds", "y", *(name for name in OPTIONAL if name in row))
        try:
            name = name_in(row["unique_id"])
        except BadInput as error:
            yield error
            continue
        one = series.setdefault(name, {"unique_id": name, **{each: [] for each in columns}})
        for each in columns:
            one[each].append(row.get(each))
    yield from series.values()


def clean(series: DemandSeries) -> tuple[Clean, list[Finding]]:
    """Put a series in order, and say what was found.

    Raises `BadInput` for one that cannot be forecast: too short, of no regular step, mostly unknown.
    """
    name = series.unique_id
    _demand_lengths(series)
    _demand_numbers(series)
    found = [*_units(series), *_unknown_prices(series)]
    times, order = _ordered(series, found)
    axis = _axis(times, name)
    sales = _observed(_on_axis(series.y, order, axis.positions), name)
    n = len(sales)
    stocked = _on_axis(series.in_stock, order, axis.positions)[:n] if series.in_stock else np.ones(n)
    found += _gaps(sales, stocked, name)
    is_sold = sales >= 0  # not where it is unknown
    known = is_sold & (stocked != 0)
    if known.sum() < max(MIN_LENGTH, (1 - MOST_MISSING) * n):
        raise BadInput(
            f"series '{name}': demand is known in {int(known.sum())} of {n} periods",
            why="the others are missing, negative or out of stock",
            fix="take a period in which the article was on sale",
        )
    sold = np.where(is_sold, sales, 0.0)
    return Clean(name, axis, _filled(known, sold), known, sold, *_drivers(series, order, axis, n)), found


def _unknown_prices(series: DemandSeries) -> Iterator[Finding]:
    low = sum(each is not None and each <= 0 for each in series.price)
    if low:
        text = f"{low} prices are 0 or less; taken as unknown"
        fix = "leave the price empty where nothing was sold, and mark what was given away as a promotion"
        yield find("OOD.RANGE", text, field="price", record=series.unique_id, fix=fix, severity="warn")


def _ordered(series: DemandSeries, found: list[Finding]) -> tuple[list[Any], list[int]]:
    """The times in their order, and the place of each in the series; what is said of it is added to `found`."""
    name = series.unique_id
    times = [parse(each, name) for each in series.ds]
    if len({type(each) for each in times}) > 1:
        raise BadInput(f"series '{name}' mixes dates and numbers in 'ds'", why="they have no order", fix="use one kind")
    order = sorted(range(len(times)), key=times.__getitem__)
    if order != list(range(len(times))):
        found.append(find("INPUT.UNSORTED", "periods are out of order; they were sorted", field="ds", record=name))
    order = _without_duplicates(series, times, order, found)
    return [times[i] for i in order], order


def _axis(times: list[Any], name: str) -> Timeline:
    axis = timeline(times, name) if times else Timeline("step", [], 0)
    if times and axis.positions[-1] > MOST_PERIODS_A_ROW * len(times):
        raise BadInput(
            f"series '{name}': 'ds' spans {axis.positions[-1] + 1:,} periods with {counted(len(times), 'row')}",
            why="whole numbers count periods, and these are far apart, as timestamps are",
            fix="write dates such as 2031-04-01, or number the periods 1, 2, 3 …",
        )
    return axis


def _observed(sales: Array, name: str) -> Array:
    """Sales up to the last that is known."""
    seen = np.flatnonzero(~np.isnan(sales))
    if len(seen) < MIN_LENGTH:
        raise BadInput(
            f"series '{name}' has {len(seen)} observations",
            why=f"{MIN_LENGTH} are the least that a forecast can be based on",
            fix="take a longer history, a finer step, or forecast the category and share it out",
        )
    return sales[: int(seen[-1]) + 1]


def _gaps(sales: Array, stocked: Array, name: str) -> Iterator[Finding]:
    """What is said of periods whose sales are no evidence of demand."""
    n, known = len(sales), ~np.isnan(sales)
    if not known.all():
        text = f"{n - int(known.sum())} of {n} periods have no sales figure; their demand is taken as unknown"
        yield find("INPUT.GAP", text, field="y", record=name, fix="write 0 for periods in which nothing sold")
    negative = int((sales < 0).sum())
    if negative:
        text = f"{counted(negative, 'period has', 'periods have')} negative sales; returns are not demand, so they are"
        fix = "book returns to the period of the sale, or leave them out"
        yield find("OOD.RANGE", f"{text} unknown", field="y", record=name, fix=fix)
    out = stocked == 0
    if (out & known).any():
        text = f"out of stock in {int(out.sum())} of {n} periods: sales there are less than demand"
        fix = "nothing: those periods are not read as demand; fewer stock-outs would make better forecasts"
        yield find("STOCKOUT.CENSORED", text, field="in_stock", record=name, fix=fix)


def _demand_numbers(series: DemandSeries) -> None:
    for field, highest in (("y", math.inf), ("price", math.inf), ("promo", 1.0)):
        for when, value in zip(series.ds, getattr(series, field), strict=False):
            if value is not None and (math.isinf(value) or value > highest or (field == "promo" and value < 0)):
                raise BadInput(
                    f"series '{series.unique_id}': '{field}' is {value:g} at {when}",
                    why="a promotion is 1, none is 0" if field == "promo" else "it must be a finite number",
                    fix=f"correct '{field}', or put None where it is unknown",
                )


def _demand_lengths(series: DemandSeries) -> None:
    for field in ("y", *OPTIONAL):
        values = getattr(series, field)
        if len(values) != len(series.ds) and (values or field == "y"):
            raise BadInput(
                f"series '{series.unique_id}': {counted(len(values), 'value')} of '{field}' "
                f"for {counted(len(series.ds), 'period')}",
                why="each period has one",
                fix=f"put None where '{field}' is unknown",
            )


def _units(series: DemandSeries) -> Iterator[Finding]:
    for field, code in (("currency", "UNITS.CURRENCY_MIXED"), ("unit", "UNITS.MISMATCH")):
        names = sorted({str(each) for each in getattr(series, field) if each})
        if len(names) > 1:
            yield find(
                code,
                f"'{field}' changes within the series: {', '.join(names[:4])}",
                field=field,
                record=series.unique_id,
                fix="convert to one, or make a series of each",
            )


def _without_duplicates(series: DemandSeries, times: list[Any], order: list[int], found: list[Finding]) -> list[int]:
    """Positions without repeated periods; a block where the copies contradict each other."""
    kept: list[int] = []
    repeated = contradicted = 0
    for i in order:
        if kept and times[kept[-1]] == times[i]:
            repeated += 1
            contradicted += series.y[kept[-1]] != series.y[i]
        else:
            kept.append(i)
    if contradicted:
        text = f"{counted(contradicted, 'period comes', 'periods come')} twice with different sales"
        fix = "sum them up if they are parts (several shops), or take the wrong ones out"
        found.append(find("INPUT.DUPLICATE", text, field="ds", record=series.unique_id, fix=fix, severity="block"))
    elif repeated:
        text = f"{counted(repeated, 'period comes', 'periods come')} twice; one of each was kept"
        found.append(find("INPUT.DUPLICATE", text, field="ds", record=series.unique_id))
    return kept


def _on_axis(values: list[Any], order: list[int], positions: list[int]) -> Array:
    """Values at their positions on the axis, NaN in between."""
    out = np.full(positions[-1] + 1 if positions else 0, np.nan)
    for place, i in zip(positions, order, strict=True):
        value = values[i]
        out[place] = np.nan if value is None else float(value)
    return out


def _filled(known: NDArray[np.bool_], sold: Array) -> Array:
    """Unknown demand from its neighbours in time, and never less than what was sold."""
    if known.all() or not known.any():
        return sold
    places = np.arange(len(sold))
    return np.where(known, sold, np.maximum(np.interp(places, places[known], sold[known]), sold))


def _drivers(series: DemandSeries, order: list[int], axis: Timeline, n: int) -> tuple[Array, Array]:
    """Price and promotion on the axis, a hole taken as the value before it; cut where the known future ends."""
    out = []
    for values in (series.price, series.promo):
        if not values:
            out.append(np.empty(0))
            continue
        on_axis = _on_axis(values, order, axis.positions)
        if values is series.price:
            on_axis[on_axis <= 0] = np.nan  # its logarithm would multiply demand by millions
        given = np.flatnonzero(~np.isnan(on_axis))
        if len(given) == 0:
            out.append(np.empty(0))
            continue
        on_axis = on_axis[: max(int(given[-1]) + 1, n)]
        last = np.maximum.accumulate(np.where(np.isnan(on_axis), -1, np.arange(len(on_axis))))
        out.append(on_axis[np.where(last < 0, given[0], last)])
    return out[0], out[1]


def usable(records: Iterable[Record[DemandSeries]]) -> list[Clean]:
    """The series of the records that nothing stops. Raises `BadInput` where there are some, and none is usable."""
    out: list[Clean] = []
    first: BadInput | None = None
    for record in records:
        try:
            series, found = clean(record.payload)
        except BadInput as error:  # what is wrong with it is said where it is mapped, too
            first = first or error
            continue
        stops = [each for each in found if each.severity == "block"]
        if not stops:
            out.append(series)
        elif first is None:
            first = BadInput(f"series '{series.id}': {stops[0].text}", why=stops[0].code, fix=stops[0].fix)
    if first and not out:
        raise BadInput(f"no series can be used; {first.what}", why=first.why, fix=first.fix)
    return out
