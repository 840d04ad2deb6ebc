"""Weights of evidence: bins that only rise or only fall, whatever the data."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from duomo.adapters import among_top
from duomo_finance.binning import MIN_ROWS_OF_NUMBER, OTHER, Bins, bin_category, bin_number
from duomo_finance.metrics import average_precision, ks


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(60, 600), distinct=st.integers(2, 50))
def test_weights_of_a_number_are_monotone_and_no_bin_is_tiny(seed, rows, distinct):
    random = np.random.default_rng(seed)
    x = random.integers(0, distinct, rows).astype(float)
    x[random.random(rows) < 0.1] = math.nan
    y = (random.random(rows) < 0.3).astype(float)
    y[:2] = 0, 1
    made = bin_number(x, y)
    steps = np.diff(made.woe[:-1])
    assert (steps >= -1e-9).all() or (steps <= 1e-9).all()
    counted = np.bincount(made.index(x), minlength=len(made.bins))
    assert counted.tolist() == [each.rows for each in made.bins]
    if len(made.bins) > 2:
        assert min(counted[:-1]) >= MIN_ROWS_OF_NUMBER
    assert Bins.model_validate_json(made.model_dump_json()) == made


def test_a_bin_says_where_it_begins_and_ends():
    x = np.arange(1000.0)
    y = (np.random.default_rng(0).random(1000) < x / 1200).astype(float)
    made = bin_number(x, y)
    words = [each.describe() for each in made.bins[:-1]]
    assert words[0].startswith("up to")
    assert words[-1].startswith("above")
    assert not made.rising, "more is worse here"
    at_edge, beyond = made.index([made.bins[0].high, made.bins[0].high + 1e-9])
    assert (at_edge, beyond) == (0, 1)


def test_what_few_events_say_is_drawn_towards_a_curve_and_what_many_say_is_not():
    """Twelve events in a tail are chance; twelve hundred are what happens there."""
    x = np.arange(10_000.0)
    dip = np.where((x > 4000) & (x < 6000), 0.5, 0.05 + 0.0 * x)
    many = (np.random.default_rng(1).random(10_000) < np.where(x > 6000, 0.5, dip)).astype(float)
    made = bin_number(x, many)
    rates = [each.events / each.rows for each in made.bins[:-1]]
    implied = 1 / (1 + np.exp(made.woe[:-1] - np.log(many.mean() / (1 - many.mean()))))
    assert implied == pytest.approx(rates, abs=0.1), "a step stays a step"
    few = (np.random.default_rng(1).random(10_000) < 0.002 * np.exp(x / 5000)).astype(float)
    made = bin_number(x, few)
    assert len(made.bins) > 8, "rare events do not mean coarse bins"
    slope = np.polyfit([each.high for each in made.bins[:-2]], made.woe[:-2], 1)[0]
    assert slope == pytest.approx(-1 / 5000, rel=0.35)


def test_rare_levels_share_a_bin_that_takes_what_was_never_seen():
    values = ["a"] * 100 + ["b"] * 90 + ["c"] * 3 + ["d"] * 3 + [None] * 4
    y = np.array([1.0, 0.0] * 100)
    made = bin_category(values, y)
    assert {each.levels for each in made.bins} == {("a",), ("b",), (OTHER, "c", "d"), ()}
    codes = made.index(["c", "never", None])
    assert codes[0] == codes[1] != codes[2]
    assert made.knows("c")
    assert not made.knows("never")


def test_measures_that_can_be_worked_out_by_hand():
    assert ks([1, 2, 3, 4], [0, 0, 1, 1]) == 1.0
    assert ks([1, 1, 1, 1], [0, 1, 0, 1]) == 0.0
    assert average_precision([4, 3, 2, 1], [1, 0, 1, 0]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 1], [1, 0]) == 0.5
    assert math.isnan(average_precision([1, 2], [0, 0]))
    assert among_top([5, 4, 3, 2], [1, 0, 1, 1], 2) == (0.5, pytest.approx(1 / 3))  # type: ignore[comparison-overlap]
    assert (
        among_top([9, 1, 1, 1, 1], [1, 1, 0, 0, 0], 2)
        == among_top([9, 1, 1, 1, 1], [1, 0, 0, 0, 1], 2)
        == (0.625, 0.625)
    )
    assert among_top([1, 1], [0, 1], 5) == (0.5, 1)


def test_a_number_is_cut_where_its_few_events_lie():
    """Quantiles of all values alone end at the last twenty-fifth, of which half has none."""
    values, events = np.arange(10_000.0), np.zeros(10_000)
    events[9_800:][np.random.default_rng(0).random(200) < 0.6] = 1
    *_, before, last, _ = bin_number(values, events).bins
    assert last.low is not None
    assert last.low > 9_800
    assert last.events / last.rows > 0.5
    assert before.low is not None
    assert before.low > 9_800
