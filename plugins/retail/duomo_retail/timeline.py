"""The time axis of a series: which step it has, where each point lies on it, and what comes next."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from duomo.adapters import parse_time
from duomo.errors import BadInput

Time = dt.date | int
STEPS = {"day": 7, "week": 52, "month": 12, "quarter": 4, "year": 1, "step": 1}
"""Names of steps, and how many of them make a season unless overridden."""
_DAYS = {"day": (1, 1), "week": (7, 7), "month": (28, 31), "quarter": (89, 92), "year": (365, 366)}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


_PERIOD = re.compile(r"((?:19|20)\d\d)-?(?:Q([1-4])|(?<=-)(0[1-9]|1[0-2]))", re.IGNORECASE)
"""A quarter or a month: ``2031Q2``, ``2031-Q2``, ``2031-04``."""


class Timeline(NamedTuple):
    """A regular axis: a step's name, and the number of each given time on it."""

    step: str
    positions: list[int]
    """Ascending from 0; a number that is left out is a gap."""
    first: Time
    day: int = 1
    """The day of the month, where the step is a month or longer; 31 stands for the last day."""

    def at(self, position: int) -> Time:
        """The time at a position, also beyond the last one given."""
        if isinstance(self.first, int):
            return self.first + position
        if self.step in _MONTHS:
            months = self.first.year * 12 + self.first.month - 1 + position * _MONTHS[self.step]
            return _in_month(months // 12, months % 12 + 1, self.day)
        return self.first + dt.timedelta(days=position * _DAYS[self.step][0])


def parse(value: str | int | dt.date, record: str) -> Time:
    """An ISO date (a time of day is cut off) or the number of a period. Raises `BadInput`."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, int | dt.date):
        return value
    text = value.strip()
    if period := _PERIOD.fullmatch(text):
        return dt.date(int(period[1]), int(period[3]) if period[3] else 3 * int(period[2]) - 2, 1)
    if re.fullmatch(r"-?\d{1,7}", text):
        return int(text)
    try:
        moment = parse_time(text, "ds", record)
    except BadInput:
        moment = None
    if moment is None:
        raise BadInput(
            f"series '{record}': 'ds' is not a date: {text!r:.40}",
            why="times are ISO dates such as 2026-03-01, or whole numbers that count periods",
            fix="write dates as year-month-day",
        )
    return moment.date()


def timeline(times: Sequence[Time], record: str) -> Timeline:
    """The axis through ascending, distinct times. Raises `BadInput` for times that lie on no regular one."""
    times = _written_as_numbers(times)
    first = times[0]
    if isinstance(first, int):
        numbers = [each for each in times if isinstance(each, int)]
        if len(numbers) < len(times):
            raise _irregular(record, "dates and numbers are mixed")
        return Timeline("step", [each - first for each in numbers], first)
    dates = [each for each in times if isinstance(each, dt.date)]
    if len(dates) < len(times):
        raise _irregular(record, "dates and numbers are mixed")
    distances = sorted((b - a).days for a, b in itertools.pairwise(dates)) or [1]
    middle = distances[(len(distances) - 1) // 2]
    step = next((name for name, (low, high) in _DAYS.items() if low <= middle <= high), "")
    if not step:
        raise _irregular(record, f"the usual distance is {middle} days")
    if step in _MONTHS:
        months = [(each.year - first.year) * 12 + each.month - first.month for each in dates]
        off = [each for each in months if each % _MONTHS[step]]
        positions = [each // _MONTHS[step] for each in months]
    else:
        days = [(each - first).days for each in dates]
        off = [each for each in days if each % middle]
        positions = [each // middle for each in days]
    if off or len(set(positions)) < len(positions):
        raise _irregular(record, f"some dates lie between the {step}s")
    # February's last day is the 28th, of a series that stands on last days, too.
    return Timeline(step, positions, first, max(each.day for each in dates))


def _written_as_numbers(times: Sequence[Time]) -> Sequence[Time]:
    """Dates that were written as whole numbers, such as 203104 for a month or 20310401 for a day; all of them, or none.

    As counts of periods they would have 88 missing ones between December and January.
    """
    digits = {len(str(each)) for each in times if isinstance(each, int)}
    if len(times) < 2 or len(digits) != 1 or not all(isinstance(each, int) for each in times):
        return times
    for read in _CODES.get(digits.pop(), ()):
        try:
            dates = [read(str(each)) for each in times]
        except ValueError:
            continue
        if all(1900 <= each.year <= 2100 for each in dates):
            return dates
    return times


def _quarter(text: str) -> dt.date:
    if text[4] not in "1234":
        raise ValueError(text)
    return dt.date(int(text[:4]), 3 * int(text[4]) - 2, 1)


_CODES: dict[int, tuple[Callable[[str], dt.date], ...]] = {
    5: (_quarter,),
    6: (
        lambda text: dt.datetime.strptime(text, "%Y%m").date(),
        lambda text: dt.date.fromisocalendar(int(text[:4]), int(text[4:]), 1),
    ),
    7: (lambda text: dt.datetime.strptime(text, "%Y%j").date(),),
    8: (lambda text: dt.datetime.strptime(text, "%Y%m%d").date(),),
}
"""By the number of digits: 20312 for a quarter, 203104 for a month or else for a week, 2031091 for a day."""


def _in_month(year: int, month: int, day: int) -> dt.date:
    """That day of the month, or its last one."""
    last = (dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)).day
    return dt.date(year, month, min(day, last))


def _irregular(record: str, why: str) -> BadInput:
    return BadInput(
        f"series '{record}' has no regular time axis",
        why=why,
        fix="sum sales up by day, week, month, quarter or year first",
    )
