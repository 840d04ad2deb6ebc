"""Which replica gets work, which rests, and which has taken too long; the clock is a number."""

import pytest
from hypothesis import given, strategies as st

from duomo.execution.pools.replicas import (
    BACKOFF_S,
    FIRST_FACTOR,
    HANG_FACTOR,
    HANG_FLOOR_S,
    MAX_RESTARTS,
    InFlight,
    ReplicaTable,
)
from duomo.execution.pools.runs import Pace

FLOOR_S = 60.0


class Run:
    warms = True

    def __init__(self, pace=0.0):
        self._pace = Pace(pace)
        self.ran = self._pace.note

    @property
    def pace(self):
        return self._pace.seconds


class Check(Run):
    warms = False


def batch(ticket=0, run=None, cost=10):
    return InFlight(ticket, run or Run(), f"batch {ticket}", cost)  # type: ignore[arg-type]


def table(size=1, depth=1, **bounds):
    return ReplicaTable(size, depth, **{"hang_floor_s": FLOOR_S, **bounds})


# Who gets work


def test_the_replica_with_the_least_to_do_is_picked():
    replicas = table(2, depth=2)
    picked = []
    for ticket in range(4):
        picked.append(replicas.pick())
        replicas.sent(picked[-1], batch(ticket), 0.0)
    assert picked == [0, 1, 0, 1]
    assert replicas.pick() is None, "both have as much as they may"
    assert replicas.num_flying == 4


def test_of_those_with_as_much_to_do_the_longest_waiting_is_picked():
    replicas = table(3)
    for replica in (0, 1, 2):
        replicas.sent(replica, batch(replica), 0.0)
    for replica in (1, 0, 2):
        replicas.answered(replica, replica, 1.0)
    assert replicas.pick() == 1


def test_every_replica_has_room_for_one_batch_at_least():
    replicas = table(1, depth=0)
    assert replicas.pick() == 0
    replicas.sent(0, batch(), 0.0)
    assert replicas.pick() is None


def test_what_runs_alone_lets_nothing_else_in_until_it_is_back():
    replicas = table(1, depth=3)
    replicas.sent(0, batch(0), 0.0, alone=True)
    assert replicas.pick() is None
    replicas.answered(0, 0, 1.0)
    assert replicas.pick() == 0
    replicas.sent(0, batch(1), 1.0)
    assert replicas.pick() == 0, "the next batch is not alone"


def test_a_replica_is_idle_until_a_batch_is_sent_and_after_it_is_back():
    replicas = table(1, depth=2)
    assert replicas.is_idle(0)
    replicas.sent(0, batch(0), 0.0)
    assert not replicas.is_idle(0)
    replicas.answered(0, 0, 1.0)
    assert replicas.is_idle(0)


def test_a_replica_begins_with_nothing_done_and_nothing_wrong():
    [seat] = table().seats
    assert (seat.state, seat.items, seat.busy_s, seat.restarts, seat.deaths, seat.why) == ("ready", 0, 0.0, 0, 0, "")


# What comes back


def test_a_batch_comes_back_by_its_ticket_oldest_first():
    replicas = table(1, depth=2)
    first, second = batch(7), batch(8)
    replicas.sent(0, first, 0.0)
    replicas.sent(0, second, 0.0)
    assert replicas.answered(0, 7, 1.0) is first
    assert replicas.num_flying == 1
    assert replicas.answered(0, 8, 2.0) is second
    assert replicas.num_flying == 0


def test_a_ticket_that_was_given_up_on_is_none_and_changes_nothing():
    replicas = table(1, depth=2)
    assert replicas.answered(0, 7, 1.0) is None
    replicas.sent(0, batch(8), 0.0)
    assert replicas.answered(0, 7, 1.0) is None
    assert replicas.num_flying == 1
    assert replicas.seats[0].busy_s == 0.0


def test_busy_time_is_what_the_worker_says_or_what_passed_since_its_last():
    replicas = table(1, depth=2)
    replicas.sent(0, batch(0), 10.0)
    replicas.sent(0, batch(1), 11.0)
    replicas.answered(0, 0, 14.0)
    assert replicas.seats[0].busy_s == 4.0, "from the first batch on"
    replicas.answered(0, 1, 15.0)
    assert replicas.seats[0].busy_s == 5.0, "the second began when the first was back"
    replicas.sent(0, batch(2), 20.0)
    replicas.answered(0, 2, 29.0, took=2.0)
    assert replicas.seats[0].busy_s == 7.0


def test_the_pace_of_a_run_is_smoothed_over_its_batches():
    replicas, run = table(), Run()
    for ticket, took in enumerate((20.0, 40.0)):
        replicas.sent(0, batch(ticket, run, cost=10), 0.0)
        replicas.answered(0, ticket, 100.0, took=took)
    assert run.pace == pytest.approx(0.9 * 2.0 + 0.1 * 4.0)


def test_a_batch_without_cost_says_nothing_of_the_pace():
    replicas, run = table(), Run()
    replicas.sent(0, batch(0, run, cost=0), 0.0)
    replicas.answered(0, 0, 5.0)
    assert run.pace == 0.0


# Who died


def test_the_dead_gives_its_batches_back_oldest_first_and_gets_no_more():
    replicas = table(2, depth=2)
    mine, other = [batch(0), batch(1)], batch(2)
    for each in mine:
        replicas.sent(0, each, 0.0)
    replicas.sent(1, other, 0.0)
    assert replicas.died(0, 1.0, "a crash") == mine
    assert replicas.seats[0].why == "a crash"
    assert replicas.num_flying == 1
    assert replicas.is_idle(0)
    assert replicas.pick() == 1
    replicas.sent(1, batch(3), 1.0)
    assert replicas.pick() is None


def test_a_replica_that_died_comes_back_with_nothing_to_do():
    replicas = table(1, depth=2)
    replicas.sent(0, batch(0), 0.0, alone=True)
    replicas.died(0, 1.0, "a crash")
    assert replicas.rested(1.0) == [0], "the first rest takes no time"
    assert replicas.seats[0].restarts == 1
    assert replicas.pick() is None, "it starts"
    replicas.is_ready(0, 2.0)
    assert replicas.pick() == 0
    replicas.sent(0, batch(1), 2.0)
    assert replicas.pick() == 0, "nothing of before keeps it alone"


def test_rests_grow_with_deaths_in_a_row_and_the_last_is_kept():
    replicas, now, rests = table(), 100.0, []
    for _ in range(MAX_RESTARTS):
        replicas.died(0, now, "")
        rest = next(s for s in (0.0, 0.1, 0.5, 2.0, 5.0) if replicas.rested(now + s))
        rests.append(rest)
        now += rest
    assert rests == [0.0, 0.1, 0.5, 2.0, 5.0, 5.0, 5.0, 5.0]  # as they stand in the table
    assert replicas.seats[0].restarts == MAX_RESTARTS == 8
    assert BACKOFF_S[0] == 0.0


def test_a_batch_done_in_between_forgives_the_deaths_before():
    replicas = table(1, max_restarts=1)
    for _ in range(3):
        replicas.died(0, 0.0, "")
        assert replicas.rested(0.0) == [0]
        replicas.is_ready(0, 0.0)
        replicas.sent(0, batch(), 0.0)
        replicas.answered(0, 0, 0.0)
    assert not replicas.all_lost


def test_one_death_too_many_in_a_row_loses_the_replica_for_good():
    replicas = table(2, max_restarts=2)
    for _ in range(2):
        replicas.died(0, 0.0, "")
        assert replicas.rested(10.0) == [0]
    replicas.sent(0, batch(5), 0.0)
    assert [each.ticket for each in replicas.died(0, 0.0, "the last")] == [5]
    assert replicas.seats[0].state == "lost"
    assert replicas.num_lost == 1
    assert not replicas.all_lost
    assert replicas.rested(100.0) == []
    assert replicas.died(0, 1.0, "again") == []
    assert (replicas.num_lost, replicas.seats[0].why) == (1, "the last"), "a death that is told twice counts once"
    for _ in range(3):
        replicas.died(1, 0.0, "")
    assert replicas.all_lost


def test_no_restart_at_all_loses_the_replica_at_its_first_death():
    replicas = table(1, max_restarts=0)
    replicas.died(0, 0.0, "")
    assert replicas.all_lost


def test_all_that_have_rested_are_started_the_first_to_be_ready_first():
    replicas = table(3)
    for replica, now in ((2, 0.0), (0, 0.5), (1, 5.0)):
        replicas.died(replica, now, "")
    assert replicas.rested(0.5) == [2, 0]
    assert replicas.rested(0.5) == [], "they start already"
    assert replicas.rested(5.0) == [1]


def test_the_next_look_is_when_somebody_is_rested_within_a_second():
    replicas = table(1)
    assert replicas.next_alarm(100.0) == 1.0
    for _ in range(2):
        replicas.died(0, 100.0, "")
        replicas.rested(100.0)
    assert replicas.next_alarm(100.02) == pytest.approx(0.08), "a tenth of a second after the second death"
    assert replicas.next_alarm(99.0) == 1.0
    assert replicas.next_alarm(101.0) == 0.0


# Who has taken too long


def test_a_run_with_other_options_has_a_pace_of_its_own():
    replicas, quick, slow = table(), Run(), Run()
    replicas.sent(0, batch(0, quick), 0.0)
    replicas.answered(0, 0, 0.2)
    replicas.sent(0, batch(1, slow), 1.0)
    assert replicas.overdue(1.0 + 80) == [], "20 times what the quick run takes would be 4 s, and then the floor"
    replicas.answered(0, 1, 81.0)
    replicas.sent(0, batch(2, quick), 100.0)
    assert replicas.overdue(100.0 + FLOOR_S) == []
    assert replicas.overdue(100.0 + FLOOR_S + 1) == [(0, "it took more than 60 s for one batch")]


def test_the_first_batch_has_longer_and_later_ones_what_they_cost():
    replicas, run = table(), Run()
    replicas.sent(0, batch(0, run), 0.0)
    assert replicas.overdue(FIRST_FACTOR * FLOOR_S) == []
    assert replicas.overdue(FIRST_FACTOR * FLOOR_S + 1) == [(0, "it took more than 600 s for one batch")]
    replicas.answered(0, 0, 20.0)
    replicas.sent(0, batch(1, run, cost=50), 20.0)
    assert replicas.overdue(20.0 + HANG_FACTOR * 100) == []
    assert replicas.overdue(20.0 + HANG_FACTOR * 100 + 1) == [(0, "it took more than 2e+03 s for one batch")]


def test_a_batch_that_raised_says_nothing_of_how_long_batches_take():
    replicas, run = table(), Run()
    replicas.sent(0, batch(0, run), 0.0)
    replicas.answered(0, 0, 50.0, ran=False)
    assert run.pace == 0.0
    replicas.sent(0, batch(1, run), 50.0)
    replicas.answered(0, 1, 51.0)
    assert run.pace == pytest.approx(0.1)


def test_the_next_part_of_a_stream_has_the_floor_once_the_replica_is_warm():
    replicas = table()
    replicas.sent(0, batch(0, cost=0), 0.0)
    assert replicas.overdue(FIRST_FACTOR * FLOOR_S) == []
    assert replicas.overdue(FIRST_FACTOR * FLOOR_S + 1)
    replicas.answered(0, 0, 1.0)
    replicas.sent(0, batch(1, cost=0), 2.0)
    assert replicas.overdue(2.0 + FLOOR_S) == []
    assert replicas.overdue(2.0 + FLOOR_S + 1) == [(0, "it took more than 60 s for one batch")]
    replicas.died(0, 100.0, "")
    replicas.rested(100.0)
    replicas.is_ready(0, 100.0)
    replicas.sent(0, batch(2, cost=0), 100.0)
    assert replicas.overdue(100.0 + FLOOR_S + 1) == [], "it has started again, and may have to warm up"


def test_a_start_may_take_ten_times_the_floor():
    replicas = table(2)
    replicas.died(1, 50.0, "")
    replicas.rested(50.0)
    assert replicas.overdue(50.0 + 600) == []
    assert replicas.overdue(50.0 + 601) == [(1, "it took more than 600 s to start")]
    replicas.is_ready(1, 651.0)
    assert replicas.overdue(10_000.0) == [], "it has nothing to do"


def test_the_time_of_a_batch_runs_from_when_it_became_the_oldest():
    replicas, run = table(1, depth=2), Run(0.001)
    replicas.sent(0, batch(0, run), 0.0)
    replicas.sent(0, batch(1, run), 50.0)
    assert [replica for replica, _ in replicas.overdue(61.0)] == [0]
    replicas.answered(0, 0, 61.0, took=0.01)
    assert replicas.overdue(61.0 + FLOOR_S) == []
    assert replicas.overdue(61.0 + FLOOR_S + 1)


def test_what_is_not_ready_or_has_nothing_to_do_is_not_overdue():
    replicas = table(3)
    replicas.died(0, 0.0, "")
    replicas.sent(2, batch(), 0.0)
    assert [replica for replica, _ in replicas.overdue(10_000.0)] == [2]


def test_the_bounds_are_those_of_the_documentation():
    assert (HANG_FLOOR_S, HANG_FACTOR, FIRST_FACTOR) == (60.0, 20.0, 10.0)
    usual = ReplicaTable(1, 1)
    usual.sent(0, batch(), 0.0)
    assert usual.overdue(600.0) == []
    assert usual.overdue(600.1)


# All at once


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["send", "alone", "answer", "die", "rest", "ready"]), st.integers(0, 2)), max_size=60
    ),
    depth=st.integers(1, 3),
)
def test_counts_and_room_follow_from_what_happened(steps, depth):
    replicas, held = table(3, depth, max_restarts=2), {replica: [] for replica in range(3)}
    alone = dict.fromkeys(held, False)
    for now, (step, replica) in enumerate(steps):
        state = replicas.seats[replica].state
        if step in ("send", "alone") and (picked := replicas.pick()) is not None:
            assert replicas.seats[picked].state == "ready"
            assert not alone[picked]
            assert len(held[picked]) < depth
            held[picked].append(now)
            alone[picked] = step == "alone"
            replicas.sent(picked, batch(now), float(now), alone=alone[picked])
        elif step == "answer" and held[replica]:
            assert replicas.answered(replica, held[replica][0], float(now)).ticket == held[replica].pop(0)
            alone[replica] = False
        elif step == "die" and state == "ready":
            assert [each.ticket for each in replicas.died(replica, float(now), "")] == held[replica]
            held[replica], alone[replica] = [], False
        elif step == "rest":
            replicas.rested(float(now))
        elif step == "ready" and state == "starting":
            replicas.is_ready(replica, float(now))
        room = [each for each in held if replicas.seats[each].state == "ready" and not alone[each]]
        room = [each for each in room if len(held[each]) < depth]
        picked = replicas.pick()
        assert (picked is None) == (not room)
        assert picked is None or len(held[picked]) == min(len(held[each]) for each in room)
        assert replicas.num_flying == sum(map(len, held.values()))
        assert replicas.num_lost == sum(seat.state == "lost" for seat in replicas.seats)


def test_a_look_at_options_says_nothing_of_how_long_the_first_batch_takes():
    for run, overdue in ((Check(), 0), (Run(), 1)):
        replicas = table()
        replicas.sent(0, batch(0, run, cost=0), 0.0)
        replicas.answered(0, 0, 1.0)
        replicas.sent(0, batch(1, cost=0), 1.0)
        assert len(replicas.overdue(2.0 + FLOOR_S)) == overdue
