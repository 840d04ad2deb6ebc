"""The scheduler, driven by hand and by hypothesis: no process, no clock."""

import dataclasses
import random

import pytest
from hypothesis import given, settings, strategies as st

from duomo.errors import BadOption, SystemicError
from duomo.execution.base import Entry, ItemResult
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Scheduler
from duomo.execution.stats import Counts
from duomo.outcome import ItemError


def entry(index, error=None):
    return Entry(index, str(index), index, None if error is None else ItemResult(error=error))


def problem(kind="ValueError", code="E-MODEL-FAILED"):
    return ItemError(code, f"{kind} happened", type=kind)


def fill(scheduler, costs):
    for index, cost in enumerate(costs):
        scheduler.offer(entry(index), cost)
    scheduler.end()


MANY = 10_000
"""Turns of a loop that only a wrong scheduler reaches."""


def turns(goes_on):
    """The turns of a loop, which must come to an end."""
    for _ in range(MANY):
        if not goes_on():
            return
        yield
    pytest.fail("the scheduler comes to no end")


def batches_of(scheduler, workers=1):
    """All batches that it gives, to its workers in turn."""
    for num in range(MANY):
        batch = scheduler.next_batch(num % workers)
        if batch is None:
            return
        yield batch
    pytest.fail("the scheduler comes to no end")


def drive(scheduler, costs, run, workers=1):
    """Offer lazily, run each batch with `run(batch)` (which tells the scheduler), collect what comes out."""
    source, out = iter(enumerate(costs)), []
    held = 0
    for _ in turns(lambda: not scheduler.finished):
        for _ in turns(lambda: scheduler.wants_input):
            found = next(source, None)
            if found is None:
                scheduler.end()
            else:
                scheduler.offer(entry(found[0]), found[1])
                held += 1
        batch = scheduler.next_batch(held % workers)
        if batch is not None:
            run(batch)
        out += scheduler.emit()
    return out


def test_alike_costs_share_a_batch_and_results_keep_the_input_order():
    scheduler = Scheduler(Policy(max_items=2, window_items=8))
    batches = []

    def run(batch):
        batches.append([each.index for each in batch.entries])
        scheduler.settle(batch, [ItemResult(result=each.index) for each in batch.entries])

    out = drive(scheduler, [50, 900, 51, 901, 52, 902], run)
    assert [item_result.result for _, item_result in out] == [0, 1, 2, 3, 4, 5]
    assert batches == [[0, 2], [1, 3], [4], [5]], "a short and a long one do not share a batch"


@pytest.mark.parametrize(("packed", "expected"), [(False, [2, 1]), (True, [3])])
def test_the_budget_counts_padding_unless_the_model_packs(packed, expected):
    scheduler = Scheduler(Policy(max_items=9, budget=16, packed=packed))
    fill(scheduler, [1, 6, 9])
    sizes = []
    for batch in batches_of(scheduler):
        sizes.append(len(batch.entries))
        scheduler.settle(batch, [ItemResult(result=0)] * len(batch.entries))
    assert sizes == expected


def test_an_item_above_the_budget_still_runs_alone():
    scheduler = Scheduler(Policy(budget=10))
    fill(scheduler, [1000])
    assert len(scheduler.next_batch().entries) == 1


@pytest.mark.parametrize("bad", [{0}, {3}, {7}, {0, 7}, set(range(8))])
def test_a_failing_batch_is_halved_until_the_culprits_stand_alone(bad):
    scheduler = Scheduler(Policy(max_items=8, systemic_after=99))

    def run(batch):
        if any(each.index in bad for each in batch.entries):
            scheduler.fail(batch, problem())
        else:
            scheduler.settle(batch, [ItemResult(result=each.index) for each in batch.entries])

    out = drive(scheduler, [1] * 8, run)
    assert {e.index for e, item_result in out if item_result.error is not None} == bad
    assert [e.index for e, _ in out] == list(range(8))


def test_only_retryable_errors_are_tried_again_and_only_once():
    for kind, tries in (("TimeoutError", 2), ("ValueError", 1)):
        scheduler, ran = Scheduler(Policy()), []
        fill(scheduler, [1])
        for batch in batches_of(scheduler):
            ran.append(batch)
            scheduler.fail(batch, problem(kind))
        assert len(ran) == tries


def test_out_of_memory_halves_the_batch_and_the_budget_which_recovers_slowly():
    scheduler = Scheduler(Policy(max_items=64, budget=64))
    fits = 16
    sizes = []

    def run(batch):
        sizes.append(len(batch.entries))
        if len(batch.entries) > fits:
            scheduler.out_of_memory(batch, problem("OutOfMemoryError"))
        else:
            scheduler.settle(batch, [ItemResult(result=0)] * len(batch.entries))

    out = drive(scheduler, [1] * 2000, run)
    assert len(out) == 2000
    assert all(item_result.error is None for _, item_result in out)
    assert sizes[:4] == [64, 32, 32, 16]
    assert scheduler.counts.ooms < 12
    assert max(sizes[-40:]) > fits // 2


def test_an_item_that_never_fits_fails_alone_and_does_not_loop():
    scheduler = Scheduler(Policy(max_items=4))
    out = drive(scheduler, [1] * 4, lambda batch: scheduler.out_of_memory(batch, problem("OutOfMemoryError")))
    assert [item_result.error.type for _, item_result in out] == ["OutOfMemoryError"] * 4


def test_a_worker_that_dies_twice_on_an_item_names_it_and_loses_no_other():
    scheduler = Scheduler(Policy(max_items=16))
    deaths = []

    def run(batch):
        if any(each.index == 11 for each in batch.entries):
            deaths.append(batch)
            scheduler.lost(batch)
        else:
            scheduler.settle(batch, [ItemResult(result=0)] * len(batch.entries))

    out = drive(scheduler, [1] * 16, run)
    assert [e.index for e, item_result in out if item_result.error is not None] == [11]
    assert out[11][1].error.type == "WorkerLost"
    assert len(deaths) <= 2 + 4  # one whole retry, then log2(16) halvings


@pytest.mark.parametrize("raises", [True, False], ids=["its batch raises", "its result is an error"])
def test_failures_alike_before_any_success_stop_the_run(raises):
    scheduler = Scheduler(Policy(max_items=1, systemic_after=5))

    def run(batch):
        scheduler.fail(batch, problem()) if raises else scheduler.settle(batch, [ItemResult(error=problem())])

    with pytest.raises(SystemicError, match="first 5 items all failed alike"):
        drive(scheduler, [1] * 100, run)


def test_bad_inputs_are_no_systemic_error():
    scheduler = Scheduler(Policy(max_items=1, systemic_after=5))
    bad = problem("InputUnreadable", "E-INPUT-UNREADABLE")
    out = drive(scheduler, [1] * 20, lambda batch: scheduler.settle(batch, [ItemResult(error=bad)]))
    assert len(out) == 20


def test_more_failures_than_allowed_stop_the_run():
    scheduler = Scheduler(Policy(max_items=1, max_failed=2))

    def run(batch):
        odd = batch.entries[0].index % 2
        scheduler.settle(batch, [ItemResult(error=problem()) if odd else ItemResult(result=0)])

    with pytest.raises(SystemicError, match="more than 2"):
        drive(scheduler, [1] * 100, run)


def test_the_window_bounds_what_is_held_in_items_and_in_bytes():
    scheduler = Scheduler(Policy(window_items=10, window_bytes=100))
    for index in range(3):
        assert scheduler.wants_input
        scheduler.offer(entry(index), size=40)
    assert not scheduler.wants_input
    huge = Scheduler(Policy(window_bytes=1))
    assert huge.wants_input, "one item is always let in"


def test_refused_items_need_no_run_and_keep_their_place():
    scheduler = Scheduler(Policy())
    scheduler.offer(entry(0, problem("InputMissing", "E-INPUT-MISSING")))
    scheduler.end()
    assert scheduler.next_batch() is None
    assert [e.index for e, _ in scheduler.emit()] == [0]
    assert scheduler.finished


@settings(max_examples=150, deadline=None)
@given(
    costs=st.lists(st.integers(1, 300), max_size=60),
    refused=st.sets(st.integers(0, 59)),
    poison=st.sets(st.integers(0, 59)),
    deadly=st.sets(st.integers(0, 59), max_size=3),
    max_items=st.integers(1, 9),
    budget=st.sampled_from([0, 50, 400]),
    packed=st.booleans(),
    window=st.integers(1, 20),
    fits=st.integers(1, 9),
    workers=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_whatever_happens_each_item_comes_out_once_in_order_and_only_culprits_fail(
    costs, refused, poison, deadly, max_items, budget, packed, window, fits, workers, seed
):
    policy = Policy(max_items, budget, packed, window, systemic_after=10**6, workers=workers)
    scheduler, dice = Scheduler(policy), random.Random(seed)
    source, flying, out, held = iter(enumerate(costs)), [], [], 0
    for _ in range(MANY):
        if scheduler.finished:
            break
        while scheduler.wants_input and (held < 1 or dice.random() < 0.8):
            found = next(source, None)
            if found is None:
                scheduler.end()
                break
            index, cost = found
            scheduler.offer(entry(index, problem() if index in refused else None), cost)
            held += 1
        if len(flying) < workers and (batch := scheduler.next_batch(dice.randrange(workers))) is not None:
            assert 0 < len(batch.entries) <= max_items
            flying.append(batch)
        if flying and dice.random() < 0.7:
            batch = flying.pop(dice.randrange(len(flying)))
            inside = {each.index for each in batch.entries}
            if inside & deadly:
                scheduler.lost(batch)
            elif len(inside) > fits:
                scheduler.out_of_memory(batch, problem("OutOfMemoryError"))
            elif inside & poison:
                scheduler.fail(batch, problem())
            else:
                scheduler.settle(batch, [ItemResult(result=each.index) for each in batch.entries])
        emitted = list(scheduler.emit())
        held -= len(emitted)
        assert held <= window
        out += emitted
    assert scheduler.finished
    assert [e.index for e, _ in out] == list(range(len(costs)))
    culprits = (refused | poison | deadly) & set(range(len(costs)))
    assert {e.index for e, item_result in out if item_result.error is not None} == culprits
    assert all(item_result.result == e.index for e, item_result in out if item_result.error is None)


def test_what_ran_is_told_at_once_and_each_once_whatever_its_place():
    scheduler = Scheduler(Policy(max_items=2))
    scheduler.offer(entry(0, problem("InputMissing", "E-INPUT-MISSING")))
    for index, cost in ((1, 9), (2, 500), (3, 9)):
        scheduler.offer(entry(index), cost)
    alike = scheduler.next_batch()
    scheduler.fail(alike, problem())
    assert list(scheduler.settled()) == [], "it will run again in halves"
    for _ in range(2):
        half = scheduler.next_batch()
        scheduler.fail(half, problem())
        assert [(e.index, item_result.error.type) for e, item_result in scheduler.settled()] == [
            (half.entries[0].index, "ValueError")
        ]
    assert {each.index for each in alike.entries} == {1, 3}
    scheduler.settle(scheduler.next_batch(), [ItemResult(result=2)])
    assert [e.index for e, _ in scheduler.settled()] == [2], "and nothing of one that was known beforehand"
    assert list(scheduler.settled()) == []


def test_there_is_something_to_give_out_only_when_the_next_in_order_is_settled():
    scheduler = Scheduler(Policy(max_items=1))
    refused = problem("InputMissing", "E-INPUT-MISSING")
    scheduler.offer(entry(0))
    scheduler.offer(entry(1, refused))
    assert not scheduler.can_emit
    assert not scheduler.is_starving, "one waits to be run"
    batch = scheduler.next_batch()
    assert scheduler.is_starving
    scheduler.settle(batch, [ItemResult(result=0)])
    assert scheduler.can_emit
    assert not scheduler.is_starving, "two may be given out before more is read"
    assert [e.index for e, _ in scheduler.emit()] == [0, 1]
    assert scheduler.is_starving


@given(
    costs=st.lists(st.integers(0, 5000), min_size=1, max_size=80),
    max_items=st.integers(1, 20),
    budget=st.sampled_from([0, 300, 6000]),
    packed=st.booleans(),
    workers=st.integers(1, 5),
)
def test_a_batch_is_within_its_bounds_and_says_what_it_costs(costs, max_items, budget, packed, workers):
    scheduler = Scheduler(Policy(max_items, budget, packed, window_items=100, workers=workers))
    fill(scheduler, costs)
    seen = []
    for batch in batches_of(scheduler, workers):
        own = [costs[each.index] for each in batch.entries]
        assert batch.cost == sum(own)
        assert batch.padded == (sum(own) if packed else len(own) * max(own))
        assert len(own) == 1 or not budget or batch.padded <= budget
        assert len(own) <= max_items
        assert min(set(range(len(costs))) - set(seen)) in {each.index for each in batch.entries}, "the oldest is in it"
        seen += [each.index for each in batch.entries]
        scheduler.settle(batch, [ItemResult(result=0)] * len(own))
    assert sorted(seen) == list(range(len(costs)))


def settled(batch):
    return [ItemResult(result=each.index) for each in batch.entries]


def test_a_flush_stops_the_reading_until_all_before_it_is_out():
    scheduler = Scheduler(Policy(max_items=2, window_items=8))
    scheduler.flush()
    assert scheduler.wants_input, "there was nothing to flush"
    for index in range(3):
        scheduler.offer(entry(index))
    scheduler.flush()
    assert not scheduler.wants_input
    first, second = scheduler.next_batch(), scheduler.next_batch()
    scheduler.settle(first, settled(first))
    assert len(list(scheduler.emit())) == 2
    assert not scheduler.wants_input, "one is still out"
    scheduler.settle(second, settled(second))
    assert len(list(scheduler.emit())) == 1
    assert scheduler.wants_input
    assert not scheduler.finished


def test_batches_before_a_flush_are_shared_out_as_at_the_end():
    def sizes(finish):
        scheduler = Scheduler(Policy(max_items=100, window_items=100, workers=2))
        for index in range(40):
            scheduler.offer(entry(index))
        finish(scheduler)
        return [len(batch.entries) for worker in (0, 1) if (batch := scheduler.next_batch(worker))]

    assert sizes(Scheduler.flush) == sizes(Scheduler.end) == [10, 7]


# Line by line: what is counted, bounded and tried again


def good(batch):
    return [ItemResult(result=each.index) for each in batch.entries]


def sizes(scheduler, num, worker=0):
    """Items of the next batches of a worker, each of which runs well."""
    found = []
    while len(found) < num and (batch := scheduler.next_batch(worker)) is not None:
        found.append(len(batch.entries))
        scheduler.settle(batch, good(batch))
    return found


def test_bytes_leave_the_window_with_their_items():
    scheduler = Scheduler(Policy(window_items=10, window_bytes=100, max_items=2))
    for size in (60, 0, 40):
        assert scheduler.wants_input
        scheduler.offer(entry(scheduler.counts.items + 10 - scheduler.room[0]), size=size)
    assert scheduler.room == (7, 0)
    assert not scheduler.wants_input, "the window is full to its last byte"
    scheduler.settle(first := scheduler.next_batch(), good(first))
    assert [each.index for each, _ in scheduler.emit()] == [0, 1]
    assert scheduler.room == (9, 60)
    assert scheduler.wants_input
    scheduler.settle(last := scheduler.next_batch(), good(last))
    list(scheduler.emit())
    assert scheduler.room == (10, 100)


def test_one_item_above_the_bytes_of_the_window_is_let_in_alone():
    scheduler = Scheduler(Policy(window_items=10, window_bytes=100))
    scheduler.offer(entry(0), size=150)
    assert not scheduler.wants_input


def test_all_that_happens_is_counted_once():
    scheduler = Scheduler(Policy(max_items=4))
    fill(scheduler, [10, 10, 30, 30])
    scheduler.fail(scheduler.next_batch(), problem())
    small, large = scheduler.next_batch(), scheduler.next_batch()
    scheduler.settle(small, good(small))
    scheduler.out_of_memory(large, problem("OutOfMemoryError"))
    third, fourth = scheduler.next_batch(), scheduler.next_batch()
    scheduler.fail(third, problem("TimeoutError"))
    scheduler.lost(fourth)
    again, alone = scheduler.next_batch(idle=False), scheduler.next_batch()
    scheduler.fail(again, problem("TimeoutError"))
    scheduler.settle(alone, good(alone))
    assert [each.error is not None for _, each in scheduler.emit()] == [False, False, True, False]
    sizes = scheduler.counts.sizes
    assert sum(sizes) == 7
    assert scheduler.counts == Counts(
        items=4, failed=1, batches=7, batched=12, sizes=sizes, splits=2, retries=1, ooms=1, lost=1, cost=280,
        padded_cost=320,
    )  # fmt: skip


def test_items_without_failures_are_counted_as_well():
    scheduler = Scheduler(Policy(max_items=2))
    fill(scheduler, [1] * 6)
    sizes(scheduler, 2)
    list(scheduler.emit())
    assert scheduler.counts.items == 4
    sizes(scheduler, 1)
    list(scheduler.emit())
    assert scheduler.counts.items == 6


def test_where_no_failure_is_allowed_the_first_stops_the_run():
    scheduler = Scheduler(Policy(max_failed=0))
    with pytest.raises(SystemicError, match="more than 0 items failed"):
        drive(scheduler, [1], lambda batch: scheduler.settle(batch, [ItemResult(error=problem())]))


def test_it_is_empty_until_something_is_offered_and_when_all_was_emitted():
    scheduler = Scheduler(Policy())
    assert scheduler.is_empty
    fill(scheduler, [1])
    assert not scheduler.is_empty
    scheduler.settle(scheduler.next_batch(), [ItemResult(result=0)])
    assert not scheduler.is_empty
    assert len(list(scheduler.emit())) == 1
    assert scheduler.is_empty


def test_as_many_failures_as_are_allowed_do_not_stop_the_run():
    scheduler = Scheduler(Policy(max_items=4, max_failed=2))
    fill(scheduler, [1] * 4)
    bad = [ItemResult(error=problem()), ItemResult(error=problem()), ItemResult(result=2), ItemResult(error=problem())]
    scheduler.settle(scheduler.next_batch(), bad)
    out = []
    with pytest.raises(SystemicError, match="more than 2 items failed") as caught:
        out.extend(each.index for each, _ in scheduler.emit())
    assert "item 3" in caught.value.why
    assert scheduler.counts.failed == 3
    allowed = Scheduler(Policy(max_items=4, max_failed=3))
    fill(allowed, [1] * 4)
    allowed.settle(allowed.next_batch(), bad)
    assert len(list(allowed.emit())) == 4


def test_a_batch_is_the_workers_who_asked_for_it():
    scheduler = Scheduler(Policy(max_items=1))
    fill(scheduler, [1] * 3)
    assert scheduler.next_batch().worker == 0
    second, third = scheduler.next_batch(3), scheduler.next_batch(4)
    assert (second.worker, third.worker) == (3, 4)
    scheduler.fail(second, problem("TimeoutError"))
    scheduler.lost(third)
    assert scheduler.next_batch(5, idle=False).worker == 5
    assert scheduler.next_batch(6).worker == 6


def test_an_item_costs_one_unless_it_is_said():
    scheduler = Scheduler(Policy())
    scheduler.offer(entry(0))
    batch = scheduler.next_batch()
    assert (batch.cost, batch.padded, batch.deaths, batch.alone) == (1, 1, 0, False)
    assert scheduler.room[1] == Policy().window_bytes, "and has no bytes"


# A worker dies


def test_a_batch_that_died_runs_again_whole_and_alone():
    scheduler = Scheduler(Policy(max_items=4))
    fill(scheduler, [1] * 8)
    first = scheduler.next_batch()
    scheduler.lost(first)
    assert not scheduler.is_starving
    other = scheduler.next_batch(1, idle=False)
    assert other.entries[0].index == 4, "a worker with something to do is given no suspect"
    again = scheduler.next_batch(2)
    assert (again.entries, again.alone, again.deaths) == (first.entries, True, 1)
    scheduler.lost(again)
    halves = [scheduler.next_batch(), scheduler.next_batch()]
    assert [[each.index for each in half.entries] for half in halves] == [[0, 1], [2, 3]]
    assert all(half.alone and half.deaths == 2 for half in halves)
    assert scheduler.next_batch() is None


@pytest.mark.parametrize(("why", "said"), [("", "the process died"), ("it was killed", "it was killed")])
def test_an_item_alone_is_named_at_its_second_death(why, said):
    scheduler = Scheduler(Policy())
    scheduler.offer(Entry(0, "cat.jpg", 0))
    for _ in range(2):
        assert not scheduler.can_emit
        scheduler.lost(scheduler.next_batch(), why, "a traceback")
    [(_, result)] = scheduler.emit()
    assert result.error.what == "item cat.jpg ended its worker 2 times"
    assert result.error.why.startswith(said)
    assert result.error.traceback == "a traceback"


def test_an_item_that_was_tried_again_may_lose_a_worker_once_too():
    scheduler = Scheduler(Policy())
    fill(scheduler, [1])
    scheduler.fail(scheduler.next_batch(), problem("TimeoutError"))
    scheduler.lost(scheduler.next_batch())
    assert not scheduler.can_emit, "it ended its worker once: something else may have"
    scheduler.fail(scheduler.next_batch(), problem("TimeoutError"))
    [(_, result)] = scheduler.emit()
    assert result.error.what == "TimeoutError happened", "and it is not tried a third time for being slow"


def test_the_deaths_of_a_batch_are_counted_for_its_items():
    scheduler = Scheduler(Policy())
    fill(scheduler, [1] * 2)
    for _ in range(2):
        scheduler.lost(scheduler.next_batch())
    scheduler.lost(scheduler.next_batch())
    [(_, result)] = scheduler.emit()
    assert "ended its worker 3 times" in result.error.what


@pytest.mark.parametrize(("said", "is_suspect"), [({}, True), ({"suspect": True}, True), ({"suspect": False}, False)])
def test_what_a_dead_worker_had_not_begun_runs_again(said, is_suspect):
    scheduler = Scheduler(Policy())
    fill(scheduler, [1])
    scheduler.give_back(scheduler.next_batch(), **said)
    assert (scheduler.next_batch(idle=False) is None) == is_suspect


def test_a_suspect_that_is_given_back_stays_one():
    scheduler = Scheduler(Policy())
    fill(scheduler, [1])
    scheduler.lost(scheduler.next_batch())
    scheduler.give_back(scheduler.next_batch(), suspect=False)
    assert scheduler.next_batch(idle=False) is None
    batch = scheduler.next_batch()
    assert (batch.alone, batch.deaths) == (True, 1)


# Memory runs out


def test_after_out_of_memory_batches_grow_back_by_a_quarter():
    scheduler = Scheduler(Policy(max_items=1000, budget=100, window_items=10_000))
    fill(scheduler, [1] * 8000)
    first = scheduler.next_batch()
    scheduler.out_of_memory(first, problem("OutOfMemoryError"))
    assert len(first.entries) == 100
    assert sizes(scheduler, 68) == [50] * 16 + [63] * 16 + [79] * 16 + [99] * 16 + [100] * 4


def test_another_time_out_of_memory_starts_the_count_again():
    scheduler = Scheduler(Policy(max_items=1000, budget=100, window_items=10_000))
    fill(scheduler, [1] * 8000)
    scheduler.out_of_memory(scheduler.next_batch(), problem("OutOfMemoryError"))
    assert sizes(scheduler, 10) == [50] * 10
    scheduler.out_of_memory(scheduler.next_batch(), problem("OutOfMemoryError"))
    assert sizes(scheduler, 17) == [25] * 16 + [32]


def test_without_a_budget_batches_grow_back_slowly_too():
    scheduler = Scheduler(Policy(max_items=100, window_items=10_000))
    fill(scheduler, [1] * 4000)
    scheduler.out_of_memory(scheduler.next_batch(), problem("OutOfMemoryError"))
    assert sizes(scheduler, 17) == [50] * 16 + [63]


def test_what_did_not_fit_one_worker_is_no_bound_for_others():
    scheduler = Scheduler(Policy(max_items=100, workers=2, window_items=10_000))
    for index in range(1000):
        scheduler.offer(entry(index), 1)
    batch = scheduler.next_batch(1)
    scheduler.out_of_memory(batch, problem("OutOfMemoryError"))
    assert sizes(scheduler, 4, worker=0) == [50, 50, 100, 100], "its halves, and then what it always had"
    assert sizes(scheduler, 1, worker=1) == [50]


@pytest.mark.parametrize("kind", ["OutOfMemoryError", "TimeoutError"])
def test_an_item_that_does_not_fit_alone_fails_at_once(kind):
    scheduler = Scheduler(Policy())
    scheduler.offer(entry(0), 1)
    scheduler.offer(entry(1), 1000)
    scheduler.out_of_memory(scheduler.next_batch(), problem(kind))
    [(_, result)] = scheduler.emit()
    assert result.error.type == kind
    assert len(scheduler.next_batch().entries) == 1


def test_an_item_of_no_cost_leaves_a_budget_of_one():
    scheduler = Scheduler(Policy(max_items=9))
    fill(scheduler, [0] * 4)
    scheduler.out_of_memory(scheduler.next_batch(), problem("OutOfMemoryError"))
    assert sizes(scheduler, 9) == [2, 2]
    scheduler = Scheduler(Policy(max_items=1))
    for index in range(9):
        scheduler.offer(entry(index), 1)
    scheduler.out_of_memory(scheduler.next_batch(), problem("OutOfMemoryError"))
    assert sizes(scheduler, 3) == [1, 1, 1]
    scheduler = Scheduler(Policy(max_items=9, budget=1))
    fill(scheduler, [1] * 4)
    scheduler.out_of_memory(scheduler.next_batch(), problem("OutOfMemoryError"))
    assert sizes(scheduler, 9) == [1, 1, 1], "one that did not fit alone leaves room for one"


# All fail alike


def test_an_option_that_only_the_model_could_refuse_ends_the_run():
    scheduler = Scheduler(Policy(max_items=2))
    fill(scheduler, [1, 1])
    with pytest.raises(BadOption, match="no such voice"):
        scheduler.settle(
            scheduler.next_batch(), [ItemResult(result=1), ItemResult(error=ItemError.of(BadOption("no such voice")))]
        )


def test_what_succeeds_beside_failures_shows_that_not_all_fail():
    scheduler = Scheduler(Policy(max_items=40, systemic_after=32))
    fill(scheduler, [1] * 40)
    scheduler.settle(scheduler.next_batch(), [ItemResult(error=problem())] * 39 + [ItemResult(result=0)])
    assert len(list(scheduler.emit())) == 40


def test_after_a_good_batch_no_number_of_failures_is_systemic():
    scheduler = Scheduler(Policy(max_items=1, systemic_after=5))
    fill(scheduler, [1] * 20)
    sizes(scheduler, 1)
    for batch in batches_of(scheduler):
        scheduler.fail(batch, problem())
    assert len(list(scheduler.emit())) == 20


def fail_all(scheduler, *kinds, **error):
    """Fail an item for each kind of error; the number that came before the run was stopped."""
    fill(scheduler, [1] * len(kinds))
    for number, kind in enumerate(kinds):
        try:
            scheduler.fail(scheduler.next_batch(), dataclasses.replace(problem(kind), **error))
        except SystemicError as stopped:
            return number + 1, stopped
    return None, None


def test_failures_are_alike_by_their_kind():
    kinds = ["ValueError", "TypeError"] * 4
    assert fail_all(Scheduler(Policy(max_items=1, systemic_after=5)), *kinds) == (None, None)
    assert fail_all(Scheduler(Policy(max_items=1, systemic_after=4)), *kinds)[0] == 7


@pytest.mark.parametrize(("after", "stopped_at"), [(0, None), (1, 1), (3, 3), (9, None)])
def test_the_first_failures_alike_stop_the_run(after, stopped_at):
    assert fail_all(Scheduler(Policy(max_items=1, systemic_after=after)), *["ValueError"] * 8)[0] == stopped_at


def test_a_stopped_run_says_what_to_do_as_the_error_does():
    _, stopped = fail_all(Scheduler(Policy(max_items=1, systemic_after=1)), "ValueError", fix="buy a disk")
    assert stopped.fix == "buy a disk"
    _, stopped = fail_all(Scheduler(Policy(max_items=1, systemic_after=1)), "ValueError")
    assert "nothing was wrong with the items" in stopped.fix


# Near the end of the input


def near_the_end(num=100, workers=2, done=(), **policy):
    """A scheduler that knows its last `num` items of cost 1, after workers have settled what they have `done`."""
    scheduler = Scheduler(Policy(max_items=1000, workers=workers, window_items=10_000, slack=10**9, **policy))
    for worker, cost in enumerate(done):
        scheduler.offer(entry(worker), cost)
        scheduler.settle(batch := scheduler.next_batch(worker), good(batch))
    list(scheduler.emit())
    for index in range(len(done), len(done) + num):
        scheduler.offer(entry(index), 1)
    return scheduler


def ended(*args, **kwargs):
    scheduler = near_the_end(*args, **kwargs)
    scheduler.end()
    return scheduler


def sent(scheduler, worker, num=1):
    """Items of the next batches, none of which comes back."""
    return [len(scheduler.next_batch(worker).entries) for _ in range(num)]


def test_while_input_may_come_a_batch_is_as_large_as_ever():
    assert sent(near_the_end(), 0) == [100]
    assert sent(ended(workers=1), 0) == [100], "one worker shares with nobody"


@pytest.mark.parametrize("last", ["end", "flush"])
def test_near_the_end_a_worker_gets_half_of_its_part(last):
    scheduler = near_the_end()
    getattr(scheduler, last)()
    assert sent(scheduler, 0, 6) == [25, 18, 14, 10, 8, 6]
    assert sent(near_the_end(live=True), 0, 2) == [50, 25], "its whole part, where more is to come"


def test_parts_near_the_end_are_by_what_each_has_done():
    assert sent(ended(400, done=(30, 10)), 0) == [150], "three quarters, and half of that"
    assert sent(ended(400, done=(30, 10)), 1) == [50]
    assert sent(ended(400, workers=4, done=(30, 10)), 3) == [50], "who has not finished yet counts as one of four"


def test_near_the_end_no_batch_is_less_than_a_quarter_of_the_usual():
    assert sent(ended(80, done=(400, 400)), 0, 1) == [80], "its part would be 20, and a quarter of 400 is more"
    assert sent(ended(80, workers=4, done=(120, 120)), 2, 1) == [30]
    assert sent(ended(80, done=(400,)), 0) == [80], "one batch is enough to say what is usual"
    assert sent(ended(80, done=(300, 100)), 0) == [50], "a quarter of 200, though it did more than its share"


def test_a_slow_worker_is_given_less_than_a_quarter():
    # 200 a batch as a rule; it did a tenth of the work of two: 200 / 4, and of that a fifth.
    assert sent(ended(20, done=(360, 40)), 1) == [10]


def test_the_last_items_go_one_by_one_at_least():
    assert sent(ended(2), 0, 2) == [1, 1]


def test_what_was_dropped_is_no_work_to_share():
    scheduler = near_the_end(100)
    for index in range(60):
        assert scheduler.drop(index)
    scheduler.end()
    assert sent(scheduler, 0) == [10]


# Items that are taken back


def test_an_item_no_batch_has_had_is_taken_back_once():
    scheduler = Scheduler(Policy(max_items=2))
    fill(scheduler, [1, 500, 1])
    assert [scheduler.drop(index) for index in (1, 1, 7)] == [True, False, False]
    assert scheduler.counts.dropped == 1
    batch = scheduler.next_batch()
    assert [each.index for each in batch.entries] == [0, 2]
    assert not scheduler.drop(0), "it runs already"
    assert scheduler.counts.dropped == 1
    assert scheduler.next_batch() is None
    scheduler.settle(batch, good(batch))
    assert [(each.index, result.result) for each, result in scheduler.emit()] == [(0, 0), (1, None), (2, 2)]
    assert [each.index for each, _ in scheduler.settled()] == [0, 2], "it did not run"
    assert not scheduler.drop(0), "it is gone"


# What a server asks of it


def waiting(costs, ages=None, **policy):
    """A scheduler with items whose input has not ended."""
    scheduler = Scheduler(Policy(**{"max_items": 1000, "window_items": 10_000, "slack": 10**9, **policy}))
    for index, cost in enumerate(costs):
        scheduler.offer(entry(index), cost, 0, None if ages is None else ages[index])
    return scheduler


def indices(batch):
    return [each.index for each in batch.entries]


def test_what_waits_is_known_by_number_and_by_cost():
    scheduler = waiting([2, 3, 5, 7], max_items=1)
    assert (scheduler.num_waiting, scheduler.cost_waiting) == (4, 17)
    scheduler.next_batch()
    assert (scheduler.num_waiting, scheduler.cost_waiting) == (3, 15)
    scheduler.drop(2)
    assert (scheduler.num_waiting, scheduler.cost_waiting) == (2, 10)


@pytest.mark.parametrize(("most", "num"), [(0, 6), (25, 2), (30, 3), (9, 1), (10, 1)])
def test_a_batch_costs_no_more_than_is_asked_for_unless_it_is_one_item(most, num):
    assert len(waiting([10] * 6).next_batch(most_cost=most).entries) == num


@pytest.mark.parametrize(("most", "num"), [(0, 50), (10, 10), (60, 50)])
def test_of_two_bounds_of_the_cost_the_lower_counts(most, num):
    assert len(near_the_end(live=True).next_batch(most_cost=most).entries) == num


@pytest.mark.parametrize(
    ("packed", "live", "first"), [(True, True, [0, 1]), (True, False, [0, 2]), (False, True, [0, 2])]
)
def test_callers_are_served_in_order_where_alike_costs_gain_nothing(packed, live, first):
    scheduler = waiting([1, 100, 1, 100], max_items=2, packed=packed, live=live, slack=0.0)
    assert indices(scheduler.next_batch()) == first


@pytest.mark.parametrize("packed", [True, False])
def test_the_lowest_age_is_cut_first(packed):
    scheduler = waiting([1] * 4, [4.0, 3.0, 2.0, 1.0], max_items=1, packed=packed, live=True)
    assert [indices(scheduler.next_batch()) for _ in range(4)] == [[3], [2], [1], [0]]
