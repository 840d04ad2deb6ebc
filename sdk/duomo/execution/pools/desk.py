"""Submitted items in a pool: each lane is one more run among those of `map` and `stream`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from duomo.execution.base import Entry, ItemResult
from duomo.execution.pools.exchange import Exchange
from duomo.execution.pools.runs import ScheduledRun
from duomo.execution.scheduling.lanes import Lane
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Batch
from duomo.execution.submitting import Desk, Submitted
from duomo.outcome import Outcome


class LaneRun(ScheduledRun):
    """The items of one lane."""

    def __init__(self, lane: Lane[Submitted], exchange: Exchange, desk: PoolDesk) -> None:
        super().__init__(lane.scheduler, lane.options, exchange.pace_of(lane.options))
        self._lane = lane
        self._exchange = exchange
        self._desk = desk

    def next_batch(self, replica: int, *, idle: bool) -> Batch | None:
        """Return what a replica should run next, of items that are not late.

        One that computes is given more only where that is a full batch, or takes long to prepare: what comes until it
        is done shares a batch with what waits.
        """
        self._desk.expire()
        is_early = not (idle or self._lane.is_full or self._exchange.prepares_long)
        if self._stopped is not None or is_early or self._desk.gather_s():
            return None
        return self._lane.next_batch(replica, idle=idle)

    def ran(self, cost: int, seconds: float) -> None:
        """Note how long a batch of this cost took."""
        super().ran(cost, seconds)
        self._lane.time.note(cost, seconds)
        self._desk.start_s = self._lane.time.start_s


class PoolDesk(Desk):
    """Takes items in for a pool."""

    is_over = False

    def __init__(
        self,
        exchange: Exchange,
        policy: Policy,
        estimate: Callable[[Any], int],
        outcome: Callable[[Entry, ItemResult], Outcome[Any]],
        slo_s: float = 0.0,
    ) -> None:
        super().__init__(policy, estimate, outcome, exchange.now, exchange.changed, slo_s)
        self._exchange = exchange
        self._runs: dict[Lane[Submitted], LaneRun] = {}

    @property
    def has_news(self) -> bool:
        """Whether there are answers to give."""
        return bool(self._late) or any(run.has_news for run in self._runs.values())

    def patience(self, alarm_s: float) -> float:
        """Return how long to wait for news: until the next deadline, or somebody is waited for; `alarm_s` at most."""
        deadline = self.lanes.next_deadline()
        soon = min(alarm_s, self.gather_s() or alarm_s)
        return soon if deadline is None else max(0.0, min(soon, deadline - self._now()))

    def work(self) -> None:
        """Send out what can be sent, and wait for what comes."""
        with self._changed:
            for lane in self.lanes:
                if lane not in self._runs:
                    self._runs[lane] = LaneRun(lane, self._exchange, self)
                    self._exchange.enter(self._runs[lane])
        self._exchange.turn(self)
        with self._changed:
            for lane, run in list(self._runs.items()):
                run.has_news = False
                if run.error is not None:
                    self.refuse(lane, run.error)

    def wake(self) -> None:
        """Make a `work` that waits look at what has come."""
        self._exchange.wake()

    def forget(self, lane: Lane[Submitted]) -> None:
        """Take a lane's run out of the pool."""
        run = self._runs.pop(lane, None)
        if run is not None:  # nothing of it was asked for before a fault of ours
            self._exchange.leave(run)
