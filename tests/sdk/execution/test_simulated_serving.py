"""A server on devices that do not exist: what comes, waits, is answered and refused, on a virtual clock."""

import pytest

from duomo.execution.pools.simulate import Constants, FakeDevice, text_lengths
from duomo.execution.pools.simulate_serving import simulate_serving

CONSTANTS = Constants(batch_s=0.002, units_per_s=100_000.0)
COSTS = text_lengths(4000, 0)
"""27 tokens on the mean: one device does 3,700 a second at best."""


def serve(rate, devices=1, **changes):
    return simulate_serving([FakeDevice()] * devices, COSTS, rate, constants=CONSTANTS, budget=4096, **changes)


def test_an_idle_server_answers_in_the_time_of_one_item():
    served = serve(5.0)
    mean = sum(COSTS) / len(COSTS)
    assert served.p50_ms == pytest.approx(2 + mean / 100, rel=0.3)
    assert (served.refused, served.items_per_batch) == (0.0, pytest.approx(1.0, abs=0.1))


def test_more_requests_make_larger_batches_and_longer_waits_until_some_are_refused():
    calm, busy = serve(200.0), serve(2500.0)
    assert busy.items_per_batch > 3 * calm.items_per_batch
    assert busy.p99_ms > calm.p99_ms
    assert busy.refused == 0.0
    drowned = serve(20_000.0, most_wait_s=0.1)
    assert 0.5 < drowned.refused < 0.95
    assert drowned.answered_per_s < 4500
    assert drowned.p99_ms < 500  # those who are let in are answered


def test_twice_the_devices_do_twice_the_work():
    one, two = serve(20_000.0, most_wait_s=0.1), serve(20_000.0, 2, most_wait_s=0.1)
    assert two.answered_per_s == pytest.approx(2 * one.answered_per_s, rel=0.25)


def test_a_target_cuts_batches_smaller_and_costs_little_where_all_are_late():
    loose, tight = (serve(20_000.0, most_wait_s=0.5, slo_s=slo_s) for slo_s in (0.0, 0.05))
    assert tight.items_per_batch < loose.items_per_batch
    assert tight.answered_per_s > 0.7 * loose.answered_per_s


def test_the_same_seed_gives_the_same_answer():
    assert serve(500.0, seed=3) == serve(500.0, seed=3)
