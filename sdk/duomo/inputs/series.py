"""Values in even steps of time."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from duomo.brief import Short
from duomo.errors import BadInput, InputTooLarge
from duomo.inputs.arrays import to_numpy
from duomo.inputs.limits import limits

MIN_STEPS, ALMOST_TWO = 4, 1.7
"""The fewest times that have a usual step, and how many of it are a gap: July and August are 1.1 of a February."""
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
    is_time = str(getattr(index, "dtype", "")).startswith(("datetime", "period"))
    if not is_time and (moments := _written_times(index)) is not None:
        index, is_time = type(index)(moments), True
    if is_time and not (index.is_monotonic_increasing and index.is_unique):
        raise BadInput(
            "the times of this series do not ascend",
            why="values are taken in their order, the oldest first, each at a time of its own",
            fix="series.sort_index(), or series.groupby(level=0).sum() where a time comes twice",
        )
    if not is_time or len(index) < MIN_STEPS:
        return
    times = index.to_timestamp() if hasattr(index, "to_timestamp") else index
    if gap := _gap(times.values.astype("int64").tolist()):
        raise BadInput(
            f"between {index[gap - 1]} and {index[gap]} times of this series are missing",
            why="values are taken as even steps, and a season would come too early behind the gap",
            fix="series.asfreq(…).interpolate(), or leave out what is before it",
        )


def _written_times(index: Any) -> list[dt.datetime] | None:
    """The moments of an index of dates as a table has them, text in ISO 8601 or `datetime.date`; None for another."""
    if str(getattr(index, "dtype", "")) not in ("object", "str", "string"):
        return None
    try:
        moments = [dt.datetime.fromisoformat(str(each).strip()) for each in index]
        return [each.astimezone(dt.UTC).replace(tzinfo=None) if each.tzinfo else each for each in moments]
    except ValueError:
        return None


def _gap(moments: list[int]) -> int:
    """Where times are missing: a step of nearly two usual ones or more; 0 where none is.

    Months, quarters and years differ by less, and so do days where clocks are changed. Steps of three and more that
    come again and again are nights and weekends on which nothing is open.

    Args:
        moments: ascending, in a unit of which every step is a whole number.
    """
    steps = [after - before for before, after in itertools.pairwise(moments)]
    usual = sorted(steps)[len(steps) // 2]
    gaps = [step for step in steps if step > ALMOST_TWO * usual]
    closed = len(gaps) > OFTEN * len(steps) and statistics.mode(gaps) > CLOSED * usual
    return 0 if closed or not gaps else steps.index(gaps[0]) + 1


def _number(value: object, at: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
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
