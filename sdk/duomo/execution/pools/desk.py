"""Submitted items in a pool: each lane is one more run among those of `map` and `stream`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from duomo.execution.base import Entry, ItemResult
from duomo.execution.pools.runs import Pace, PoolRun, ScheduledRun
from duomo.execution.scheduling.lanes import Lane
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Batch
from duomo.execution.submitting import Desk, Submitted
from duomo.outcome import Outcome


class Turns(Protocol):
    """What the desk needs of its pool; all but `turn` and `now` is called under the lock."""

    def turn(self, waiter: PoolDesk) -> None:
        """Send out what can be sent, and wait until there is news."""

    def now(self) -> float:
        """Return the time by the crew's clock."""

    def wake(self) -> None:
        """Make a `turn` that waits return."""

    def pace_of(self, options: object) -> Pace:
        """Return how fast batches with these options run."""

    def enter(self, run: PoolRun) -> None:
        """Have one more run take part."""

    def leave(self, run: PoolRun) -> None:
        """Have it take part no longer."""


class LaneRun(ScheduledRun):
    """The items of one lane."""

    def __init__(self, lane: Lane[Submitted], pace: Pace, expire: Callable[[], None]) -> None:
        super().__init__(lane.scheduler, lane.options, pace)
        self._lane = lane
        self._expire = expire

    def next_batch(self, replica: int, *, idle: bool) -> Batch | None:
        """Return what a replica should run next, of items that are not late."""
        self._expire()
        return None if self._stopped is not None else self._lane.next_batch(replica, idle=idle)

    def ran(self, cost: int, seconds: float) -> None:
        """Note how long a batch of this cost took."""
        super().ran(cost, seconds)
        self._lane.time.note(cost, seconds)


class PoolDesk(Desk):
    """Takes items in for a pool."""

    is_over = False

    def __init__(
        self,
        pool: Turns,
        policy: Policy,
        estimate: Callable[[Any], int],
        outcome: Callable[[Entry, ItemResult], Outcome[Any]],
        changed: threading.Condition,
        slo_s: float = 0.0,
    ) -> None:
        super().__init__(policy, estimate, outcome, pool.now, changed, slo_s)
        self._pool = pool
        self._runs: dict[Lane[Submitted], LaneRun] = {}

    @property
    def has_news(self) -> bool:
        """Whether there are answers to give."""
        return bool(self._late) or any(run.has_news for run in self._runs.values())

    def patience(self, alarm_s: float) -> float:
        """Return how long to wait for news: until the next deadline, `alarm_s` at most."""
        deadline = self.lanes.next_deadline()
        return alarm_s if deadline is None else max(0.0, min(alarm_s, deadline - self._now()))

    def work(self) -> None:
        """Send out what can be sent, and wait for what comes."""
        with self._changed:
            for lane in self.lanes:
                if lane not in self._runs:
                    self._runs[lane] = LaneRun(lane, self._pool.pace_of(lane.options), self.expire)
                    self._pool.enter(self._runs[lane])
        self._pool.turn(self)
        with self._changed:
            for lane, run in list(self._runs.items()):
                run.has_news = False
                if run.error is not None:
                    self.refuse(lane, run.error)

    def wake(self) -> None:
        """Make a `work` that waits look at what has come."""
        self._pool.wake()

    def forget(self, lane: Lane[Submitted]) -> None:
        """Take a lane's run out of the pool."""
        run = self._runs.pop(lane, None)
        if run is not None:  # nothing of it was asked for before a fault of ours
            self._pool.leave(run)
