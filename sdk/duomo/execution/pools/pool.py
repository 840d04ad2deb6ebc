"""One scheduler over many copies of a model, wherever they run.

A pool knows no process, no cluster and no clock: it drives a `Crew`, which may be processes of this
machine, actors of a cluster, or devices of a simulation.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, ClassVar

from duomo.errors import UsageProblem
from duomo.execution.base import Entry, Executor, Flush, Job
from duomo.execution.pools.crew import Crew
from duomo.execution.pools.desk import PoolDesk
from duomo.execution.pools.exchange import Exchange
from duomo.execution.pools.replicas import HANG_FLOOR_S, MAX_RESTARTS
from duomo.execution.pools.runs import BatchRun
from duomo.execution.pools.streams import CheckRun, StreamRun
from duomo.execution.scheduling.intake import Reader
from duomo.execution.scheduling.policy import Policy, same_options
from duomo.execution.scheduling.scheduler import Scheduler
from duomo.execution.stats import Stats
from duomo.execution.submitting import closed
from duomo.model import Model
from duomo.outcome import Meta, Outcome
from duomo.resolving import resolve

MOST_CHECKED = 16
"""Different options that a pool remembers to have checked."""
WAIT_SHARE = 0.25
"""Before a slow source is asked again, results are waited for, for this share of the time it takes for an item."""


class PoolExecutor(Executor):
    """Runs a job on a crew. Any number of threads may use it at once."""

    exchange_type: ClassVar[type[Exchange]] = Exchange

    def __init__(self, crew: Crew, *, max_restarts: int = MAX_RESTARTS, hang_floor_s: float = HANG_FLOOR_S) -> None:
        self._crew = crew
        self._exchange = self.exchange_type(crew, max_restarts, hang_floor_s)
        self._checked: deque[object] = deque(maxlen=MOST_CHECKED)
        self._desk: PoolDesk | None = None

    def load(self, job: Job) -> Meta:
        """Start the crew; every replica has loaded the model when this returns."""
        cls: type[Model[Any, Any]] = resolve(job.spec.loader, job.spec.requires, f"model '{job.spec.name}'")
        self._estimate, self._checks_options = cls.estimate, cls.check_options is not Model.check_options
        if job.plan.dims.group > 1:
            resolve("duomo.execution.sharding.group:check", ("torch",), "a model on several devices")(job)
        self._facts = self._crew.start(job)
        self._exchange.open(job.plan.prefetch)
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
        with self._exchange.changed:
            self._check_open()
            if self._desk is None:
                policy = self._policy(None, None)
                self._desk = PoolDesk(self._exchange, policy, self._estimate, self.outcome, self.slo_s)
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
        reader = Reader(entries, scheduler, self._estimate, self._crew.now, self._exchange.changed, WAIT_SHARE)
        run = BatchRun(scheduler, options, self._exchange.pace_of(options), reader)
        self._exchange.enter(run)
        try:
            while not run.is_over:
                run.read()
                self._exchange.turn(run)
                with self._exchange.changed:
                    settled, emitted = run.collect()
                if on_settled is not None and (outcomes := list(itertools.starmap(self.outcome, settled))):
                    on_settled(outcomes)
                yield from itertools.starmap(self.outcome, emitted)
        finally:
            self._exchange.leave(run)
        if run.error is not None:
            raise run.error

    def stream(self, item: object, options: object) -> Iterator[Any]:
        """Yield the parts of one result as they come."""
        self._check_open()
        return self._parts(StreamRun(item, options))

    def _parts(self, run: StreamRun) -> Iterator[Any]:
        self._exchange.enter(run)
        try:
            while not run.is_over:
                self._exchange.turn(run)
                with self._exchange.changed:
                    parts = run.collect()
                yield from parts
        finally:
            if run.sent is not None and not self._exchange.is_closed:
                self._crew.cancel(*run.sent)
            self._exchange.leave(run)
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
        if self._job is None or self._exchange.is_closed:
            return []
        return [
            f"{self.name} worker {replica} ({self._crew.devices(replica)}) is {seat.state}: {seat.why}"
            for replica, seat in enumerate(self._exchange.table.seats)
            if seat.state != "ready"
        ]

    def stats(self) -> Stats:
        """Counters since ``start``, runs in progress included."""
        return Stats() if self._job is None else self._exchange.stats()

    def shutdown(self) -> None:
        """Finish the batches of what was submitted, and end the crew; all else that waits gets an error."""
        if self._desk is not None:
            self._desk.close()
        self._exchange.close()
        self._crew.shutdown()

    def _policy(self, batch_size: int | None, max_failed: int | None) -> Policy:
        assert self._job is not None
        return Policy.of(self._job.plan, self._facts, self._crew.size, batch_size=batch_size, max_failed=max_failed)

    def _check_open(self) -> None:
        if self._job is None:
            raise UsageProblem(f"'{self.name}' is not started", why="it has no job yet", fix="pass it to duomo.load")
        if self._exchange.is_closed:
            raise closed()
