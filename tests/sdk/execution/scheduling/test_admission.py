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
        assert admission.retry_after_s(1e9) is None
        admission.enter(1e9, 0.0)


def test_work_beyond_the_bound_is_refused_with_seconds_that_are_right():
    """What is told to come back is let in after that time, and not long before."""
    admission = Admission(most_wait_s=10)
    now = work(admission, 0.0, 20)
    for _ in range(11):
        assert admission.retry_after_s(100) is None
        admission.enter(100, now)
    for _ in range(5):
        admission.enter(100, now)
    retry = admission.retry_after_s(100)
    assert retry is not None
    later = now
    while admission.retry_after_s(100) is not None:
        later += 1.0
        admission.leave(100, later)
    assert retry / 2 <= later - now <= retry * 2


def test_one_piece_is_always_let_in_when_nothing_waits():
    admission = Admission(most_wait_s=0.1)
    work(admission, 0.0, 3)
    assert admission.retry_after_s(1e9) is None


def test_taken_back_work_does_not_count_as_done():
    admission = Admission()
    now = work(admission, 0.0, 5)
    admission.enter(1e6, now)
    admission.leave(1e6, now, computed=False)
    assert admission.rate == pytest.approx(100, rel=0.01)
    assert (admission.waiting_cost, admission.waiting_items) == (0, 0)
