"""One scheduler over many copies of a model, wherever they run.

A pool knows no process, no cluster and no clock: it drives a `Crew`, which may be processes of this
machine, actors of a cluster, or devices of a simulation.
"""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from duomo.counting import counted
from duomo.errors import SystemicError, UsageProblem
from duomo.execution.base import Entry, Executor, Flush, Job
from duomo.execution.pools.crew import Crew, Event, not_restarted, unsendable
from duomo.execution.pools.desk import PoolDesk
from duomo.execution.pools.interrupts import Held, let_through
from duomo.execution.pools.replicas import HANG_FLOOR_S, MAX_RESTARTS, InFlight, ReplicaTable
from duomo.execution.pools.runs import BatchRun, Pace, PoolRun
from duomo.execution.pools.streams import CheckRun, StreamRun
from duomo.execution.progress import LOG, log_batch
from duomo.execution.scheduling.intake import PATIENCE_S, Reader
from duomo.execution.scheduling.policy import Policy, same_options
from duomo.execution.scheduling.scheduler import Scheduler
from duomo.execution.stats import ReplicaStats, Stats
from duomo.execution.submitting import PREPARE_SHARE, closed
from duomo.model import Model
from duomo.outcome import Meta, Outcome
from duomo.resolving import resolve

MOST_PACES = 16
"""Different options that a pool remembers the pace of."""
WAIT_SHARE = 0.25
"""Before a slow source is asked again, results are waited for, for this share of the time it takes for an item."""
LOOK_S = 1.0
"""How often it looks for workers that hang."""


class PoolExecutor(Executor):
    """Runs a job on a crew. Any number of threads may use it at once."""

    def __init__(self, crew: Crew, *, max_restarts: int = MAX_RESTARTS, hang_floor_s: float = HANG_FLOOR_S) -> None:
        self._crew = crew
        self._max_restarts = max_restarts
        self._hang_floor_s = hang_floor_s
        self._closed = False
        self._runs: deque[PoolRun] = deque()
        self._paces: deque[tuple[object, Pace]] = deque(maxlen=MOST_PACES)
        self._checked: deque[object] = deque(maxlen=MOST_PACES)
        self._tickets = itertools.count()
        self._changed = threading.Condition(threading.RLock())
        self._waiting = self._told = False
        self._next_look = 0.0
        self._total = Stats()
        self._desk: PoolDesk | None = None

    def load(self, job: Job) -> Meta:
        """Start the crew; every replica has loaded the model when this returns."""
        cls: type[Model[Any, Any]] = resolve(job.spec.loader, job.spec.requires, f"model '{job.spec.name}'")
        self._estimate, self._checks_options = cls.estimate, cls.check_options is not Model.check_options
        if job.plan.dims.group > 1:
            resolve("duomo.execution.sharding.group:check", ("torch",), "a model on several devices")(job)
        self._facts = self._crew.start(job)
        self._table = ReplicaTable(self._crew.size, job.plan.prefetch, self._max_restarts, self._hang_floor_s)
        return dataclasses.replace(self._facts.meta, executor=self.name)

    def check(self, options: object) -> None:
        """Have a replica look at the options, once. Raises `BadOption` for those that the model cannot take."""
        self._check_open()
        if self._checks_options and not any(same_options(known, options) for known in tuple(self._checked)):
            for _ in self._parts(CheckRun(options)):
                pass
            self._checked.append(options)

    def run(self, item: object, options: object) -> Any:
        """Compute one accepted item."""
        [outcome] = self.map([Entry(0, "0", item)], options)
        return outcome.unwrap()

    def submit(
        self, entry: Entry, options: object, *, deadline_s: float | None = None, caller: str = ""
    ) -> Future[Outcome[Any]]:
        """Take one entry from any thread; it shares a batch with others of equal options that wait."""
        with self._changed:
            self._check_open()
            if self._desk is None:
                policy = self._policy(None, None)
                self._desk = PoolDesk(self, policy, self._estimate, self.outcome, self._changed, self.slo_s)
        return self._desk.submit(entry, options, deadline_s, caller)

    def map(
        self,
        entries: Iterable[Entry | Flush],
        options: object,
        *,
        batch_size: int | None = None,
        max_failed: int | None = None,
        on_settled: Callable[[list[Outcome[Any]]], None] | None = None,
    ) -> Iterator[Outcome[Any]]:
        """Batches of alike cost to whichever replica is free; outcomes in input order."""
        self._check_open()
        scheduler = Scheduler(self._policy(batch_size, max_failed))
        reader = Reader(entries, scheduler, self._estimate, self._crew.now, self._changed, WAIT_SHARE)
        run = BatchRun(scheduler, options, self.pace_of(options), reader)
        self.enter(run)
        try:
            while not run.is_over:
                run.read()
                self.turn(run)
                with self._changed:
                    settled, emitted = run.collect()
                if on_settled is not None and (outcomes := list(itertools.starmap(self.outcome, settled))):
                    on_settled(outcomes)
                yield from itertools.starmap(self.outcome, emitted)
        finally:
            self.leave(run)
        if run.error is not None:
            raise run.error

    def stream(self, item: object, options: object) -> Iterator[Any]:
        """Yield the parts of one result as they come."""
        self._check_open()
        return self._parts(StreamRun(item, options))

    def _parts(self, run: StreamRun) -> Iterator[Any]:
        self.enter(run)
        try:
            while not run.is_over:
                self.turn(run)
                with self._changed:
                    parts = run.collect()
                yield from parts
        finally:
            if run.sent is not None and not self._closed:
                self._crew.cancel(*run.sent)
            self.leave(run)
        if run.error is not None:
            raise run.error

    def devices(self) -> list[str]:
        """Return where each replica runs."""
        return [self._crew.devices(replica) for replica in range(self._crew.size)]

    def device_of(self, replica: int) -> str:
        """Return where one replica runs."""
        return self._crew.devices(replica)

    def health(self) -> list[str]:
        """Return one line for each replica that is not well."""
        if self._job is None or self._closed:
            return []
        return [
            f"{self.name} worker {replica} ({self._crew.devices(replica)}) is {seat.state}: {seat.why}"
            for replica, seat in enumerate(self._table.seats)
            if seat.state != "ready"
        ]

    def stats(self) -> Stats:
        """Counters since ``start``, runs in progress included."""
        if self._job is None:
            return Stats()
        with self._changed:
            total = dataclasses.replace(self._total)
            for run in self._runs:
                total.add(run.counts)
        now = self._crew.now()
        total.in_flight = self._table.num_flying
        total.bytes_moved = self._crew.bytes_moved()
        total.replicas = tuple(
            ReplicaStats(
                self._crew.devices(replica),
                seat.state,
                seat.items,
                seat.busy_s + (now - seat.since if seat.flying else 0.0),
                seat.restarts,
            )
            for replica, seat in enumerate(self._table.seats)
        )
        return total

    def shutdown(self) -> None:
        """Finish the batches of what was submitted, and end the crew; all else that waits gets an error."""
        if self._desk is not None:
            self._desk.close()
        with self._changed:
            self._closed = True
            for run in self._runs:
                run.stop(closed())
            self.wake()
            if self._waiting:
                self._changed.wait_for(lambda: not self._waiting, timeout=2 * LOOK_S)
        self._crew.shutdown()

    def _policy(self, batch_size: int | None, max_failed: int | None) -> Policy:
        assert self._job is not None
        return Policy.of(self._job.plan, self._facts, self._crew.size, batch_size=batch_size, max_failed=max_failed)

    def _check_open(self) -> None:
        if self._job is None:
            raise UsageProblem(f"'{self.name}' is not started", why="it has no job yet", fix="pass it to duomo.load")
        if self._closed:
            raise closed()

    def enter(self, run: PoolRun) -> None:
        """Have one more run take part."""
        with self._changed:
            self._check_open()
            self._runs.append(run)

    def leave(self, run: PoolRun) -> None:
        """Have a run take part no longer: what is still on its way for it will be dropped when it comes."""
        with self._changed:
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
        with self._changed:
            for known, pace in self._paces:
                if same_options(known, options):
                    return pace
            self._paces.appendleft((options, Pace()))
            return self._paces[0][1]

    def wake(self) -> None:
        """Make a `turn` that waits return; called under the lock."""
        self._changed.notify_all()
        if self._waiting and not self._told:  # once a wait: a crew may be woken through a pipe, which gets full
            self._told = True
            self._crew.wake()

    def turn(self, run: PoolRun | PoolDesk) -> None:
        """Hand out what can be handed out, then wait until something happens, unless there is more to read."""
        with self._changed:
            if self._closed:
                return
            self._restart()
        with Held():
            self._exchange(run)

    def _exchange(self, run: PoolRun | PoolDesk) -> None:
        with self._changed:
            self._dispatch()
            if run.is_over or run.has_news:
                return
            if self._waiting:  # another thread looks after the crew, and tells
                with let_through():
                    self._changed.wait(run.patience(PATIENCE_S))
                return
            self._waiting, self._told = True, False
            timeout = run.patience(self._table.next_alarm(self._crew.now()))
        events: list[Event] = []
        try:
            events = self._crew.wait(timeout)
        finally:
            with self._changed:
                self._waiting = False
                self._handle_all(events)
                self._look_for_hangs()
                self._changed.notify_all()

    def _dispatch(self) -> None:
        """Give each replica with room what waits, one run after another."""
        self._runs.rotate(-1)
        for run in tuple(self._runs):
            while (replica := self._table.pick()) is not None:
                idle = self._table.is_idle(replica)
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
                self._table.sent(replica, sent, self._crew.now(), alone=batch.alone)

    def _handle_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self._handle(event)

    def _handle(self, event: Event) -> None:
        now, replica = self._crew.now(), event.replica
        if event.kind == "lost":
            self._mark_dead(event, now)
        elif event.kind == "ready":
            self._table.is_ready(replica, now)
        elif event.kind == "part":
            seat = self._table.seats[replica]
            if seat.flying and seat.flying[0].ticket == event.ticket:
                seat.since = now
                seat.flying[0].run.part(event.part)
        else:
            ran = event.kind == "done"
            sent = self._table.answered(replica, event.ticket, now, took=event.compute_s, ran=ran)
            if sent is None or sent.run.is_gone:
                return
            count, oom = len(sent.batch.entries), event.out_of_memory
            if count:
                log_batch(count, event.item_results, event.error, replica, out_of_memory=oom)
            if ran:
                self._table.seats[replica].items += len(event.item_results)
                self._total.prepare_s += event.prepare_s
                self._total.compute_s += event.compute_s
                sent.run.done(sent.batch, event.item_results)
            else:
                assert event.error is not None
                sent.run.raised(sent.batch, event.error, out_of_memory=event.out_of_memory)

    def _mark_dead(self, event: Event, now: float) -> None:
        """Note that a replica died: only its oldest batch can be to blame, the rest runs again."""
        why = event.error.why if event.error else "the process died"
        LOG.warning("worker %d on %s was lost: %s", event.replica, self._crew.devices(event.replica), why)
        had = self._table.died(event.replica, now, why)
        for place, sent in enumerate(had):
            if not sent.run.is_gone:
                blame = event.blame and place == 0
                sent.run.lost(sent.batch, event.error, blame=blame, suspect=event.blame)

    def _restart(self) -> None:
        now = self._crew.now()
        for replica in self._table.rested(now):
            try:
                self._crew.restart(replica)
                LOG.info("worker %d on %s is started again", replica, self._crew.devices(replica))
            except (OSError, EOFError) as error:  # too many processes or files: later there may be fewer
                self._mark_dead(Event("lost", replica, error=not_restarted(error)), now)
        if self._table.all_lost:
            for run in self._runs:
                run.stop(self._no_worker_left(self._table.seats[0].why))

    def _look_for_hangs(self) -> None:
        now = self._crew.now()
        if now < self._next_look or self._closed:
            return
        self._next_look = now + min(LOOK_S, self._hang_floor_s)
        for replica, why in self._table.overdue(now):
            self._crew.kill(replica, why)

    def _no_worker_left(self, why: str) -> SystemicError:
        num = self._crew.size
        return SystemicError(
            f"the run was stopped: no worker is left of {num}",
            why=f"each died {counted(self._max_restarts + 1, 'time')} in a row; the last: {why}",
            fix="run a few items with executor='inline' to see what happens",
        )
