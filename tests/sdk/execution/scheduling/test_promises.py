"""Refused callers are told times at which there will be room for them, on a clock that the test drives."""

import pytest

from duomo.execution.scheduling.promises import BOOKED, LATE_S, MOST, Promises


def test_refused_callers_are_told_one_time_after_the_other():
    promises = Promises()
    told = [promises.promise(str(caller), 100.0, 2.0, 1.0) for caller in range(4)]
    assert told == pytest.approx([2 + caller / BOOKED for caller in range(4)])


def test_asking_again_too_early_books_nothing():
    promises = Promises()
    assert promises.promise("a", 0.0, 3.0, 1.0) == pytest.approx(3)
    assert promises.promise("a", 1.0, 0.5, 1.0) == pytest.approx(2)
    assert promises.promise("b", 1.0, 0.5, 1.0) == pytest.approx(2 + 1 / BOOKED)


def test_newcomers_leave_half_of_the_room_to_who_may_come_soon():
    promises = Promises()
    promises.promise("a", 0.0, 20.0, 1.0)
    assert promises.room("new", 0.0, within_s=10.0) == 1.0, "a comes later than that"
    assert promises.room("new", 15.0, within_s=10.0) == 0.5
    assert promises.room("a", 20.0, within_s=10.0) == 1.0
    promises.take("a", 20.0)
    assert promises.room("new", 20.0, within_s=10.0) == 1.0


def test_who_does_not_come_is_forgotten_and_less_is_kept_free_for_others():
    promises = Promises()
    for caller in range(300):
        now = caller * 10.0
        promises.promise(str(caller), now, 1.0, 1.0)
        promises.room("new", now + 1 + LATE_S + 1, 10.0)
    assert promises.kept < 0.05
    promises.promise("one more", now, 1.0, 1.0)
    assert promises.room("new", now, 10.0) > 0.95
    for caller in range(300):
        promises.promise(str(caller), 4000.0, 0.0, 0.0)
        promises.take(str(caller), 4000.0)
    assert promises.kept > 0.95


def test_no_more_callers_are_remembered_than_a_server_can_hold():
    promises = Promises()
    for caller in range(MOST + 10):
        promises.promise(str(caller), 0.0, 1.0, 1e-6)
    assert len(promises) == MOST
