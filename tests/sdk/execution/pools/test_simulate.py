"""The pool and its scheduler on a virtual clock: how near to ideal, what is survived, and what a batch costs."""

import pytest

from duomo.execution.pools.simulate import Constants, Simulation, simulate, text_lengths
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Scheduler
from duomo.execution.scheduling.waiting import BatchBuilder, WaitingItems
from duomo.testing import FakeDevice, fake_devices

SHORT = {"median": 20, "most": 256}
"""Short texts as in docs/benchmarks.md: log-normal, sigma 0.9, 30 tokens in the mean."""
LONG = {"median": 160, "most": 2048}
"""Paragraphs: 234 in the mean."""


def run(num, items, *, slow=0.0, lengths=SHORT, **options):
    costs = text_lengths(num * items, 1, **lengths)
    return simulate(fake_devices(num, slow=slow), costs, window_items=2048, **options)


@pytest.mark.parametrize(("slow", "least"), [(0.0, 0.87), (0.1, 0.85)])
def test_64_devices_are_near_to_ideal_also_when_some_are_slow(slow, least):
    result = run(64, 3000, slow=slow)
    assert result.failed == 0
    assert result.items == 64 * 3000
    assert result.efficiency >= least
    assert result.padding < 0.01


@pytest.mark.slow
def test_1024_devices_are_near_to_ideal_when_some_are_slow():
    result = run(1024, 500, slow=0.1, lengths=LONG)
    assert result.items == 1024 * 500
    assert result.efficiency >= 0.85


def test_one_driver_feeds_many_devices_of_which_some_are_slow_where_the_work_is_as_the_planner_asks():
    """Steps of 205 ms, more than 1024 times what the driver takes for a batch; its time is on the clock."""
    driver = Constants(units_per_s=40_000, driver_s=100e-6, driver_item_s=0.0)
    result = run(1024, 150, slow=0.1, lengths={"median": 640, "most": 4096}, constants=driver)
    assert result.efficiency >= 0.8
    assert result.driver_s < result.makespan_s


def test_the_end_of_a_run_is_shared_out_in_smaller_batches():
    def largest_of_the_last(workers):
        scheduler = Scheduler(Policy(max_items=64, budget=6400, workers=workers))
        from duomo.execution.base import Entry

        for index in range(512):
            scheduler.offer(Entry(index, "", None), 100)
        scheduler.end()
        sizes = []
        while (batch := scheduler.next_batch(len(sizes) % workers)) is not None:
            sizes.append(len(batch.entries))
        return sizes

    assert largest_of_the_last(1) == [64] * 8, "one worker has nobody to wait for"
    assert max(largest_of_the_last(4)[-4:]) <= 16


def test_a_slow_worker_is_given_less_at_the_end():
    from duomo.execution.base import Entry, ItemResult

    scheduler = Scheduler(Policy(max_items=64, budget=6400, workers=2))
    for index in range(512):
        scheduler.offer(Entry(index, "", None), 100)
    for worker in (0, 0, 0, 1):
        batch = scheduler.next_batch(worker)
        scheduler.settle(batch, [ItemResult()] * len(batch.entries))
    scheduler.end()
    fast, slow = scheduler.next_batch(0), scheduler.next_batch(1)
    assert len(fast.entries) > 2 * len(slow.entries)


def test_a_simulation_is_the_same_each_time():
    first, second = (run(16, 300, slow=0.2).record() for _ in range(2))
    for record in (first, second):
        for name in ("driver_us_per_batch", "driver_us_per_item", "dispatch_us_per_batch"):
            assert record.pop(name) > 0
    assert first == second


def test_deaths_cost_time_and_no_item():
    calm, hit = (simulate(fake_devices(32, faults=share, seed=3), text_lengths(32 * 1500, 2)) for share in (0.0, 0.02))
    assert hit.faults["deaths"] > 3
    assert hit.failed == 0
    assert hit.items == calm.items == 48_000
    assert hit.makespan_s > calm.makespan_s


def test_a_device_that_hangs_is_ended_and_its_work_done_by_others():
    devices = [FakeDevice(hang_at=frozenset({1})), *fake_devices(3)]
    result = simulate(devices, text_lengths(8000, 2), hang_floor_s=1.0)
    assert result.faults["hangs"] == 1
    assert result.faults["deaths"] == 1
    assert (result.items, result.failed) == (8000, 0)
    assert result.makespan_s > 1.0


def test_a_budget_that_does_not_fit_is_found_out_and_lowered():
    devices = [FakeDevice(oom_above=6000)] * 8
    result = simulate(devices, text_lengths(16_000, 2), budget=65_536)
    assert result.faults["out_of_memory"] > 0
    assert (result.items, result.failed) == (16_000, 0)
    assert result.faults["out_of_memory"] < result.batches / 3


def test_what_never_fits_fails_alone():
    result = simulate([FakeDevice(oom_above=200)] * 2, [10, 500, 20, 30])
    assert (result.items, result.failed) == (4, 1)


def test_twice_the_devices_take_half_the_time_and_the_ideal_is_a_bound():
    one, two = (simulate(fake_devices(num), text_lengths(60_000, 4)) for num in (8, 16))
    assert one.makespan_s / two.makespan_s == pytest.approx(2, rel=0.1)
    for result in (one, two):
        assert result.ideal_s < result.makespan_s
        assert result.ideal_s == pytest.approx(sum(text_lengths(60_000, 4)) / 400_000 / result.devices)


def test_the_driver_is_on_the_clock_when_asked():
    free = simulate(fake_devices(16), text_lengths(20_000, 1))
    busy = simulate(fake_devices(16), text_lengths(20_000, 1), constants=Constants(driver_item_s=1e-5))
    assert busy.driver_s == pytest.approx(0.2)
    assert busy.makespan_s >= 0.2 > free.makespan_s


def test_a_record_is_labelled_and_has_its_constants():
    result = simulate(fake_devices(2), [5] * 100)
    assert isinstance(result, Simulation)
    record = result.record()
    assert record["simulation"] is True
    assert {"batch_s", "units_per_s", "driver_s", "budget", "window_items", "prefetch"} <= set(record["constants"])
    assert record["items"] == 100


def test_lengths_are_spread_as_said():
    found = text_lengths(20_000, 7)
    assert found == text_lengths(20_000, 7)
    assert sum(found) / len(found) == pytest.approx(30, rel=0.05)
    assert (min(found), max(found)) == (4, 256)


def test_a_wide_window_costs_no_more_to_cut_than_a_small_one():
    """Counted, not timed: what is looked at for one batch of 32 grows with the bins it takes, not with the window."""

    def looked_at(num):
        waiting, looks = WaitingItems(), 0
        for index, cost in enumerate(text_lengths(num, 5, **LONG)):
            waiting.add(index, cost)

        class Counting(BatchBuilder):
            def take(self, cost, available):
                nonlocal looks
                looks += 1
                return super().take(cost, available)

        for _ in range(50):
            waiting.cut(Counting(32, 0, 0, False))
        return looks

    assert looked_at(100_000) <= looked_at(5_000)


def test_waiting_items_come_oldest_first_and_each_once():
    waiting = WaitingItems()
    costs = text_lengths(3000, 9, **LONG)
    for index, cost in enumerate(costs):
        waiting.add(index, cost)
    seen = []
    while waiting.num:
        oldest = min(set(range(3000)) - set(seen))
        chosen = waiting.cut(BatchBuilder(16, 4096, 0, False))
        assert oldest in chosen
        top = max(costs[index] for index in chosen)
        assert len(chosen) == 1 or len(chosen) * top <= 4096
        seen += chosen
    assert sorted(seen) == list(range(3000))
