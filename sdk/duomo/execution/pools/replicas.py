"""Which copies of the model are there, what each is doing, and which should get work next: a pure object.

Time is a number that the caller brings, so a simulation drives it as well as the clock does.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from duomo.execution.pools.runs import PoolRun
    from duomo.execution.scheduling.scheduler import Batch

BACKOFF_S = (0.0, 0.1, 0.5, 2.0, 5.0)
"""Seconds that a replica rests after its first, second … death in a row."""
MAX_RESTARTS = 8
"""Deaths of a replica in a row, with no batch done in between, after which it is given up."""
HANG_FLOOR_S = 60.0
"""Seconds before which no batch, and no part of a stream, is taken to hang."""
HANG_FACTOR = 20.0
"""A batch may take this many times as long as one of its cost took so far with its options …"""
FIRST_FACTOR = 10.0
"""… and the first one with these options this many times the floor, as may the start of a replica."""


class InFlight(NamedTuple):
    """A batch on its way."""

    ticket: int
    run: PoolRun
    batch: Batch
    cost: int


class ReplicaState:
    """One replica."""

    __slots__ = ("alone", "busy_s", "deaths", "flying", "is_warm", "items", "restarts", "since", "state", "why")

    def __init__(self) -> None:
        self.state = "ready"
        """``ready``, ``resting`` (it died), ``starting`` or ``lost`` (given up)."""
        self.flying: deque[InFlight] = deque()
        """Unanswered, oldest first."""
        self.alone = False
        """Whether it runs a batch that nothing may stand beside."""
        self.is_warm = False
        """Whether it has answered since it started."""
        self.since = 0.0
        """When the oldest began, or the last part of a stream came."""
        self.deaths = 0
        self.restarts = 0
        self.items = 0
        self.busy_s = 0.0
        self.why = ""
        """How it last died."""


class ReplicaTable:
    """All replicas of one pool. No method looks at all of them but `overdue`, which is rarely asked."""

    def __init__(
        self, size: int, depth: int, max_restarts: int = MAX_RESTARTS, hang_floor_s: float = HANG_FLOOR_S
    ) -> None:
        self.seats = [ReplicaState() for _ in range(size)]
        self._depth = max(1, depth)
        self._max_restarts = max_restarts
        self._floor = hang_floor_s
        self._open: list[dict[int, None]] = [{} for _ in range(self._depth)]
        """Replicas with room for more by number of batches in flight, longest waiting first."""
        self._open[0] = dict.fromkeys(range(size))
        self._resting: list[tuple[float, int]] = []
        self.num_flying = 0
        self.num_lost = 0

    def pick(self) -> int | None:
        """Pick the replica with the least to do, if any has room."""
        for level in self._open:
            if level:
                return next(iter(level))
        return None

    def is_idle(self, replica: int) -> bool:
        """Say whether a replica has nothing to do."""
        return not self.seats[replica].flying

    def sent(self, replica: int, sent: InFlight, now: float, *, alone: bool = False) -> None:
        """Note that a batch is on its way; `alone` lets nothing else in until it is back."""
        seat = self.seats[replica]
        self._shut(replica)
        if not seat.flying:
            seat.since = now
        seat.flying.append(sent)
        seat.alone = alone
        self.num_flying += 1
        self._reopen(replica)

    def answered(
        self, replica: int, ticket: int, now: float, *, took: float = 0.0, ran: bool = True
    ) -> InFlight | None:
        """Note that the batch with this ticket came back; gives it, or None for one that was given up.

        Args:
            replica: that answered.
            ticket: of the batch.
            now: the time.
            took: seconds, as the worker has measured them: the driver may have looked away in between.
            ran: whether it ran to its end. One that raised says nothing of how long batches take.
        """
        seat = self.seats[replica]
        if not (seat.flying and seat.flying[0].ticket == ticket):
            return None
        self._shut(replica)
        sent = seat.flying.popleft()
        self.num_flying -= 1
        seat.alone = False
        seat.deaths = 0
        took = took or now - seat.since
        seat.busy_s += took
        seat.is_warm = seat.is_warm or (ran and sent.run.warms)
        if ran:
            sent.run.ran(sent.cost, took)
        seat.since = now
        self._reopen(replica)
        return sent

    def died(self, replica: int, now: float, why: str) -> list[InFlight]:
        """Take back what a dead replica had, oldest first; it rests, or is given up after too many deaths in a row."""
        seat = self.seats[replica]
        if seat.state == "lost":
            return []
        self._shut(replica)
        had = list(seat.flying)
        self.num_flying -= len(had)
        seat.flying.clear()
        seat.alone = seat.is_warm = False
        seat.why = why
        seat.deaths += 1
        if seat.deaths > self._max_restarts:
            seat.state = "lost"
            self.num_lost += 1
        else:
            seat.state = "resting"
            rest = BACKOFF_S[min(seat.deaths, len(BACKOFF_S)) - 1]
            heapq.heappush(self._resting, (now + rest, replica))
        return had

    def rested(self, now: float) -> list[int]:
        """Give those that should be started again now."""
        due = []
        while self._resting and self._resting[0][0] <= now:
            replica = heapq.heappop(self._resting)[1]
            self.seats[replica].state = "starting"
            self.seats[replica].restarts += 1
            self.seats[replica].since = now
            due.append(replica)
        return due

    def is_ready(self, replica: int, now: float) -> None:
        """Note that a replica has started again."""
        seat = self.seats[replica]
        seat.state, seat.since = "ready", now
        self._reopen(replica)

    def next_alarm(self, now: float) -> float:
        """Give the seconds until a replica has rested; a second when none is resting."""
        return max(0.0, min(1.0, self._resting[0][0] - now)) if self._resting else 1.0

    def overdue(self, now: float) -> list[tuple[int, str]]:
        """Find replicas that have worked on one batch, or on their start, for too long; with the reason for each."""
        late = []
        for replica, seat in enumerate(self.seats):
            if seat.state == "starting" and now - seat.since > FIRST_FACTOR * self._floor:
                late.append((replica, f"it took more than {FIRST_FACTOR * self._floor:.3g} s to start"))
            if seat.state == "ready" and seat.flying:
                oldest = seat.flying[0]
                # A stream has no cost; its next part should come within the floor.
                is_known = bool(oldest.run.pace) if oldest.cost else seat.is_warm
                predicted = HANG_FACTOR * oldest.run.pace * oldest.cost
                allowed = max(self._floor, predicted if is_known else FIRST_FACTOR * self._floor)
                if now - seat.since > allowed:
                    late.append((replica, f"it took more than {allowed:.3g} s for one batch"))
        return late

    @property
    def all_lost(self) -> bool:
        """Whether every replica was given up."""
        return self.num_lost == len(self.seats)

    def _shut(self, replica: int) -> None:
        level = len(self.seats[replica].flying)
        if level < self._depth:
            self._open[level].pop(replica, None)

    def _reopen(self, replica: int) -> None:
        seat = self.seats[replica]
        if seat.state == "ready" and not seat.alone and len(seat.flying) < self._depth:
            self._open[len(seat.flying)][replica] = None
