"""Cells that hold a time."""

import datetime as dt
import math

import pytest

from duomo.adapters import parse_time
from duomo.errors import BadInput

MARCH = dt.datetime(2026, 3, 1)


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2026-03-01", MARCH),
        (" 2026-03-01 ", MARCH),
        ("20260301", MARCH),
        (20260301, MARCH),
        ("2026-03-01T12:30:00", dt.datetime(2026, 3, 1, 12, 30)),
        ("2026-03-01T12:30:00Z", dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)),
        (dt.date(2026, 3, 1), MARCH),
        (MARCH, MARCH),
    ],
)
def test_dates_and_iso_8601_are_read(cell, moment):
    assert parse_time(cell, "day") == moment


def test_an_empty_cell_is_no_moment():
    pandas = pytest.importorskip("pandas")
    assert [parse_time(each, "day") for each in (None, "", "  ", math.nan, pandas.NaT, pandas.NA)] == [None] * 6


@pytest.mark.parametrize("cell", ["yesterday", "1/3/2026", "2026-13-01", 1.7e9, True, [2026], 1712010640])
def test_anything_else_is_refused_by_the_name_of_its_field(cell):
    with pytest.raises(BadInput, match="record 'r1': 'day' is not a time"):
        parse_time(cell, "day", "r1")


def test_milliseconds_since_1970_are_no_day_of_the_year_1712():
    """Python reads thirteen digits as a date of eight, a sign and a time of day of four."""
    with pytest.raises(BadInput, match="seconds since 1970"):
        parse_time(1712010640000, "day")
