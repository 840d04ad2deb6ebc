"""Whose turn it is: virtual time, driven by hand."""

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


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 50), st.booleans()), max_size=60), st.integers(1, 5))
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
