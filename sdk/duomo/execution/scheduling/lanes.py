"""Items of many callers that share batches: pure, as the scheduler is.

Items with equal options are in one lane, which is a scheduler without an end. A driver feeds the lanes and does as
they say::

    lanes.add(ticket, entry, options, cost=…, deadline=…)    # whenever somebody asks
    lanes.drop(ticket)                                       # they left: it is not computed unless it has begun
    for ticket, item_result in lanes.expire(now): ...        # what waited too long, uncomputed
    lane, batch = lanes.next_batch()                         # run it, then tell `lane.scheduler` how it went
    for ticket, item_result in lanes.answers(): ...          # as they come, in any order

A ticket is whatever the driver knows an item by.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from duomo.errors import DeadlinePassed
from duomo.execution.base import Entry, ItemResult
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Batch, Scheduler
from duomo.outcome import ItemError

MOST_IDLE = 16
"""Lanes that are kept although nothing is in them: their schedulers have learned what fits into memory."""
T = TypeVar("T")


class Lane(Generic[T]):
    """Items with equal options."""

    def __init__(self, options: object, policy: Policy) -> None:
        self.options = options
        self.scheduler = Scheduler(policy)
        self._tickets: dict[int, T] = {}
        self._num = 0

    @property
    def is_idle(self) -> bool:
        """Whether all that was added is answered or dropped."""
        return not self._tickets

    def add(self, ticket: T, entry: Entry, cost: int, size: int) -> int:
        """Add an item; gives the index that it has here."""
        index, self._num = self._num, self._num + 1
        self._tickets[index] = ticket
        self.scheduler.offer(entry._replace(index=index), cost, size)
        return index

    def drop(self, index: int) -> bool:
        """Take an item back, if no batch has it yet; gives whether it was."""
        return self.scheduler.drop(index) and self._tickets.pop(index, None) is not None

    def answers(self) -> Iterator[tuple[T, ItemResult]]:
        """Return what has settled since the last time."""
        for entry, item_result in self.scheduler.settled():
            yield self._tickets.pop(entry.index), item_result
        deque(self.scheduler.emit(), maxlen=0)  # in order, only so that it is forgotten


class Lanes(Generic[T]):
    """A lane for each set of options, which take turns."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._lanes: deque[Lane[T]] = deque()
        self._places: dict[T, tuple[Lane[T], int]] = {}
        self._deadlines: list[tuple[float, int, T]] = []
        """A heap; some of its tickets are gone already."""
        self._order = itertools.count()

    def __iter__(self) -> Iterator[Lane[T]]:
        return iter(self._lanes)

    @property
    def is_idle(self) -> bool:
        """Whether all that was added is answered or dropped."""
        return not self._places

    def add(
        self,
        ticket: T,
        entry: Entry,
        options: object,
        *,
        cost: int = 1,
        size: int = 0,
        deadline: float | None = None,
    ) -> Lane[T]:
        """Add an item to the lane of its options.

        Args:
            ticket: hashable, and of this item only.
            entry: its index does not count.
            options: compared by equality.
            cost: as for `Scheduler.offer`.
            size: the same.
            deadline: when it need not be computed any more, on the clock of `expire`.
        """
        lane = self._lane(options)
        self._places[ticket] = lane, lane.add(ticket, entry, cost, size)
        if deadline is not None:
            heapq.heappush(self._deadlines, (deadline, next(self._order), ticket))
        return lane

    def drop(self, ticket: T) -> bool:
        """Take an item back, if no batch has it yet; gives whether it was."""
        lane, index = self._places.get(ticket, (None, 0))
        if lane is None or not lane.drop(index):
            return False
        del self._places[ticket]
        return True

    def expire(self, now: float) -> list[tuple[T, ItemResult]]:
        """Take back what has waited past its deadline; what has begun goes on."""
        late: list[tuple[T, ItemResult]] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            ticket = heapq.heappop(self._deadlines)[2]
            if self.drop(ticket):
                late.append((ticket, _LATE))
        return late

    def next_deadline(self) -> float | None:
        """When `expire` may next have something to give."""
        while self._deadlines and self._deadlines[0][2] not in self._places:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def next_batch(self, worker: int = 0, *, idle: bool = True) -> tuple[Lane[T], Batch] | None:
        """Return what `worker` should run next, as `Scheduler.next_batch`; the lanes take turns."""
        for _ in range(len(self._lanes)):
            lane = self._lanes[0]
            self._lanes.rotate(-1)
            batch = lane.scheduler.next_batch(worker, idle=idle)
            if batch is not None:
                return lane, batch
        return None

    def answers(self) -> list[tuple[T, ItemResult]]:
        """Return what has settled since the last time, in any order."""
        found = [each for lane in self._lanes for each in lane.answers()]
        for ticket, _ in found:
            del self._places[ticket]
        return found

    def close(self) -> list[T]:
        """Take back all that no batch has yet."""
        return [ticket for ticket in list(self._places) if self.drop(ticket)]

    def abandon(self, lane: Lane[T]) -> list[T]:
        """Forget a lane and take back all that is in it: nothing of it will be computed any more."""
        tickets = [ticket for ticket, place in self._places.items() if place[0] is lane]
        for ticket in tickets:
            del self._places[ticket]
        self._lanes.remove(lane)
        return tickets

    def prune(self) -> list[Lane[T]]:
        """Forget lanes that nothing is in, all but the last `MOST_IDLE`; gives those that were forgotten."""
        idle = [lane for lane in self._lanes if lane.is_idle]
        gone = idle[: max(0, len(idle) - MOST_IDLE)]
        for lane in gone:
            self._lanes.remove(lane)
        return gone

    def _lane(self, options: object) -> Lane[T]:
        for lane in self._lanes:
            if same_options(lane.options, options):
                return lane
        lane = Lane[T](options, self._policy)
        self._lanes.append(lane)
        return lane


def same_options(one: object, other: object) -> bool:
    """Whether items with these options may share a batch."""
    try:
        return one is other or bool(one == other)
    except Exception:  # arrays among the options, say: they have no one truth value
        return False


_LATE = ItemResult(
    error=ItemError.of(
        DeadlinePassed(
            "the item was not computed before its deadline",
            why="it waited for its turn until then",
            fix="give it more time, or ask for less at once",
        )
    )
)
