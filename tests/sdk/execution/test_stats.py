"""Counters: they add up, and the keys of the dict they were still find them for one release."""

import pytest

from duomo.execution.stats import Counts, ReplicaStats, Stats

REPLICAS = (ReplicaStats("cpu", items=3, busy_s=0.5), ReplicaStats("cuda:0", "lost", 4, 1.5, restarts=2))


def test_counts_add_up_field_by_field():
    total, more = Stats(items=1, cost=10, compute_s=2.0), Counts(items=2, failed=1, ooms=3)
    for size in (1, 2, 3, 4, 5000):
        more.batch(size, cost=size, padded_cost=2 * size)
    total.add(more)
    total.add(more)
    sizes = [2, 2, 4, *[0] * 8, 2]
    assert total == Stats(
        items=5, failed=2, batches=10, batched=10020, sizes=sizes, cost=10030, padded_cost=20040, ooms=6, compute_s=2.0
    )
    assert more.sizes == [1, 1, 2, *[0] * 8, 1], "what was added is left as it is"


def test_what_follows_from_the_counters():
    stats = Stats(cost=30, padded_cost=40, replicas=REPLICAS)
    assert (stats.padding, stats.restarts, stats.num_alive) == (0.25, 2, 1)
    assert (Stats().padding, Stats().restarts, Stats().num_alive) == (0.0, 0, 0)


@pytest.mark.parametrize(
    ("key", "value"),
    [("ooms", 5), ("padding", 0.5), ("replicas", 1), ("restarts", 2), ("items.1", 4), ("busy_s.0", 0.5)],
)
def test_a_key_of_the_former_dict_still_finds_its_counter(key, value):
    stats = Stats(ooms=5, cost=1, padded_cost=2, replicas=REPLICAS)
    with pytest.warns(DeprecationWarning, match="counters are fields of Stats"):
        assert stats[key] == value


@pytest.mark.parametrize("key", ["nothing", "items.7", "nothing.0"])
def test_a_key_that_never_was_is_a_key_error(key):
    with pytest.warns(DeprecationWarning, match="fields of Stats"), pytest.raises(KeyError):
        Stats(replicas=REPLICAS)[key]
