"""Admission by seconds of work, on a clock that the test drives."""

import pytest

from duomo.execution.scheduling.admission import Admission


def work(admission: Admission, now: float, num: int, cost: float = 100.0, seconds: float = 1.0) -> float:
    """Let `num` pieces of work in at once and do them one after another."""
    for _ in range(num):
        admission.enter(cost, now)
    for _ in range(num):
        now += seconds
        admission.leave(cost, now)
    return now


def test_the_rate_is_cost_done_a_busy_second():
    admission = Admission()
    now = work(admission, 0.0, 5)
    assert admission.rate == pytest.approx(100, rel=0.01)
    work(admission, now + 1000, 5)  # an idle hour is not slow work
    assert admission.rate == pytest.approx(100, rel=0.01)


def test_nothing_is_refused_before_a_rate_is_known():
    admission = Admission(most_wait_s=1)
    for _ in range(1000):
        assert admission.retry_after_s(1e9, 0.0) is None
        admission.enter(1e9, 0.0)


def test_the_first_short_items_do_not_have_a_longer_one_refused():
    """A batch of one short item mostly waits for its start: its rate says little about a long item."""
    admission = Admission(most_wait_s=10)
    now = work(admission, 0.0, 3, cost=5, seconds=0.03)
    admission.enter(2000, now)
    assert admission.retry_after_s(2000, now) is None


def test_work_beyond_the_bound_is_refused_with_seconds_that_are_right():
    """What is told to come back is let in after that time, and not long before."""
    admission = Admission(most_wait_s=10)
    now = work(admission, 0.0, 20)
    for _ in range(11):
        assert admission.retry_after_s(100, now) is None
        admission.enter(100, now)
    for _ in range(5):
        admission.enter(100, now)
    retry = admission.retry_after_s(100, now)
    assert retry is not None
    later = now
    while admission.retry_after_s(100, now) is not None:
        later += 1.0
        admission.leave(100, later)
    assert retry / 2 <= later - now <= retry * 2


def test_one_piece_is_always_let_in_when_nothing_waits():
    admission = Admission(most_wait_s=0.1)
    work(admission, 0.0, 3)
    assert admission.retry_after_s(1e9, 0.0) is None


def test_taken_back_work_does_not_count_as_done():
    admission = Admission()
    now = work(admission, 0.0, 5)
    admission.enter(1e6, now)
    admission.leave(1e6, now, computed=False)
    assert admission.rate == pytest.approx(100, rel=0.01)
    assert (admission.waiting_cost, admission.waiting_items) == (0, 0)


def test_a_list_of_one_caller_keeps_no_other_out():
    admission = Admission(most_wait_s=10)
    now = work(admission, 0.0, 20)
    for _ in range(60):
        admission.enter(100, now, "list")
    assert admission.wait_s() == pytest.approx(60, rel=0.01)
    assert admission.retry_after_s(100, now, "other") is None, (
        "one second of the list is before it, and the list goes on"
    )
    assert admission.retry_after_s(100, now, "list") == 50
    assert admission.ahead_s(6000, "another") == pytest.approx(60, rel=0.01), "as long: behind all of it"


def test_many_callers_with_one_item_each_are_bounded_beside_a_list():
    admission = Admission(most_wait_s=10)
    now = work(admission, 0.0, 20)
    for _ in range(60):
        admission.enter(100, now, "list")
    let_in = 0
    while admission.retry_after_s(100, now, str(let_in)) is None:
        admission.enter(100, now, str(let_in))
        let_in += 1
    assert let_in == 10, "with one of the list, each waits for ten"
    retry = admission.retry_after_s(100, now, "next")
    assert retry == 3, "after the one that was refused before"
    for second in range(1, 4):
        assert admission.retry_after_s(100, now + second, f"newcomer {second}") is not None
        admission.leave(100, now + second, str(second))
    assert admission.retry_after_s(100, now + retry, "next") is None


def test_callers_are_forgotten_when_nothing_of_them_waits():
    """A server sees a new caller with each connection."""
    admission = Admission()
    for number in range(1000):
        admission.enter(0.1, float(number), str(number))
        admission.leave(0.1, float(number) + 0.5, str(number))
    assert admission.wait_s() == 0.0
    assert not admission.ahead_s(1.0, "new")


def test_who_was_told_to_come_later_keeps_nobody_out_once_nothing_has_waited_for_a_while():
    """Many ask again on another connection, as other callers, or never: times grew from burst to burst."""
    admission = Admission(most_wait_s=10)
    now = work(admission, 0.0, 4, cost=600, seconds=6)
    for burst in range(5):
        now += 6
        told = []
        for number in range(12):
            told.append(admission.retry_after_s(600, now, f"{burst}.{number}"))
            if told[-1] is None:
                admission.enter(600, now, f"{burst}.{number}")
        waits = [each for each in told if each is not None]
        assert len(waits) == 10, "two, of which one waits 6 s, are within the bound"
        assert max(waits) <= 90
        for number in range(2):
            now += 6
            admission.leave(600, now, f"{burst}.{number}")
