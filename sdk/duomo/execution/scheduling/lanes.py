"""Items of many callers that share batches: pure, as the scheduler is.

Items with equal options are in one lane, which is a scheduler without an end. A driver feeds the lanes and does as
they say::

    lanes.add(ticket, entry, options, cost=…, caller=…)      # whenever someone asks
    lanes.drop(ticket)                                       # they left: it is not computed unless it has begun
    for ticket, item_result in lanes.expire(now): ...        # what waited too long, uncomputed
    lane, batch = lanes.next_batch()                         # run it, then tell `lane.scheduler` how it went
    for ticket, item_result in lanes.answers(): ...          # as they come, in any order

A ticket is whatever the driver knows an item by.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from duomo.errors import DeadlinePassed
from duomo.execution.base import Entry, ItemResult
from duomo.execution.scheduling.batch_time import BatchTime
from duomo.execution.scheduling.policy import Policy, same_options
from duomo.execution.scheduling.scheduler import Batch, Scheduler
from duomo.execution.scheduling.turns import TOGETHER, Mark, Turns
from duomo.outcome import ItemError

MOST_IDLE = 16
"""Lanes that are kept although nothing is in them: their schedulers have learned what fits into memory."""
AHEAD = 4
"""Batches for each worker that are offered to the scheduler, to choose alike items from; the rest waits its turn."""
LEAST_DEADLINES = 64
"""Deadlines that are kept whether anything still waits for them or not; of more, at most as many as items wait."""
SLO_SHARE = 0.25
"""Share of the time of an item that its batch may take: it also waits for the batch that runs."""
_BEHIND = -1
T = TypeVar("T")


@dataclasses.dataclass(slots=True, eq=False)
class _Item(Mark, Generic[T]):
    """An item that waits, or runs."""

    ticket: T = dataclasses.field(kw_only=True)
    entry: Entry = dataclasses.field(kw_only=True)
    size: int = dataclasses.field(kw_only=True)
    lane: Lane[T] = dataclasses.field(kw_only=True)
    index: int = _BEHIND
    """In the scheduler, or `_BEHIND`: it was not offered yet."""


class Lane(Generic[T]):
    """Items with equal options. The oldest by `Turns` is in the next batch, with those that are alike.

    Args:
        options: of all its items.
        policy: bounds of a batch.
        slo_s: seconds in which an item is to be answered; 0 for none.
    """

    def __init__(self, options: object, policy: Policy, slo_s: float = 0.0) -> None:
        self.options = options
        self.scheduler = Scheduler(policy)
        self.time = BatchTime()
        """To be told of each batch that ran."""
        self._slo_s = slo_s
        self._offered: dict[int, _Item[T]] = {}
        """Index in the scheduler → item."""
        self._turns = Turns()
        self._behind: list[tuple[float, int, _Item[T]]] = []
        """A heap of what was not offered yet; some of it was taken back."""
        self._num_offered = self._num_inside = 0
        self._order = itertools.count()

    @property
    def is_idle(self) -> bool:
        """Whether all that was added is answered or dropped."""
        return not self._num_inside

    @property
    def is_full(self) -> bool:
        """Whether what waits fills the next batch, so that it gains nothing from more."""
        scheduler, full = self.scheduler, TOGETHER * self.time.usual_cost
        return scheduler.num_waiting >= scheduler.policy.max_items or 0 < full <= scheduler.cost_waiting

    def add(self, ticket: T, entry: Entry, cost: int, size: int, caller: str) -> _Item[T]:
        """Add an item."""
        item = _Item(caller, max(1, cost), ticket=ticket, entry=entry, size=size, lane=self)
        self._num_inside += 1
        self._turns.place(item)
        heapq.heappush(self._behind, (item.start, next(self._order), item))
        if item.start <= self._turns.now or len(self._behind) == 1:  # else there was no room before it either
            self._offer()
        return item

    def drop(self, item: _Item[T]) -> bool:
        """Take an item back, if no batch has it yet; gives whether it was."""
        if item.index == _BEHIND:
            self.scheduler.counts.dropped += 1
        elif self.scheduler.drop(item.index):
            del self._offered[item.index]
        else:
            return False
        self._num_inside -= 1
        self._turns.drop(item)
        return True

    def next_batch(self, worker: int = 0, *, idle: bool = True) -> Batch | None:
        """Return what `worker` should run next, as `Scheduler.next_batch`."""
        self._offer()
        batch = self.scheduler.next_batch(worker, idle=idle, most_cost=self._most_cost())
        if batch is not None:
            items = [self._offered[entry.index] for entry in batch.entries if entry.index in self._offered]
            self._turns.serve([each for each in items if each.waits])
        return batch

    def answers(self) -> Iterator[tuple[T, ItemResult]]:
        """Return what has settled since the last time."""
        for entry, item_result in self.scheduler.settled():
            self._num_inside -= 1
            yield self._offered.pop(entry.index).ticket, item_result
        deque(self.scheduler.emit(), maxlen=0)  # in order, only so that it is forgotten

    def _offer(self) -> None:
        """Offer what has its turn now, and more until the next batches are full."""
        scheduler, turns, behind = self.scheduler, self._turns, self._behind
        most_items, most_cost = self._ahead()
        while behind:
            start, _, item = behind[0]
            if item.waits:
                is_full = scheduler.num_waiting >= most_items or scheduler.cost_waiting >= most_cost
                if is_full and start > turns.now:
                    return
                item.index = self._num_offered
                self._offered[item.index] = item
                self._num_offered += 1
                turns.offer(item)
                scheduler.offer(Entry(item.index, *item.entry[1:]), item.cost, item.size, start)
            heapq.heappop(behind)

    def _ahead(self) -> tuple[int, float]:
        """Items and cost of them that the scheduler may choose from."""
        policy, usual = self.scheduler.policy, self.time.usual_cost
        ahead = AHEAD * policy.workers
        bound = min(usual or policy.budget, policy.budget or usual)
        return ahead * policy.max_items, ahead * bound or math.inf

    def _most_cost(self) -> int:
        """Return the cost of the next batch; 0 for no bound.

        It is what `Turns.most_cost` gives, or with a target a share of that, unless those who have their turn could not
        be answered in time with batches so small: they do less work a second.
        """
        time, slo_s = self.time, self._slo_s
        most = self._turns.most_cost(time.usual_cost, time.cost_within(0.0))
        small = time.cost_within(slo_s * SLO_SHARE) if slo_s else 0
        return small if 0 < small < most and time.seconds(self._turns.due, small) < slo_s / 2 else most


class Lanes(Generic[T]):
    """A lane for each set of options, which take turns.

    Args:
        policy: bounds of a batch.
        slo_s: seconds in which an item is to be answered; 0 for none.
    """

    def __init__(self, policy: Policy, slo_s: float = 0.0) -> None:
        self._policy = policy
        self._slo_s = slo_s
        self._lanes: deque[Lane[T]] = deque()
        self._places: dict[T, _Item[T]] = {}
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
        caller: str = "",
    ) -> Lane[T]:
        """Add an item to the lane of its options.

        Args:
            ticket: hashable, and of this item only.
            entry: its index does not count.
            options: compared by equality.
            cost: as for `Scheduler.offer`.
            size: the same.
            deadline: when it need not be computed any more, on the clock of `expire`.
            caller: whose it is; callers have equal shares of the work.
        """
        lane = self._lane(options)
        self._places[ticket] = lane.add(ticket, entry, cost, size, caller)
        if deadline is not None:
            heapq.heappush(self._deadlines, (deadline, next(self._order), ticket))
            if len(self._deadlines) > 2 * len(self._places) + LEAST_DEADLINES:
                self._deadlines = [each for each in self._deadlines if each[2] in self._places]
                heapq.heapify(self._deadlines)
        return lane

    def drop(self, ticket: T) -> bool:
        """Take an item back, if no batch has it yet; gives whether it was."""
        item = self._places.get(ticket)
        if item is None or not item.lane.drop(item):
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
            batch = lane.next_batch(worker, idle=idle)
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
        tickets = [ticket for ticket, item in self._places.items() if item.lane is lane]
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
            if lane.options is options or same_options(lane.options, options):
                return lane
        lane = Lane[T](options, self._policy, self._slo_s)
        self._lanes.append(lane)
        return lane


_LATE = ItemResult(
    error=ItemError.of(
        DeadlinePassed(
            "the item was not computed before its deadline",
            why="it waited for its turn until then",
            fix="give it more time, or ask for less at once",
        )
    )
)
