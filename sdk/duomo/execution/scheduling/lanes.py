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
AHEAD = 2
"""Batches for each worker that are offered to the scheduler; what is behind them waits for its caller's turn."""
SLO_SHARE = 0.25
"""Share of the time of an item that its batch may take: it also waits for the batch that runs and for the one after."""
_BEHIND = -1
T = TypeVar("T")


class Lane(Generic[T]):
    """Items with equal options. Its callers take turns: only so many items of a long list are offered at a time.

    Args:
        options: of all its items.
        policy: bounds of a batch.
        slo_s: seconds in which an item is to be answered; 0 for none.
    """

    def __init__(self, options: object, policy: Policy, slo_s: float = 0.0) -> None:
        self.options = options
        self.scheduler = Scheduler(policy)
        self.pace = 0.0
        """Seconds that a unit of padded cost takes, as the driver has found; 0 until it has."""
        self._slo_s = slo_s
        self._indices: dict[T, int] = {}
        """Ticket → index in the scheduler, or `_BEHIND`."""
        self._tickets: dict[int, T] = {}
        self._behind: dict[str, deque[tuple[T, Entry, int, int]]] = {}
        """Caller → what was not offered yet; some of it was taken back."""
        self._turns: deque[str] = deque()
        self._arrived: dict[T, float] = {}
        self._num = 0

    @property
    def is_idle(self) -> bool:
        """Whether all that was added is answered or dropped."""
        return not self._indices

    def add(self, ticket: T, entry: Entry, cost: int, size: int, caller: str = "", now: float = 0.0) -> None:
        """Add an item."""
        self._indices[ticket] = _BEHIND
        if self._slo_s:
            self._arrived[ticket] = now
        if caller not in self._behind:
            self._behind[caller] = deque()
            self._turns.append(caller)
        self._behind[caller].append((ticket, entry, cost, size))
        self._offer()

    def drop(self, ticket: T) -> bool:
        """Take an item back, if no batch has it yet; gives whether it was."""
        index = self._indices.get(ticket)
        if index is None or (index != _BEHIND and not self.scheduler.drop(index)):
            return False
        if index == _BEHIND:
            self.scheduler.counts.dropped += 1
        else:
            del self._tickets[index]
        self._forget(ticket)
        return True

    def next_batch(self, worker: int = 0, *, idle: bool = True, now: float = 0.0) -> Batch | None:
        """Return what `worker` should run next, as `Scheduler.next_batch`."""
        self._offer()
        return self.scheduler.next_batch(worker, idle=idle, most_cost=self._most_cost(now))

    def ran(self, batch: Batch, seconds: float) -> None:
        """Note how long a batch took, for a driver that has no pace of its own.

        The best pace of late counts: a small batch costs its start, and would make the next ones smaller still.
        """
        found = seconds / max(1, batch.padded)
        self.pace = found if not self.pace else min(found, 1.02 * self.pace)

    def answers(self) -> Iterator[tuple[T, ItemResult]]:
        """Return what has settled since the last time."""
        for entry, item_result in self.scheduler.settled():
            ticket = self._tickets.pop(entry.index)
            self._forget(ticket)
            yield ticket, item_result
        deque(self.scheduler.emit(), maxlen=0)  # in order, only so that it is forgotten

    def _forget(self, ticket: T) -> None:
        del self._indices[ticket]
        self._arrived.pop(ticket, None)

    def _offer(self) -> None:
        """Offer items, of one caller after another, until the next batches are full."""
        while self._turns and self._has_room():
            caller = self._turns[0]
            waiting = self._behind[caller]
            while waiting and waiting[0][0] not in self._indices:
                waiting.popleft()
            if waiting:
                ticket, entry, cost, size = waiting.popleft()
                index, self._num = self._num, self._num + 1
                self._tickets[index], self._indices[ticket] = ticket, index
                self.scheduler.offer(entry._replace(index=index), cost, size)
            self._turns.popleft()
            if waiting:
                self._turns.append(caller)
            else:
                del self._behind[caller]

    def _has_room(self) -> bool:
        scheduler, policy = self.scheduler, self.scheduler.policy
        ahead = AHEAD * policy.workers
        if scheduler.num_waiting >= ahead * policy.max_items:
            return False
        budget = policy.budget
        if self._slo_s and self.pace:
            slice_of = max(1, int(self._slo_s * SLO_SHARE / self.pace))
            budget = min(budget, slice_of) if budget else slice_of
        return not budget or scheduler.cost_waiting < ahead * budget

    def _most_cost(self, now: float) -> int:
        """Return the cost of a batch that leaves the oldest item enough of its time; 0 for no bound.

        Half of the usual share is the least: small batches make all the others late. Where the oldest is late already,
        larger ones get through the rest sooner.
        """
        if not self._slo_s or not self.pace or not self._arrived:
            return 0
        usual = self._slo_s * SLO_SHARE
        left = self._slo_s - (now - next(iter(self._arrived.values())))
        share = 2 * usual if left <= 0 else min(usual, max(left, usual / 2))
        return max(1, int(share / self.pace))


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
        self._places: dict[T, Lane[T]] = {}
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
        now: float = 0.0,
    ) -> Lane[T]:
        """Add an item to the lane of its options.

        Args:
            ticket: hashable, and of this item only.
            entry: its index does not count.
            options: compared by equality.
            cost: as for `Scheduler.offer`.
            size: the same.
            deadline: when it need not be computed any more, on the clock of `expire`.
            caller: whose it is; callers take turns.
            now: the time, on the same clock.
        """
        lane = self._lane(options)
        self._places[ticket] = lane
        lane.add(ticket, entry, cost, size, caller, now)
        if deadline is not None:
            heapq.heappush(self._deadlines, (deadline, next(self._order), ticket))
        return lane

    def drop(self, ticket: T) -> bool:
        """Take an item back, if no batch has it yet; gives whether it was."""
        lane = self._places.get(ticket)
        if lane is None or not lane.drop(ticket):
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

    def next_batch(self, worker: int = 0, *, idle: bool = True, now: float = 0.0) -> tuple[Lane[T], Batch] | None:
        """Return what `worker` should run next, as `Scheduler.next_batch`; the lanes take turns."""
        for _ in range(len(self._lanes)):
            lane = self._lanes[0]
            self._lanes.rotate(-1)
            batch = lane.next_batch(worker, idle=idle, now=now)
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
        tickets = [ticket for ticket, place in self._places.items() if place is lane]
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
        lane = Lane[T](options, self._policy, self._slo_s)
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
