"""Whose turn it is: virtual time, driven by hand."""

import pytest
from hypothesis import given, strategies as st

from duomo.execution.scheduling.turns import Mark, Turns


def placed(turns, caller, cost=10):
    mark = Mark(caller, cost)
    turns.place(mark)
    return mark


def offered(turns, caller, cost=10):
    mark = placed(turns, caller, cost)
    turns.offer(mark)
    return mark


def test_a_list_is_marked_one_item_behind_the_other_and_a_newcomer_with_now():
    turns = Turns()
    assert [offered(turns, "list", 100).start for _ in range(3)] == [0, 100, 200]
    assert offered(turns, "other").start == 0
    assert turns.due == 110, "the first of each"


def test_time_passes_by_what_each_of_those_who_wait_has_had():
    turns = Turns()
    marks = [offered(turns, "list", 100) for _ in range(5)]
    other = offered(turns, "other", 20)
    turns.serve([marks[0], other])
    assert turns.now == 0, "who comes while the first batch runs is marked with its time"
    turns.serve([marks[1]])
    assert turns.now == 100, "the lowest mark, since only the list waits"
    offered(turns, "other", 20)
    assert turns.due == 20, "the list's turn is at 200"
    turns.serve([marks[2]])
    assert turns.now == 200
    assert turns.due == 20


def test_who_takes_an_item_back_need_not_pay_for_it():
    turns = Turns()
    marks = [placed(turns, "list", 100) for _ in range(10)]
    offered(turns, "other")
    for mark in marks[1:]:
        turns.drop(mark)
    assert placed(turns, "list", 5).start == 100
    assert turns.due == 10, "what was not offered is not due"


def test_when_nobody_waits_nobody_is_owed_anything():
    turns = Turns()
    turns.serve([offered(turns, "list", 1000) for _ in range(3)])
    assert (turns.now, turns.due) == (0, 0)
    assert offered(turns, "list").start == 0


def test_what_waits_while_time_comes_to_its_mark_is_due():
    turns = Turns()
    first, second = [offered(turns, "a"), offered(turns, "b")], [offered(turns, "a"), offered(turns, "b", 7)]
    turns.serve(first)
    assert (turns.now, turns.due) == (0, 0), "both are marked with 10"
    turns.serve(second[:1])
    assert (turns.now, turns.due) == (10, 7), "what the first batch gave each of the two"


def test_what_is_taken_back_before_its_turn_is_never_due():
    turns = Turns()
    marks = [offered(turns, "a") for _ in range(4)]
    turns.drop(marks[1])
    turns.serve([marks[0]])
    turns.serve([marks[2]])
    assert (turns.now, turns.due) == (20, 0), "the one that was dropped was marked with 10"


def test_a_batch_of_several_marks_brings_time_to_the_lowest():
    turns = Turns()
    marks = [offered(turns, "list", 100) for _ in range(4)]
    turns.serve(marks[1:3])
    assert turns.now == 100


def test_callers_who_wait_for_one_item_are_counted():
    turns, marks, counts = Turns(), [], []
    for caller in "abaab":
        marks.append(placed(turns, caller))
        counts.append(turns.singles)
    for mark in marks:
        turns.drop(mark)
        counts.append(turns.singles)
    assert counts == [1, 2, 1, 1, 0, 0, 1, 2, 1, 0]
    assert turns.due == 0, "none of it was offered"


def test_whoever_comes_after_all_have_left_finds_nothing_of_them():
    turns = Turns()
    for _ in range(2):  # the second time, time had gone on and something was early
        a, b = offered(turns, "a"), offered(turns, "a", 30)
        c = offered(turns, "b", 5)
        assert (a.start, b.start, c.start, turns.due, turns.now) == (0, 10, 0, 15, 0)
        turns.serve([a])
        turns.serve([c])
        assert turns.now == 5
        turns.drop(b)
        assert (turns.now, turns.due) == (0, 0)
    offered(turns, "a", 100)
    late = offered(turns, "a", 1)
    turns.serve([late])
    assert turns.due == 101 - 1, "of the other runs nothing has its turn again"


@pytest.mark.parametrize(("due", "usual", "most"), [
    ((150,), 0, 0),  # no bound while nothing is known
    ((), 100, 100),
    ((60, 60), 100, 120),  # all that has its turn …
    ((150, 100), 100, 200),  # … up to twice the usual
    ((300, 210), 100, 255),  # or half of it
])  # fmt: skip
def test_a_batch_costs_as_usual_and_more_where_more_has_its_turn(due, usual, most):
    turns = Turns()
    for caller, cost in enumerate(due):
        offered(turns, str(caller), cost)
        placed(turns, str(caller))
    assert turns.most_cost(usual, 20) == most


def test_who_waits_for_one_item_waits_for_no_more_than_a_start_takes():
    turns = Turns()
    offered(turns, "single", 10)
    assert turns.most_cost(100, 5) == 15
    assert turns.most_cost(100, 0) == 100, "unknown what a start takes"
    assert turns.most_cost(0, 5) == 0
    placed(turns, "single")
    assert turns.most_cost(100, 5) == 100, "it waits for a second one"
    turns = Turns()
    placed(turns, "single", 10)
    assert turns.most_cost(100, 5) == 100, "not offered, so it has no turn"


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 50), st.booleans()), min_size=5, max_size=60),
    st.integers(1, 5),
)
def test_all_that_waits_comes_to_its_turn(asked, size):
    turns, waiting = Turns(), []
    for caller, cost, taken_back in asked:
        mark = offered(turns, caller, cost)
        if taken_back:
            turns.drop(mark)
        else:
            waiting.append(mark)
    before = 0.0
    while waiting:
        waiting.sort(key=lambda mark: mark.start)
        batch, waiting = waiting[:size], waiting[size:]
        turns.serve(batch)
        assert turns.now >= before or not waiting
        before = turns.now
        assert turns.due == sum(mark.cost for mark in waiting if mark.start <= turns.now)
    assert turns.due == 0
