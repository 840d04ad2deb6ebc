"""Which rows a step reads is a function of the seed and the step."""

import hypothesis.strategies as st
from hypothesis import given

from duomo.training import Order
from duomo.training.order import mix, share

SIZES = st.integers(1, 40)


@given(SIZES, st.integers(1, 9), st.integers(0, 3), st.integers(0, 99))
def test_each_epoch_reads_each_row_once(num_rows, batch, epoch, seed):
    order = Order(seed, num_rows, batch)
    first = epoch * order.steps_per_epoch
    steps = range(first, first + order.steps_per_epoch)
    read = [row for step in steps for row in order.rows(step)]
    assert sorted(read) == list(range(num_rows))
    assert {order.epoch(step) for step in steps} == {epoch}
    assert [order.is_last_of_epoch(step) for step in steps] == [False] * (len(steps) - 1) + [True]


def test_epochs_and_seeds_have_orders_of_their_own():
    order = Order(0, 1000, 1000)
    assert order.rows(0) != order.rows(1)
    assert order.rows(0) != Order(1, 1000, 1000).rows(0)
    assert order.rows(0) == Order(0, 1000, 1000).rows(0)


def test_seeds_of_rows_and_steps_never_meet():
    order = Order(0, 100, 10)
    rows = [order.row_seed(step, row) for step in (0, 10, 20) for row in range(100)]
    steps = [order.step_seed(step, part, rank) for step in range(30) for part in range(2) for rank in range(2)]
    assert len({*rows, *steps}) == len(rows) + len(steps)
    assert order.row_seed(0, 5) == order.row_seed(9, 5), "a row has one seed in an epoch, whichever step reads it"


def test_a_seed_is_the_same_on_every_machine():
    assert mix(0, "order", 0) == 1829853113658518448


@given(st.lists(st.integers()), st.integers(1, 5))
def test_the_shares_of_the_ranks_make_up_the_batch(rows, ranks):
    parts = [share(rows, rank, ranks) for rank in range(ranks)]
    assert [row for part in parts for row in part] == rows
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
