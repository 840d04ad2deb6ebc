"""The scheduler, driven by hand and by hypothesis: no process, no clock."""

import random

import pytest
from hypothesis import given, settings, strategies as st

from duomo.errors import SystemicError
from duomo.execution.base import Entry, ItemResult
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Scheduler
from duomo.outcome import ItemError


def entry(index, error=None):
    return Entry(index, str(index), index, None if error is None else ItemResult(error=error))


def problem(kind="ValueError", code="E-MODEL-FAILED"):
    return ItemError(code, f"{kind} happened", type=kind)


def fill(scheduler, costs):
    for index, cost in enumerate(costs):
        scheduler.offer(entry(index), cost)
    scheduler.end()


def drive(scheduler, costs, run, workers=1):
    """Offer lazily, run each batch with `run(batch)` (which tells the scheduler), collect what comes out."""
    source, out = iter(enumerate(costs)), []
    held = 0
    while not scheduler.finished:
        while scheduler.wants_input:
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
    while (batch := scheduler.next_batch()) is not None:
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
        while (batch := scheduler.next_batch()) is not None:
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


def test_failures_alike_before_any_success_stop_the_run():
    scheduler = Scheduler(Policy(max_items=1, systemic_after=5))
    with pytest.raises(SystemicError, match="first 5 items all failed alike"):
        drive(scheduler, [1] * 100, lambda batch: scheduler.fail(batch, problem()))


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
    for _ in range(10_000):
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
    while (batch := scheduler.next_batch(len(seen) % workers)) is not None:
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
