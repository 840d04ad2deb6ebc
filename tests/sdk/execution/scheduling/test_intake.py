"""What is taken from a source at once, and what becomes of one that is slow, large, broken or at its end."""

import contextlib
import itertools
import math

import pytest

from duomo.execution.base import FLUSH, Entry, ItemResult
from duomo.execution.scheduling.intake import BURST, MOST_SINGLES, PATIENCE_S, Reader, SourcePace, take
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Scheduler
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
    taken = take(source, lambda item: 1 / 0, AMPLE, still, deadline=1.0)  # type: ignore[arg-type, return-value]
    assert taken.items == [(Entry(0, "0", None, REFUSED), 0, 0)]


def test_a_flush_ends_the_taking_and_is_no_item():
    source = iter([Entry(0, "0", Item()), FLUSH, Entry(1, "1", Item())])
    first, second = (take(source, costing(), AMPLE, still, deadline=1.0) for _ in range(2))  # type: ignore[arg-type]
    assert ([entry.index for entry, _, _ in first.items], first.is_flush) == ([0], True)
    assert ([entry.index for entry, _, _ in second.items], second.is_flush) == ([1], False)


def test_after_a_slow_item_the_next_are_taken_one_by_one_the_more_the_slower_it_was():
    pace = SourcePace()
    pace.took(10, PATIENCE_S)
    assert not pace.is_slow
    pace.took(1, 3 * PATIENCE_S)
    slow = []
    for _ in range(4):
        slow.append(pace.is_slow)
        pace.took(1, 0.0)
    assert slow == [True, True, True, False]
    pace.took(1, 1e6)
    for _ in range(MOST_SINGLES):
        assert pace.is_slow
        pace.took(1, 0.0)
    assert not pace.is_slow, "a start that took hours makes no slow run"


class Clock:
    """Stands still but for what a source waits."""

    time_s = 0.0

    def __call__(self):
        return self.time_s


def reading(gaps, share=math.inf, **bounds):
    """A reader of items that come after these gaps, its scheduler, its clock and what was read."""
    clock, read, scheduler = Clock(), [], Scheduler(Policy(**{"max_items": 9, **bounds}))

    def source():
        for index, gap_s in enumerate(gaps):
            clock.time_s += gap_s
            read.append(index)
            yield Entry(index, str(index), "item")

    return Reader(source(), scheduler, len, clock, contextlib.nullcontext(), share), scheduler, clock, read


def work(scheduler):
    """Run all that waits, and give it out."""
    while (batch := scheduler.next_batch()) is not None:
        scheduler.settle(batch, [ItemResult()] * len(batch.entries))
    return [entry.index for entry, _ in scheduler.emit()]


def test_items_that_come_together_from_a_slow_source_do_not_wait_for_the_next():
    reader, scheduler, _, read = reading([0.0, 10.0, 0.0, 0.0, 10.0])
    given = []
    while not scheduler.finished:
        reader.fill()
        given.append((list(read), work(scheduler)))
    assert given[0] == ([0, 1], [0, 1]), "nobody could know that the second would be slow"
    assert given[1:4] == [([0, 1, 2], [2]), ([0, 1, 2, 3], [3]), ([0, 1, 2, 3, 4], [4])]


def test_a_fast_source_fills_the_window_at_once():
    reader, scheduler, _, read = reading([0.0] * 500, window_items=300)
    reader.fill()
    assert len(read) == 300
    assert not scheduler.wants_input


def test_a_slow_source_is_spared_for_a_share_of_its_gap_while_something_is_out():
    reader, scheduler, clock, read = reading([8.0, 0.0, 0.0], share=0.25)
    reader.fill()
    batch = scheduler.next_batch()
    assert reader.spared_s == 2.0
    reader.fill()
    assert read == [0]
    clock.time_s += 1.5
    assert reader.spared_s == 0.5
    clock.time_s += 0.5
    reader.fill()
    assert read == [0, 1], "the worker may be busy for long"
    scheduler.settle(batch, [ItemResult()])
    work(scheduler)
    assert reader.spared_s == 0.0, "nothing is out any more"


def test_a_reader_says_flush_and_the_end_to_its_scheduler():
    error = OSError("the disk is gone")

    def source():
        yield Entry(0, "0", "a")
        yield FLUSH
        yield Entry(1, "1", "b")
        raise error

    scheduler = Scheduler(Policy())
    reader = Reader(source(), scheduler, len, still, contextlib.nullcontext(), math.inf)
    reader.fill()
    assert not scheduler.wants_input, "it waits for what was read to be given out"
    assert work(scheduler) == [0]
    reader.fill()
    assert work(scheduler) == [1]
    assert scheduler.finished
    assert reader.error is error
