"""A panel of prices: days by symbols, in order, in one currency, with what is wrong with it said."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Finding, find, name_in, parse_time
from duomo.errors import BadInput, counted

Vector = NDArray[np.float64]
PRICES = ("open", "high", "low", "close")
MAX_JUMP = 0.4
"""A larger move from one close to the next is more often a split or a wrong unit than a market."""
ADJUSTED = ("adj close", "adj_close", "adjclose", "adjusted close", "adjusted_close", "adjustedclose")
PAID = ("dividend", "dividends", "div_cash", "divcash")
"""Columns of what a close leaves out, as sources of prices name them."""
SAME = 1e-3
"""How far the ratio of a close and an adjusted one may move by their rounding."""


@dataclasses.dataclass(frozen=True)
class Bars:
    """Prices of shape (bars, symbols); NaN where a symbol has no bar."""

    times: tuple[dt.datetime, ...]
    symbols: tuple[str, ...]
    open: Vector
    high: Vector
    low: Vector
    close: Vector
    volume: Vector
    currency: str = ""

    def __len__(self) -> int:
        return len(self.times)

    def until(self, num_bars: int) -> Bars:
        """The first bars, as copies: nothing of what follows can be reached from them."""
        parts = {name: getattr(self, name)[:num_bars].copy() for name in (*PRICES, "volume")}
        return dataclasses.replace(self, times=self.times[:num_bars], **parts)

    def returns(self) -> Vector:
        """Close to close, (bars - 1, symbols)."""
        return np.asarray(self.close[1:] / self.close[:-1] - 1)


def read_bars(rows: Iterable[Mapping[str, Any]]) -> tuple[Bars, list[Finding]]:
    """A panel from rows with ``time`` (or ``date``), ``close`` and maybe ``symbol``, ``open`` … and ``currency``.

    Rows out of order are sorted, doubles and unusable rows left out, each with a finding.

    Raises:
        BadInput: When a column that is needed is in no row, when currencies are mixed, when a symbol has two closes at
            one moment, or nothing is left.
    """
    found: list[Finding] = []
    cells: dict[tuple[dt.datetime, str], Mapping[str, Any]] = {}
    currencies: Counter[str] = Counter()
    last: dict[str, dt.datetime] = {}
    unsorted = 0
    zoned: bool | None = None
    for number, row in enumerate(rows):
        row = {str(name).strip().lower(): value for name, value in row.items()}
        problem = _problem(row)
        if problem:
            found.append(find(problem[0], problem[1], field=problem[2], record=str(number), fix=problem[3]))
            continue
        time, symbol = _time(row), _named(row.get("symbol"))
        assert time is not None  # _problem has looked
        zoned = time.tzinfo is not None if zoned is None else zoned
        if (time.tzinfo is not None) != zoned:
            text = "its time has no time zone" if zoned else "its time has a time zone, and those before it have none"
            found.append(find("INPUT.UNREADABLE", text, field="time", record=str(number), fix="write all in one zone"))
            continue
        currencies[_named(row.get("currency"))] += 1
        unsorted += symbol in last and time < last[symbol]
        last[symbol] = time
        if (time, symbol) in cells:
            found.append(_double(symbol, time, number, cells[time, symbol], row))
            continue
        cells[time, symbol] = row
    _one_currency(currencies)
    unnamed = [key for key in cells if not key[1]]
    if unnamed and len(unnamed) < len(cells):
        text = f"{counted(len(unnamed), 'bar has', 'bars have')} no symbol and the others have one; they were left out"
        found.append(find("INPUT.MISSING_VALUE", text, field="symbol", fix="name the asset of each row"))
        cells = {key: row for key, row in cells.items() if key[1]}
    if not cells:
        raise BadInput("there are no usable bars", why=found[0].text if found else "no rows were given",
                       fix="rows with time, close and, for several assets, symbol")  # fmt: skip
    if unsorted:
        found.append(find("INPUT.UNSORTED", f"{unsorted} bars came out of order; they were sorted", field="time",
                          fix="sort by time before use"))  # fmt: skip
    unopened = sum(np.isnan(_float(row.get("open"))) for row in cells.values())
    if unopened:
        text = (
            f"{counted(unopened, 'bar has', 'bars have')} no opening price; orders at the next open fill at its close"
        )
        fix = "add 'open', or say that orders fill at the close: Plan(fill='close')"
        found.append(find("INPUT.MISSING_VALUE", text, field="open", fix=fix))
    found += _left_out(cells)
    bars = _panel(cells, next(iter(currencies)))
    return bars, found + check_bars(bars)


def _left_out(cells: Mapping[tuple[dt.datetime, str], Mapping[str, Any]]) -> list[Finding]:
    """Dividends and splits that the table knows and its closing prices do not."""
    ratios: dict[str, list[float]] = {}
    paid: Counter[str] = Counter()
    for (_, symbol), row in cells.items():
        adjusted = next((_float(row[name]) for name in ADJUSTED if name in row), math.nan)
        if adjusted > 0:
            ratios.setdefault(symbol, []).append(adjusted / _float(row["close"]))
        paid[symbol] += any(_float(row.get(name)) > 0 for name in PAID)
    moved = [name for name, each in ratios.items() if max(each) > (1 + SAME) * min(each)]
    texts = {
        name: f"the dividends of {name} count in returns only if its prices were adjusted for them" for name in +paid
    }
    texts |= {name: f"the adjusted close of {name} grows otherwise than its close: dividends or splits are not in "
                    "these returns" for name in moved}  # fmt: skip
    fix = "put adjusted prices into open, high, low and close, all four by one factor"
    return [find("UNITS.MISMATCH", text, field=name, severity="warn", fix=fix) for name, text in texts.items()]


def _double(symbol: str, when: dt.datetime, number: int, first: Mapping[str, Any], row: Mapping[str, Any]) -> Finding:
    """What is said of a second bar of one moment. Raises `BadInput` where its close is another."""
    text = f"{symbol or 'asset'} has two bars at {when:%Y-%m-%d}"
    if _float(first["close"]) != _float(row["close"]):
        raise BadInput(f"INPUT.DUPLICATE: {text}, of different closes", why="which one is right nobody knows",
                       fix="remove the wrong one; where they are of two assets, name each in 'symbol'")  # fmt: skip
    return find("INPUT.DUPLICATE", f"{text}; the first is kept", field="time", record=str(number), fix="remove one")


def check_bars(bars: Bars) -> list[Finding]:
    """Gaps, prices that cannot be, jumps, and symbols that all live to the end."""
    found = []
    for j, symbol in enumerate(bars.symbols):
        close = bars.close[:, j]
        at = np.flatnonzero(~np.isnan(close))
        missing = int(np.isnan(close[at[0] : at[-1] + 1]).sum()) if len(at) else 0
        if missing:
            found.append(find("INPUT.GAP", f"{symbol} lacks {missing} bars between its first and its last",
                              field=symbol, fix="fill from the source; nothing trades without a bar"))  # fmt: skip
        still = int((bars.volume[at, j] == 0).sum())
        if 0 < still < len(at):
            text = f"{symbol} has {counted(still, 'bar')} in which nothing was traded; orders fill there all the same"
            found.append(find("INPUT.GAP", text, field=symbol, fix="leave out rows of days on which it was halted"))
        steps = np.abs(np.diff(np.log(close[at])))
        if len(steps) and steps.max() > np.log1p(MAX_JUMP):
            day, factor = bars.times[at[int(steps.argmax()) + 1]], np.exp(steps.max())
            found.append(find("UNITS.MISMATCH", f"{symbol} moves by a factor of {factor:.2f} to {day:%Y-%m-%d}",
                              field=symbol, severity="warn", fix="adjust for splits; look for pence"))  # fmt: skip
        if (bars.high[:, j] + 1e-9 < np.fmax(bars.open[:, j], close)).any() or (
            bars.low[:, j] - 1e-9 > np.fmin(bars.open[:, j], close)
        ).any():
            found.append(find("QUALITY.FORMAT", f"{symbol} has bars whose high or low does not span open and close",
                              field=symbol, severity="warn", fix="adjust all four prices alike"))  # fmt: skip
    gaps = _calendar_gaps(bars.times)
    if gaps:
        found.append(find("INPUT.GAP", f"{counted(len(gaps), 'break')} in the calendar, "
                          f"the first after {gaps[0]:%Y-%m-%d}",
                          field="time", fix="fill from the source, or say that the market was closed"))  # fmt: skip
    if len(bars.symbols) > 5 and len(bars) > 500 and not np.isnan(bars.close).any():
        found.append(find("SURVIVORSHIP", f"all {len(bars.symbols)} symbols live from the first bar to the last",
                          fix="use the index's members of each date, with those that were delisted"))  # fmt: skip
    return found


def _problem(row: Mapping[str, Any]) -> tuple[str, str, str, str] | None:
    """Code, text, field and remedy of what makes a row unusable."""
    name = "time" if "time" in row else "date"
    if name not in row:
        return "INPUT.MISSING_COLUMN", "there is no 'time' (or 'date')", "time", "name the column of the bar's time"
    if _time(row) is None:
        return "INPUT.UNREADABLE", f"'{name}' is not a date", name, "ISO 8601, such as 2024-03-28"
    if "close" not in row:
        return "INPUT.MISSING_COLUMN", "there is no 'close'", "close", "name the column of closing prices"
    for price in ("close", *(each for each in PRICES if each != "close" and row.get(each) not in (None, ""))):
        value = _float(row[price])
        if not np.isfinite(value) or value <= 0:
            return (
                "INPUT.UNREADABLE",
                f"'{price}' is not a positive number",
                price,
                "leave the row out where nothing traded",
            )
    return None


def _panel(cells: Mapping[tuple[dt.datetime, str], Mapping[str, Any]], currency: str) -> Bars:
    times, symbols = sorted({time for time, _ in cells}), sorted({symbol for _, symbol in cells})
    row_of, column_of = {time: i for i, time in enumerate(times)}, {symbol: j for j, symbol in enumerate(symbols)}
    parts = {name: np.full((len(times), len(symbols)), np.nan) for name in (*PRICES, "volume")}
    for (time, symbol), row in cells.items():
        at = row_of[time], column_of[symbol]
        close = _float(row["close"])
        for name in PRICES:
            value = _float(row.get(name))
            parts[name][at] = close if np.isnan(value) else value
        parts["volume"][at] = _float(row.get("volume"))
    return Bars(tuple(times), tuple(each or "asset" for each in symbols), **parts, currency=currency)


def _one_currency(currencies: Counter[str]) -> None:
    if len(currencies) > 1:
        named = ", ".join(
            f"{name or 'none stated'} ({counted(count, 'row')})" for name, count in currencies.most_common()
        )
        raise BadInput(
            "UNITS.CURRENCY_MIXED: one panel, several currencies",
            why=f"the field 'currency' says {named}; adding such prices up means nothing",
            fix="convert to one currency at each day's rate, or run one panel a currency",
        )


def _calendar_gaps(times: Sequence[dt.datetime]) -> list[dt.datetime]:
    """Ends of the bars before a pause of more than three times the usual step and more than a week."""
    if len(times) < 3:
        return []
    steps = np.diff(np.array([time.timestamp() for time in times]))
    limit = max(3 * float(np.median(steps)), 7 * 86400.0)
    return [times[int(i)] for i in np.flatnonzero(steps > limit)]


def _time(row: Mapping[str, Any]) -> dt.datetime | None:
    """The bar's time, or None where it cannot be read."""
    try:
        return parse_time(row.get("time", row.get("date")), "time")
    except BadInput:
        return None


def _named(cell: object) -> str:
    """What a cell names, empty where it names nothing; NA is the symbol of a bank."""
    return cell.strip() if isinstance(cell, str) else name_in(cell) or ""


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
