"""What a batch takes, learned from those that ran."""

import random

import numpy as np
import pytest

from duomo.execution.scheduling.batch_time import CERTAIN, GROWTH, SHARE_OF_START, STALE, BatchTime

START_S, UNIT_S = 0.003, 0.0001


def noted(*costs, start_s=START_S, unit_s=UNIT_S, noise=lambda: 1.0):
    time = BatchTime()
    for cost in costs:
        time.note(cost, (start_s + unit_s * cost) * noise())
    return time


def test_nothing_is_known_before_a_batch_has_run_a_few_times():
    for time in (BatchTime(), noted(*[50] * (CERTAIN - 1))):
        assert (time.usual_cost, time.cost_within(1.0)) == (0, 0)
        assert (time.start_s, time.unit_s) == (0, 0)


def test_the_start_and_the_unit_are_found():
    time = noted(*[10, 40, 100, 500, 1000] * CERTAIN)
    assert (time.start_s, time.unit_s) == (pytest.approx(START_S), pytest.approx(UNIT_S))
    assert time.usual_cost == int(SHARE_OF_START * START_S / UNIT_S)
    assert time.cost_within(0.013) == pytest.approx(100, abs=1)
    assert time.cost_within(0.001) == pytest.approx(30, abs=1), "no smaller than makes half of it its start"
    assert time.seconds(300, 30) == pytest.approx(300 * UNIT_S + 10 * START_S)


def test_a_busy_machine_makes_some_batches_slow_and_changes_little():
    dice = random.Random(0)
    costs = [dice.randint(5, 600) for _ in range(400)]
    time = noted(*costs, noise=lambda: 1 + 10 * (dice.random() < 0.5) * dice.random())
    assert time.usual_cost == pytest.approx(SHARE_OF_START * START_S / UNIT_S, rel=0.5)


def test_where_batching_gains_nothing_items_run_alone_and_where_cost_changes_nothing_batches_grow():
    time = noted(*[1, 2] * CERTAIN, start_s=0.0)
    assert (time.usual_cost, time.cost_within(0.0)) == (1, 1)
    assert time.unit_s == pytest.approx(UNIT_S), "one and two are costs of different orders"
    time = noted(*[1, 2, 4, 8] * CERTAIN, unit_s=0.0)
    assert time.usual_cost == GROWTH * 8


@pytest.mark.parametrize("cost", [1, 200, 2000])
def test_where_all_batches_cost_the_same_others_are_tried(cost):
    time, tried = BatchTime(), set()
    for _ in range(CERTAIN + 2):
        time.note(cost, 1.0)
        tried.add(time.usual_cost)
    assert tried == {0, max(1, cost // 4), 2 * cost}


def test_a_time_of_long_ago_is_forgotten():
    time = noted(*[1000] * CERTAIN, *[10] * CERTAIN, start_s=0.0, unit_s=1.0)
    assert time.unit_s > 0
    for _ in range(STALE):
        time.note(10, 0.01)
    assert time.unit_s == 0, "one order of cost is left"


def test_a_time_is_kept_for_a_thousand_batches_of_other_costs():
    time = noted(*[1000] * 3, *[10] * 3, start_s=0.0, unit_s=1.0)
    for _ in range(996):
        time.note(10, 10.0)
    assert time.unit_s > 0
    time.note(10, 10.0)
    assert time.unit_s == 0


def test_the_line_has_the_least_squares_of_relative_errors():
    time, costs, seconds = BatchTime(), np.array([3.0, 20.0, 90.0]), np.array([0.5, 1.1, 4.0])
    for _ in range(3):
        for cost, each in zip(costs, seconds, strict=True):
            time.note(int(cost), float(each))
    unit_s, start_s = np.polyfit(costs, seconds, 1, w=1 / seconds)
    assert time.unit_s == pytest.approx(unit_s)
    assert time.start_s == pytest.approx(start_s)
    assert time.usual_cost == int(8 * start_s / unit_s)


def test_what_takes_more_than_its_share_has_no_start():
    time, costs, seconds = BatchTime(), np.array([10, 100]), np.array([0.01, 1.0])
    for _ in range(3):
        for cost, each in zip(costs, seconds, strict=True):
            time.note(int(cost), float(each))
    weights = seconds**-2.0
    assert time.start_s == 0
    assert time.unit_s == pytest.approx((weights @ seconds) / (weights @ costs))
    assert time.usual_cost == 1


def test_the_quickest_for_its_cost_counts_until_it_is_old():
    time = BatchTime()
    for seconds in (1.0, 1.26, 1.26):
        time.note(100 if seconds == 1.0 else 120, seconds)
    assert time.usual_cost == 100 // 4, "it is slower for its cost by a twentieth"
    time.note(120, 1.26)
    assert time.usual_cost == 2 * 120, "three batches later the first is no longer quicker"


def test_a_batch_costs_at_most_twice_what_is_known():
    assert noted(*[10, 20] * 3, start_s=1.0, unit_s=0.001).usual_cost == 40
    assert noted(*[10, 400] * 3).usual_cost == pytest.approx(240, abs=1), "eight times its start"
