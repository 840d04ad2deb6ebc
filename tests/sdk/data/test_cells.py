"""Cells that hold nothing."""

import decimal
import math

import numpy as np
import pytest

from duomo.adapters import is_missing

NAN = (math.nan, np.float32("nan"), np.float16("nan"), decimal.Decimal("NaN"), np.datetime64("NaT"))
WORDS = (
    "",
    " ",
    "\xa0",
    "\u200b",
    "\ufeff",
    "NA",
    "n/a",
    "#N/A",
    "<NA>",
    "NaT",
    "NULL",
    "None",
    "-",
    "–",
    "?",
    ".",
    "\\N",
)


@pytest.mark.parametrize("cell", [None, *NAN, *WORDS])
def test_nothing_is_nothing_however_a_program_writes_it(cell):
    assert is_missing(cell)


def test_pandas_has_two_values_of_its_own_for_nothing():
    pandas = pytest.importorskip("pandas")
    assert all(map(is_missing, (pandas.NA, pandas.NaT)))


@pytest.mark.parametrize("cell", [0, 0.0, False, "0", "no", "-1", "..", "Nan Goldin", math.inf, [], np.zeros(3), {}])
def test_all_else_says_something(cell):
    assert not is_missing(cell)
