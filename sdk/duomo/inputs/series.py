"""Values in even steps of time."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import itertools
import math
import re
import statistics
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from duomo.brief import Short
from duomo.errors import BadInput, InputTooLarge
from duomo.inputs.arrays import to_numpy
from duomo.inputs.limits import limits

MIN_STEPS, ALMOST_TWO = 4, 1.7
"""The fewest times that have a usual step, and how many of it are a gap: July and August are 1.1 of a February."""
MIN_YEAR, MAX_YEAR = 1700, 2200
"""Whole numbers between these are years where each is less than the one before."""
DAYS = "%d.%m.%Y %d/%m/%Y %m/%d/%Y %Y/%m/%d %Y.%m.%d %d-%m-%Y %m-%d-%Y %d-%b-%Y %d.%m.%y %d/%m/%y %m/%d/%y"
FORMS = ("", *(f"{day}{time}" for time in ("", " %H:%M", " %H:%M:%S") for day in DAYS.split()))
FORMS += ("%Y-%m", "%m/%Y", "%m.%Y", "%Y/%m", "%b %Y", "%B %Y", "%b-%y", "%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y")
"""How people and spreadsheets write dates; the first is ISO 8601."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_QUARTER = re.compile(r"[- ]?Q([1-4])$")
OFTEN, CLOSED = 0.05, 2.5
"""The share of steps from which gaps of this many steps are a calendar."""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Series(Short):
    """Numbers in even steps of time, the oldest first."""

    WIRE: ClassVar[Mapping[str, Any]] = {"values": list[float]}
    """Keys of the mapping that stands for it."""
    values: tuple[float, ...]
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> Series:
        """Take a list, an array of one dimension, a pandas Series, or a mapping with key ``values``.

        Raises:
            BadInput: it is not a list of numbers, is empty, or has a value that is missing or infinite.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            value = _values_of(value)
        if hasattr(value, "__array__"):
            _check_order(getattr(value, "index", None))
            value = to_numpy(value, "pass a list of numbers").tolist()
        if not isinstance(value, Iterable) or isinstance(value, str | bytes):
            raise BadInput(
                f"a list of numbers is expected, not {value!r:.60}",
                why="the values of a series come one after the other",
                fix="[112, 118, 132]",
            )
        numbers = [_number(each, at) for at, each in enumerate(value)]
        if not numbers:
            raise BadInput(
                "this series is empty", why="its length is zero", fix="give numbers, such as [112, 118, 132]"
            )
        if len(numbers) > limits().text_chars:
            raise InputTooLarge(
                f"this series has {len(numbers):,} values", why=f"the limit is {limits().text_chars:,}", fix="cut it up"
            )
        return cls(tuple(numbers))

    @property
    def nbytes(self) -> int:
        """What it holds in memory."""
        return 8 * len(self.values)


def _values_of(row: Mapping[object, object]) -> object:
    if "values" not in row:
        raise BadInput(
            "this row has no 'values'",
            why=f"a row is a whole series, the oldest value first; it has: {', '.join(map(str, row)):.60}",
            fix='write {"values": [112, 118, 132]}, or name the field: map(rows, key="NAME")  (--field NAME)',
        )
    return row["values"]


def _check_order(index: Any) -> None:
    """Refuse a pandas Series whose times do not ascend: newest first, it would be forecast into the past."""
    if str(getattr(index, "dtype", "")).startswith(("datetime", "period")):
        times = index.to_timestamp() if hasattr(index, "to_timestamp") else index
        moments = [] if index.hasnans else times.values.astype("int64").tolist()
    elif (found := _written_times(index)) is not None:
        moments = found
    else:
        return
    if not moments or not _ascend(moments):
        raise BadInput(
            "the times of this series do not ascend",
            why="values are taken in their order, the oldest first, each at a time of its own",
            fix="series.sort_index(), or series.groupby(level=0).sum() where a time comes twice",
        )
    if gap := _gap(moments):
        raise BadInput(
            f"between {index[gap - 1]} and {index[gap]} times of this series are missing",
            why="values are taken as even steps, and a season would come too early behind the gap",
            fix="series.asfreq(…).interpolate(), or leave out what is before it",
        )


def _ascend(moments: list[int]) -> bool:
    return all(before < after for before, after in itertools.pairwise(moments))


def _written_times(index: Any) -> list[int] | None:
    """The moments of an index of dates as a table has them, in microseconds: texts, `datetime.date`, or years.

    None for an index of other things.
    """
    kind = str(getattr(index, "dtype", ""))
    if (kind not in ("object", "str", "string") and not kind.startswith("int")) or not len(index):
        return None
    texts = [_QUARTER.sub(lambda found: f"-{3 * int(found[1]) - 2:02}", str(each).strip()) for each in index]
    if all(map(str.isdecimal, texts)) and len(texts[0]) != len("20240131"):
        return _years(list(map(int, texts)))
    read = [moments for form in FORMS if (moments := _read_as(form, texts))]
    # 03/04/2024 may be in March or in April: it is as the times ascend, and without a gap, if they do in either.
    return min(read, key=lambda each: (not _ascend(each), _gap(each) > 0), default=None)


def _read_as(form: str, texts: list[str]) -> list[int] | None:
    """The moments that `texts` are when written so, without zone; None where one is not."""
    try:
        moments = [dt.datetime.strptime(each, form) if form else dt.datetime.fromisoformat(each) for each in texts]
    except ValueError:
        return None
    return [(each.replace(tzinfo=each.tzinfo or dt.UTC) - _EPOCH) // dt.timedelta(microseconds=1) for each in moments]


def _years(numbers: list[int]) -> list[int] | None:
    """The numbers, where they are years, or years and months such as 202401, that go down; None for others.

    Other whole numbers are rows of a table, which a sorted table has in any order.
    """
    parts = [(each, 1) if each < MAX_YEAR else divmod(each, 100) for each in numbers]
    are_dates = all(MIN_YEAR < year < MAX_YEAR and 1 <= month <= 12 for year, month in parts)
    return numbers if are_dates and len(numbers) > 1 and _ascend(numbers[::-1]) else None


def _gap(moments: list[int]) -> int:
    """Where times are missing: a step of nearly two usual ones or more; 0 where none is.

    Months, quarters and years differ by less, and so do days where clocks are changed. Steps of three and more that
    come again and again are nights and weekends on which nothing is open.

    Args:
        moments: ascending, in a unit of which every step is a whole number.
    """
    if len(moments) < MIN_STEPS:
        return 0
    steps = [after - before for before, after in itertools.pairwise(moments)]
    usual = sorted(steps)[len(steps) // 2]
    gaps = [step for step in steps if step > ALMOST_TWO * usual]
    closed = len(gaps) > OFTEN * len(steps) and statistics.mode(gaps) > CLOSED * usual
    return 0 if closed or not gaps else steps.index(gaps[0]) + 1


def _number(value: object, at: int) -> float:
    value = value.item() if getattr(value, "shape", None) == () else value  # type: ignore[attr-defined]
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        raise BadInput(
            f"value {at + 1} of this series is not a number: {value!r:.40}",
            why="a missing value would have to be made up",
            fix="fill it in, or leave out what is before it",
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadInput(
            f"value {at + 1} of this series is {number}",
            why="a missing value would have to be made up",
            fix="fill it in, or leave out what is before it",
        )
    return number
