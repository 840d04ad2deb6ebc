"""When a batch has taken too long, by what those of its own run took."""

from duomo.execution.pools.replicas import FIRST_FACTOR, HANG_FACTOR, InFlight, ReplicaTable

FLOOR_S = 60.0


class Run:
    pace = 0.0


def test_a_run_with_other_options_is_not_held_to_the_pace_of_the_one_before():
    table, quick, slow = ReplicaTable(1, 1, hang_floor_s=FLOOR_S), Run(), Run()
    table.sent(0, InFlight(0, quick, None, 10), 0.0)
    table.answered(0, 0, 0.2)
    table.sent(0, InFlight(1, slow, None, 10), 1.0)
    assert table.overdue(1.0 + 80) == [], "20 times what the quick run takes would be 4 s, and then the floor"
    table.answered(0, 1, 81.0)
    table.sent(0, InFlight(2, quick, None, 10), 100.0)
    [(replica, why)] = table.overdue(100.0 + FLOOR_S + 1)
    assert (replica, why) == (0, "it took more than 60 s for one batch")


def test_the_first_batch_of_a_run_has_longer_and_later_ones_what_their_cost_allows():
    table, run = ReplicaTable(1, 1, hang_floor_s=FLOOR_S), Run()
    table.sent(0, InFlight(0, run, None, 10), 0.0)
    assert table.overdue(FIRST_FACTOR * FLOOR_S - 1) == []
    assert table.overdue(FIRST_FACTOR * FLOOR_S + 1)
    table.answered(0, 0, 20.0)
    table.sent(0, InFlight(1, run, None, 50), 20.0)
    assert table.overdue(20.0 + HANG_FACTOR * 100 - 1) == []
    assert table.overdue(20.0 + HANG_FACTOR * 100 + 1)
