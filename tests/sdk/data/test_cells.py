"""What cells hold."""

import decimal
import math

import numpy as np
import pytest

from duomo.adapters import answer_of, is_amount, is_missing, name_in, number_in, other_answers
from duomo.errors import BadInput

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


@pytest.mark.parametrize("cell", [1234, 1234.0, np.float64(1234), np.int32(1234), np.float32(1234), "1234", " 1234 "])
def test_a_name_is_the_same_whatever_a_program_makes_of_its_column(cell):
    assert name_in(cell) == "1234"
    assert [name_in(each) for each in (None, math.nan, " ", "NULL", "0012", 1.5, True)] == [
        *[None] * 4,
        "0012",
        "1.5",
        "True",
    ]


def test_a_name_that_has_lost_digits_is_refused():
    assert [name_in(each) for each in (2.0**53, 4006381333931, "4006381333931", "1E5", "E+12", 10**18)] == [
        "9007199254740992", "4006381333931", "4006381333931", "1E5", "E+12", "1" + 18 * "0",
    ]  # fmt: skip
    for cell in (1.2345678901234568e18, np.float64(2.0**53 + 2), "4.00638E+12", "4,00638E+12", "1E+15"):
        with pytest.raises(BadInput, match="has lost digits"):
            name_in(cell)


def test_a_number_is_one_as_programs_write_it():
    assert [number_in(each) for each in ("1e3", " 2 ", True, decimal.Decimal("0.5"))] == [1000, 2, 1, 0.5]
    assert [number_in(each) for each in ("1_0", "1,5", "inf", math.nan, None, [1], 10**400)] == [None] * 7


def test_an_amount_is_one_as_people_write_it():
    assert all(map(is_amount, ("€1,250.00", "12,5", "13.5%", "(50)", "1’250", "-3,0 EUR", "7")))
    assert not any(map(is_amount, ("2 years", "A12", "10-20", "abc", 12, None)))


def test_answers_are_alike_however_they_are_written_and_others_are_told():
    assert [answer_of(each, "1") for each in ("1", 1.0, True, "1.0", 0, "yes", "", None)] == [
        1,
        1,
        1,
        1,
        0,
        0,
        None,
        None,
    ]
    assert answer_of(" died", "Died") == 1
    assert other_answers(["died", "Alive", "alive ", "lost to follow-up", ""], "died") == ["alive", "lost to follow-up"]
    assert other_answers([0, "0", False, 0.0, 1], "1") == ["0"]
