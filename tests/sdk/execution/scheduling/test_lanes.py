"""Lanes, driven by hand on a clock that is a number: no thread, no future, no model."""

import weakref

from hypothesis import given, settings, strategies as st

from duomo.execution.base import Entry, ItemResult
from duomo.execution.scheduling.lanes import LEAST_DEADLINES, MOST_IDLE, Lanes
from duomo.execution.scheduling.policy import Policy
from duomo.outcome import ItemError


def lanes_of(**bounds):
    return Lanes(Policy(**{"max_items": 4, **bounds}).shared())


def add(lanes, ticket, options="", cost=1, deadline=None):
    return lanes.add(ticket, Entry(0, ticket, ticket), options, cost=cost, deadline=deadline)


def run(lanes, result=lambda item: ItemResult(item)):
    """One batch; its items."""
    found = lanes.next_batch()
    if found is None:
        return []
    lane, batch = found
    lane.scheduler.settle(batch, [result(entry.item) for entry in batch.entries])
    return [entry.item for entry in batch.entries]


def error(kind="ValueError"):
    return ItemError("E-MODEL-FAILED", f"{kind} happened", type=kind)


def test_items_of_equal_options_share_batches_and_answers_come_in_any_order():
    lanes = lanes_of()
    for ticket, cost in (("long", 900), ("a", 10), ("b", 11)):
        add(lanes, ticket, cost=cost)
    lane, first = lanes.next_batch()
    assert [entry.item for entry in first.entries] == ["long"]
    assert run(lanes) == ["a", "b"]
    assert dict(lanes.answers()) == {"a": ItemResult("a"), "b": ItemResult("b")}, "they wait for no one before them"
    assert not lanes.is_idle
    lane.scheduler.settle(first, [ItemResult("long")])
    assert lanes.answers() == [("long", ItemResult("long"))]
    assert lanes.is_idle


def test_lanes_of_other_options_take_turns():
    lanes = lanes_of(max_items=1)
    for ticket, options in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("b2", "b")):
        add(lanes, ticket, options)
    assert [run(lanes) for _ in range(6)] == [["a1"], ["b1"], ["a2"], ["b2"], ["a3"], []]


class Array:
    """Options as arrays are: no one truth value, and no hash."""

    __hash__ = None

    def __eq__(self, other):
        raise ValueError("the truth value of an array is ambiguous")


def test_options_that_cannot_be_compared_have_lanes_of_their_own():
    lanes, one = lanes_of(), Array()
    first, second, third = (add(lanes, str(i), options) for i, options in enumerate((one, Array(), one)))
    assert first is third
    assert first is not second


def test_what_is_dropped_before_its_batch_begins_is_not_computed():
    lanes = lanes_of(max_items=2)
    for ticket in "abcd":
        add(lanes, ticket)
    lane, batch = lanes.next_batch()
    assert [lanes.drop(ticket) for ticket in "adx"] == [False, True, False], "a has begun, x never came"
    assert not lanes.drop("d"), "once only"
    lane.scheduler.settle(batch, [ItemResult()] * 2)
    assert run(lanes) == ["c"]
    assert sorted(ticket for ticket, _ in lanes.answers()) == ["a", "b", "c"]
    assert lanes.is_idle
    assert lane.scheduler.counts.dropped == 1


def test_what_waits_past_its_deadline_is_answered_uncomputed_and_what_has_begun_goes_on():
    lanes = lanes_of(max_items=1)
    add(lanes, "begun", deadline=1.0)
    add(lanes, "late", deadline=1.0)
    add(lanes, "patient", deadline=9.0)
    add(lanes, "endless")
    lane, batch = lanes.next_batch()
    assert lanes.next_deadline() == 1.0
    assert lanes.expire(0.9) == []
    [(ticket, item_result)] = lanes.expire(1.0)
    assert (ticket, item_result.error.code) == ("late", "E-DEADLINE")
    assert lanes.next_deadline() == 9.0
    lane.scheduler.settle(batch, [ItemResult("yes")])
    assert lanes.answers() == [("begun", ItemResult("yes"))]
    assert [run(lanes), run(lanes), run(lanes)] == [["patient"], ["endless"], []]
    lanes.answers()
    assert lanes.next_deadline() is None


class Ticket:
    """What a driver knows an item by: its future, say, which holds the outcome."""


def test_a_ticket_is_forgotten_long_before_its_deadline():
    lanes, tickets = lanes_of(), weakref.WeakSet()
    for _ in range(1000):
        ticket = Ticket()
        tickets.add(ticket)
        lanes.add(ticket, Entry(0, "", ""), "", deadline=86_000.0)
        run(lanes)
        lanes.answers()
    assert len(tickets) <= LEAST_DEADLINES + 2
    add(lanes, "last", deadline=5.0)
    assert lanes.next_deadline() == 5.0
    assert [late for late, _ in lanes.expire(5.0)] == ["last"]


def test_a_deadline_of_now_is_late():
    lanes = lanes_of()
    add(lanes, "a", deadline=5.0)
    assert [ticket for ticket, _ in lanes.expire(5.0)] == ["a"]
    assert lanes.next_batch() is None


def test_a_batch_that_raised_is_halved_and_costs_its_neighbours_nothing():
    lanes = lanes_of(max_items=8)
    for ticket in "abcdefgh":
        add(lanes, ticket)
    while (found := lanes.next_batch()) is not None:
        lane, batch = found
        items = [entry.item for entry in batch.entries]
        if "e" in items:
            lane.scheduler.fail(batch, error())
        else:
            lane.scheduler.settle(batch, [ItemResult(item) for item in items])
    answers = dict(lanes.answers())
    assert [ticket for ticket in "abcdefgh" if answers[ticket].error is not None] == ["e"]


def test_any_number_of_failures_alike_ends_nothing():
    lanes = lanes_of()
    for ticket in range(100):
        add(lanes, str(ticket))
    while run(lanes, lambda item: ItemResult(error=error())):
        pass
    assert len(lanes.answers()) == 100


def test_what_has_begun_is_finished_after_the_rest_was_taken_back():
    lanes = lanes_of(max_items=2)
    for ticket in "abcd":
        add(lanes, ticket)
    lane, batch = lanes.next_batch()
    assert sorted(lanes.close()) == ["c", "d"]
    assert not lanes.is_idle
    lane.scheduler.fail(batch, error())  # its halves have begun too
    assert [run(lanes), run(lanes), run(lanes)] == [["a"], ["b"], []]
    assert len(lanes.answers()) == 2
    assert lanes.is_idle


def test_a_lane_that_is_abandoned_gives_back_all_that_was_in_it():
    lanes = lanes_of(max_items=1)
    first = add(lanes, "a", "one")
    add(lanes, "b", "one")
    add(lanes, "c", "two")
    lanes.next_batch()
    assert lanes.abandon(first) == ["a", "b"]
    assert run(lanes) == ["c"]


def test_only_so_many_idle_lanes_are_remembered():
    lanes = lanes_of()
    for number in range(MOST_IDLE + 3):
        add(lanes, str(number), number)
    assert lanes.prune() == [], "none is idle"
    while run(lanes):
        pass
    lanes.answers()
    assert [lane.options for lane in lanes.prune()] == [0, 1, 2]
    assert len(list(lanes)) == MOST_IDLE


def test_a_lane_forgets_what_was_answered():
    lanes = lanes_of()
    for number in range(1000):
        lane = add(lanes, str(number))
        run(lanes)
        lanes.answers()
    assert lane.scheduler.room == (lane.scheduler.policy.window_items, lane.scheduler.policy.window_bytes)


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(1, 400), st.sampled_from("abc"), st.none() | st.integers(0, 30)),
            st.tuples(st.just("drop"), st.integers(0, 40)),
            st.tuples(st.just("run"), st.sampled_from(["settle", "fail", "lost", "oom", "give_back"])),
            st.tuples(st.just("wait"), st.integers(0, 5)),
        ),
        max_size=80,
    )
)
def test_whatever_happens_each_ticket_is_answered_or_dropped_once(steps):
    lanes, now, num = lanes_of(budget=500), 0, 0
    seen, dropped, late, ran = [], set(), set(), set()

    def step(how="settle"):
        late.update(ticket for ticket, _ in lanes.expire(now))
        found = lanes.next_batch()
        if found is None:
            return False
        lane, batch = found
        ran.update(entry.item for entry in batch.entries)
        assert len({entry.item[0] for entry in batch.entries}) == 1, "of equal options"
        if how == "settle":
            lane.scheduler.settle(batch, [ItemResult(entry.item) for entry in batch.entries])
        elif how == "fail":
            lane.scheduler.fail(batch, error())
        elif how == "oom":
            lane.scheduler.out_of_memory(batch, error("MemoryError"))
        else:
            getattr(lane.scheduler, how)(batch)
        seen.extend(lanes.answers())
        return True

    for action, *args in steps:
        if action == "add":
            cost, options, wait = args
            num += 1
            add(lanes, f"{options}{num}", options, cost, None if wait is None else now + wait)
        elif action == "drop":
            ticket = next((f"{options}{args[0]}" for options in "abc" if lanes.drop(f"{options}{args[0]}")), None)
            dropped |= {ticket} - {None}
        elif action == "run":
            step(*args)
        else:
            now += args[0]
    while step():
        pass
    answered = [ticket for ticket, _ in seen]
    assert len(answered) == len(set(answered))
    assert len(answered) + len(dropped) + len(late) == num
    assert set(answered) == ran
    assert not ran & (dropped | late), "what left was not computed"
    assert lanes.is_idle


def test_before_a_batch_nothing_is_shared_out_to_one_worker_and_a_part_each_to_several():
    one, several = lanes_of(max_items=100), lanes_of(max_items=100, workers=4)
    for lanes in (one, several):
        for number in range(80):
            add(lanes, str(number))
    assert len(run(one)) == 80
    assert len(run(several)) == 20, "a quarter: the others are to have some"


def test_callers_take_turns_and_a_long_list_makes_nobody_wait():
    lanes = lanes_of(max_items=4)
    for number in range(1000):
        lanes.add(f"list{number}", Entry(0, "", f"list{number}"), "", cost=100, caller="list")
    for who in "abc":
        lanes.add(who, Entry(0, "", who), "", cost=100, caller=who)
    items = [item for _ in range(4) for item in run(lanes)]
    assert {"a", "b", "c"} <= set(items), "two batches of the list were ahead of them, and they shared the next"
    rest = []
    while got := run(lanes):
        rest += got
    assert len(items) + len(rest) == 1003
    numbers = [int(item.removeprefix("list")) for item in rest]
    assert numbers == sorted(numbers), "of one caller, first come, first served"


def test_what_is_taken_back_before_its_turn_is_not_computed():
    lanes = lanes_of(max_items=1)
    for number in range(20):
        lanes.add(number, Entry(0, "", number), "", caller="list")
    lane = lanes.add("other", Entry(0, "", "other"), "", caller="other")
    assert all(lanes.drop(number) for number in range(10, 20))
    assert not lanes.drop(15)
    seen = []
    while got := run(lanes):
        seen += got
    assert sorted(map(str, seen)) == sorted([*map(str, range(10)), "other"])
    assert lane.scheduler.counts.dropped == 10
    lanes.answers()
    assert lanes.is_idle


BUDGET = 400


@settings(max_examples=200, deadline=None)
@given(
    lists=st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=40), min_size=1, max_size=5),
    begun=st.integers(0, 10),
    cost=st.integers(1, 300),
    packed=st.booleans(),
)
def test_a_single_item_waits_for_the_work_of_one_batch_of_each_other_caller_at_most(lists, begun, cost, packed):
    lanes = lanes_of(max_items=8, budget=BUDGET, packed=packed)
    for caller, costs in enumerate(lists):
        for number, each in enumerate(costs):
            lanes.add((caller, number), Entry(0, "", (caller, number)), "", cost=each, caller=f"list {caller}")

    def batch():
        lane, found = lanes.next_batch()
        lane.time.note(found.padded, 0.003 + 0.0001 * found.padded)
        lane.scheduler.settle(found, [ItemResult(entry.item) for entry in found.entries])
        lanes.answers()
        return [entry.item for entry in found.entries], found.padded

    for _ in range(begun):
        if not lanes.is_idle:
            batch()
    lanes.add("single", Entry(0, "", "single"), "", cost=cost, caller="single")
    items, work = [], 0
    while "single" not in items:
        items, padded = batch()
        work += padded
    # Beside a whole batch of each: its own, and one of what had its turn before. Small batches may be more in number.
    assert work <= (2 + len(lists)) * BUDGET


def test_a_single_item_shares_its_batch_with_no_more_of_a_list_than_one_start_is_worth():
    lanes = lanes_of(max_items=100, budget=4000, packed=True)
    for number in range(400):
        lanes.add(number, Entry(0, "", number), "", cost=100, caller="list")

    def batch():
        lane, found = lanes.next_batch()
        lane.time.note(found.padded, 0.2 + 0.001 * found.padded)
        lane.scheduler.settle(found, [ItemResult(entry.item) for entry in found.entries])
        lanes.answers()
        return [entry.item for entry in found.entries]

    alone = [len(batch()) for _ in range(10)][-1]
    assert alone in (15, 16), "a batch of a list alone takes eight times its start"
    lanes.add("single", Entry(0, "", "single"), "", cost=10, caller="single")
    shared = batch()
    assert "single" in shared
    assert len(shared) <= 3, "0.2 s are two items of the list"
    assert len(batch()) == alone, "then the list goes on"
