"""Batches to replicas and answers back: whichever caller of a pool waits looks after the crew for all of them."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from duomo.counting import counted
from duomo.errors import SystemicError
from duomo.execution.pools.crew import Crew, Event, not_restarted, unsendable
from duomo.execution.pools.interrupts import Held, let_through
from duomo.execution.pools.replicas import InFlight, ReplicaTable
from duomo.execution.pools.runs import Pace, PoolRun
from duomo.execution.progress import LOG, log_batch
from duomo.execution.scheduling.intake import PATIENCE_S
from duomo.execution.scheduling.policy import same_options
from duomo.execution.stats import ReplicaStats, Stats
from duomo.execution.submitting import PREPARE_SHARE, closed

MOST_PACES = 16
"""Different options that a pool remembers the pace of."""
LOOK_S = 1.0
"""How often it looks for workers that hang."""


class Waiter(Protocol):
    """Who waits in a `turn`: one run, or the desk for all of its own."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""

    @property
    def has_news(self) -> bool:
        """Whether there is something to collect."""

    def patience(self, alarm_s: float) -> float:
        """Return how long to wait for news; `alarm_s` at most."""


class Exchange:
    """The runs that take part, and the replicas that work for them.

    Args:
        crew: the replicas, wherever they are.
        max_restarts: how often in a row one is started again.
        hang_floor_s: the least time that a batch may take.
    """

    table: ReplicaTable
    """What each replica is doing, once the crew has started."""

    def __init__(self, crew: Crew, max_restarts: int, hang_floor_s: float) -> None:
        self._crew = crew
        self._max_restarts = max_restarts
        self._hang_floor_s = hang_floor_s
        self.is_closed = False
        self.changed = threading.Condition(threading.RLock())
        """Guards all of this and the runs; tells those who wait."""
        self._runs: deque[PoolRun] = deque()
        self._paces: deque[tuple[object, Pace]] = deque(maxlen=MOST_PACES)
        self._tickets = itertools.count()
        self._waiting = self._told = False
        self._next_look = 0.0
        self._total = Stats()

    def open(self, prefetch: int) -> None:
        """Keep a table of the replicas, which have started; each may have `prefetch` batches beside the one it runs."""
        self.table = ReplicaTable(self._crew.size, prefetch, self._max_restarts, self._hang_floor_s)

    def close(self) -> None:
        """End all runs, and have no other take part."""
        with self.changed:
            self.is_closed = True
            for run in self._runs:
                run.stop(closed())
            self.wake()
            if self._waiting:
                self.changed.wait_for(lambda: not self._waiting, timeout=2 * LOOK_S)

    def stats(self) -> Stats:
        """Counters since ``start``, runs in progress included."""
        with self.changed:
            total = dataclasses.replace(self._total)
            for run in self._runs:
                total.add(run.counts)
        now = self._crew.now()
        total.in_flight = self.table.num_flying
        total.bytes_moved = self._crew.bytes_moved()
        total.replicas = tuple(
            ReplicaStats(
                self._crew.devices(replica),
                seat.state,
                seat.items,
                seat.busy_s + (now - seat.since if seat.flying else 0.0),
                seat.restarts,
            )
            for replica, seat in enumerate(self.table.seats)
        )
        return total

    def enter(self, run: PoolRun) -> None:
        """Have one more run take part."""
        with self.changed:
            if self.is_closed:
                raise closed()
            self._runs.append(run)

    def leave(self, run: PoolRun) -> None:
        """Have a run take part no longer: what is still on its way for it will be dropped when it comes."""
        with self.changed:
            run.is_gone = True
            self._runs.remove(run)
            self._total.add(run.counts)

    def now(self) -> float:
        """Return the time by the crew's clock."""
        return self._crew.now()

    @property
    def prepares_long(self) -> bool:
        """Whether batches take so long to prepare that it is done beside the one before."""
        return self._total.prepare_s > PREPARE_SHARE * self._total.compute_s

    def pace_of(self, options: object) -> Pace:
        """Return how fast batches with these options run, as far as that is known from earlier runs."""
        with self.changed:
            for known, pace in self._paces:
                if same_options(known, options):
                    return pace
            self._paces.appendleft((options, Pace()))
            return self._paces[0][1]

    def wake(self) -> None:
        """Make a `turn` that waits return; called under the lock."""
        self.changed.notify_all()
        if self._waiting and not self._told:  # once a wait: a crew may be woken through a pipe, which gets full
            self._told = True
            self._crew.wake()

    def turn(self, waiter: Waiter) -> None:
        """Hand out what can be handed out, then wait until something happens, unless there is more to read."""
        with self.changed:
            if self.is_closed:
                return
            self._restart()
        with Held():
            self._wait(waiter)

    def _wait(self, waiter: Waiter) -> None:
        with self.changed:
            self._dispatch()
            if waiter.is_over or waiter.has_news:
                return
            if self._waiting:  # another thread looks after the crew, and tells
                with let_through():
                    self.changed.wait(waiter.patience(PATIENCE_S))
                return
            self._waiting, self._told = True, False
            timeout = waiter.patience(self.table.next_alarm(self._crew.now()))
        events: list[Event] = []
        try:
            events = self._crew.wait(timeout)
        finally:
            with self.changed:
                self._waiting = False
                self._handle_all(events)
                self._look_for_hangs()
                self.changed.notify_all()

    def _dispatch(self) -> None:
        """Give each replica with room what waits, one run after another."""
        self._runs.rotate(-1)
        for run in tuple(self._runs):
            while (replica := self.table.pick()) is not None:
                idle = self.table.is_idle(replica)
                batch = run.next_batch(replica, idle=idle)
                if batch is None:
                    break
                ticket = next(self._tickets)
                try:
                    run.send(self._crew, replica, ticket, batch)
                except Exception as error:  # an item that cannot be sent, such as one with an open file in it
                    run.raised(batch, unsendable(error), out_of_memory=False)
                    continue
                sent = InFlight(ticket, run, batch, run.cost(batch))
                self.table.sent(replica, sent, self._crew.now(), alone=batch.alone)

    def _handle_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self._handle(event)

    def _handle(self, event: Event) -> None:
        now, replica = self._crew.now(), event.replica
        if event.kind == "lost":
            self._mark_dead(event, now)
        elif event.kind == "ready":
            self.table.is_ready(replica, now)
        elif event.kind == "part":
            seat = self.table.seats[replica]
            if seat.flying and seat.flying[0].ticket == event.ticket:
                seat.since = now
                seat.flying[0].run.part(event.part)
        else:
            ran = event.kind == "done"
            sent = self.table.answered(replica, event.ticket, now, took=event.compute_s, ran=ran)
            if sent is None or sent.run.is_gone:
                return
            oom = event.out_of_memory
            if count := len(sent.batch.entries):
                log_batch(count, event.item_results, event.error, replica, out_of_memory=oom)
            if ran:
                self.table.seats[replica].items += len(event.item_results)
                self._total.prepare_s += event.prepare_s
                self._total.compute_s += event.compute_s
                sent.run.done(sent.batch, event.item_results)
            else:
                assert event.error is not None
                sent.run.raised(sent.batch, event.error, out_of_memory=oom)

    def _mark_dead(self, event: Event, now: float) -> None:
        """Note that a replica died: only its oldest batch can be to blame, the rest runs again."""
        why = event.error.why if event.error else "the process died"
        LOG.warning("worker %d on %s was lost: %s", event.replica, self._crew.devices(event.replica), why)
        had = self.table.died(event.replica, now, why)
        for place, sent in enumerate(had):
            if not sent.run.is_gone:
                blame = event.blame and place == 0
                sent.run.lost(sent.batch, event.error, blame=blame, suspect=event.blame)

    def _restart(self) -> None:
        now = self._crew.now()
        for replica in self.table.rested(now):
            try:
                self._crew.restart(replica)
                LOG.info("worker %d on %s is started again", replica, self._crew.devices(replica))
            except (OSError, EOFError) as error:  # too many processes or files: later there may be fewer
                self._mark_dead(Event("lost", replica, error=not_restarted(error)), now)
        if self.table.all_lost:
            for run in self._runs:
                run.stop(self._no_worker_left(self.table.seats[0].why))

    def _look_for_hangs(self) -> None:
        now = self._crew.now()
        if now < self._next_look or self.is_closed:
            return
        self._next_look = now + min(LOOK_S, self._hang_floor_s)
        for replica, why in self.table.overdue(now):
            self._crew.kill(replica, why)

    def _no_worker_left(self, why: str) -> SystemicError:
        num = self._crew.size
        return SystemicError(
            f"the run was stopped: no worker is left of {num}",
            why=f"each died {counted(self._max_restarts + 1, 'time')} in a row; the last: {why}",
            fix="run a few items with executor='inline' to see what happens",
        )
