"""What is taken from a source at once, and what becomes of one that is slow, large, broken or at its end."""

import itertools

import pytest

from duomo.execution.base import FLUSH, Entry, ItemResult
from duomo.execution.scheduling.intake import BURST, take
from duomo.outcome import ItemError

AMPLE = (10_000, 1 << 30)
REFUSED = ItemResult(error=ItemError("E-INPUT-MISSING", "there is no such file"))


class Item:
    """One of known size."""

    def __init__(self, nbytes: int = 0) -> None:
        self.nbytes = nbytes


def entries(*items):
    return (Entry(index, str(index), item) for index, item in enumerate(items))


def costing(cost=1):
    return lambda item: cost


def still():
    return 0.0


@pytest.mark.parametrize(("room", "expected"), [(10_000, BURST), (5, 5), (0, 1)])
def test_no_more_than_there_is_room_for_but_one_always(room, expected):
    source = entries(*map(Item, range(200)))
    taken = take(source, costing(), (room, 1 << 30), still, deadline=1.0)
    assert [entry.index for entry, _, _ in taken.items] == list(range(expected))
    assert not taken.is_over
    assert next(source).index == expected, "nothing was taken and dropped"


def test_bytes_bound_it_and_one_item_may_go_beyond():
    taken = take(entries(*[Item(40)] * 10), costing(), (10_000, 100), still, deadline=1.0)
    assert [size for _, _, size in taken.items] == [40, 40, 40]


def test_a_slow_source_is_left_at_the_deadline():
    clock = itertools.count(0.0, 2.0)
    taken = take(entries(*[Item()] * 10), costing(), AMPLE, lambda: next(clock), deadline=3.0)
    assert len(taken.items) == 2
    assert taken.gap_s == 2.0


def test_an_error_of_the_source_comes_with_what_it_gave_before():
    def source():
        yield from entries(Item(), Item())
        raise OSError("the disk is gone")

    taken = take(source(), costing(7), AMPLE, still, deadline=1.0)
    assert [cost for _, cost, _ in taken.items] == [7, 7]
    assert taken.is_over
    assert str(taken.error) == "the disk is gone"


def test_the_end_is_no_error():
    taken = take(entries(), costing(), AMPLE, still, deadline=1.0)
    assert taken == ([], 0.0, True, None, False)


def test_an_item_that_cannot_be_estimated_fails_alone():
    def estimate(item):
        if item.nbytes == 1:
            raise ZeroDivisionError("a plugin's own")
        return 3

    taken = take(entries(Item(0), Item(1), Item(2)), estimate, AMPLE, still, deadline=1.0)
    item_results = [entry.known for entry, _, _ in taken.items]
    assert item_results[0] is item_results[2] is None
    assert item_results[1].error.type == "ZeroDivisionError"


def test_what_was_refused_is_not_estimated():
    source = iter([Entry(0, "0", None, REFUSED)])
    taken = take(source, lambda item: 1 / 0, AMPLE, still, deadline=1.0)
    assert taken.items == [(Entry(0, "0", None, REFUSED), 0, 0)]


def test_a_flush_ends_the_taking_and_is_no_item():
    source = iter([Entry(0, "0", Item()), FLUSH, Entry(1, "1", Item())])
    first, second = (take(source, costing(), AMPLE, still, deadline=1.0) for _ in range(2))
    assert ([entry.index for entry, _, _ in first.items], first.is_flush) == ([0], True)
    assert ([entry.index for entry, _, _ in second.items], second.is_flush) == ([1], False)
