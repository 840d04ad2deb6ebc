"""In this process, one batch after another."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from duomo.errors import OptimizeRefused, SystemicError, UsageProblem
from duomo.execution.base import Entry, Executor, Flush, Job, ModelFacts
from duomo.execution.devices import describe_and_release
from duomo.execution.scheduling.intake import PATIENCE_S, take
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Batch, Scheduler
from duomo.execution.stats import Stats
from duomo.execution.worker import Prepared, Worker
from duomo.outcome import Meta, Outcome

Prepare = Callable[[], Prepared]


class InlineExecutor(Executor):
    """One process and one batch at a time: the simplest place to run, and what the others are compared with."""

    name = "inline"

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._total = Stats()

    def load(self, job: Job) -> Meta:
        """Load the model here. Raises `UsageProblem` when it should be spread over devices."""
        plan = job.plan
        if plan.dims.total > 1:
            raise UsageProblem(
                f"'{self.name}' runs on one device, and parallel={plan.dims} needs {plan.dims.total}",
                why="it is this process, one batch after another",
                fix="executor='local' (-x local) runs a process for each device",
            )
        if plan.devices:
            job = job._replace(device=plan.devices[0])
        self._worker = Worker(job)
        return self._worker.meta(self.name)

    @property
    def worker(self) -> Worker:
        """The worker; an executor that was shut down has none."""
        if self._worker is None:
            raise UsageProblem("this runner is closed", why="its model was given back", fix="load the model again")
        return self._worker

    def run(self, item: Any, options: Any) -> Any:
        """One accepted item to its result."""
        return self.worker.run(item, options)

    def stream(self, item: Any, options: Any) -> Iterator[Any]:
        """The parts of one result as they come."""
        return self.worker.stream(item, options)

    def map(
        self,
        entries: Iterable[Entry | Flush],
        options: Any,
        *,
        batch_size: int | None = None,
        max_failed: int | None = None,
        on_settled: Callable[[list[Outcome[Any]]], None] | None = None,
    ) -> Iterator[Outcome[Any]]:
        """Batches of alike cost from a window of the input; outcomes in input order.

        While one batch computes, a thread prepares the next.
        """
        plan, facts = self.worker.job.plan, ModelFacts.of(self.worker)
        scheduler = Scheduler(Policy.of(plan, facts, 1, batch_size=batch_size, max_failed=max_failed))
        source, following = iter(entries), None
        raised: Exception | None = None
        stopped: SystemicError | None = None
        try:
            with concurrent.futures.ThreadPoolExecutor(1, "duomo-prepare") as pool:
                while not scheduler.finished and stopped is None:
                    try:
                        raised = self._read(source, scheduler) or raised
                        current = following or self._start(scheduler, None, options)
                        following = self._start(scheduler, pool, options) if current else None
                        if current is not None:
                            self._finish(*current, options, scheduler)
                    except SystemicError as error:
                        stopped = error
                    settled = scheduler.settled()
                    if on_settled is not None and (outcomes := list(itertools.starmap(self.outcome, settled))):
                        on_settled(outcomes)
                    yield from itertools.starmap(self.outcome, scheduler.emit())
        finally:
            self._total.add(scheduler.counts)
        if broken := stopped or raised:
            raise broken

    def _start(
        self, scheduler: Scheduler, pool: concurrent.futures.Executor | None, options: Any
    ) -> tuple[Batch, Prepare] | None:
        """The next batch and its preparation: in a thread, or for the first batch when it is needed."""
        batch = scheduler.next_batch()
        if batch is None:
            return None
        prepare = functools.partial(self.worker.prepare, [entry.item for entry in batch.entries], options)
        return batch, pool.submit(prepare).result if pool else prepare

    def _read(self, source: Iterator[Entry | Flush], scheduler: Scheduler) -> Exception | None:
        """Fill the window; what the source raises comes back, to be raised after what it gave is done."""
        deadline = time.perf_counter() + PATIENCE_S
        while scheduler.wants_input and (scheduler.is_starving or time.perf_counter() < deadline):
            taken = take(source, self.worker.model.estimate, scheduler.room, time.perf_counter, deadline)
            for entry, cost, size in taken.items:
                scheduler.offer(entry, cost, size)
            if taken.is_flush:
                scheduler.flush()
            if taken.is_over:
                scheduler.end()
                return taken.error
        return None

    def _finish(self, batch: Batch, prepare: Prepare, options: Any, scheduler: Scheduler) -> None:
        try:
            prepared = prepare()
            start = time.perf_counter()
            item_results = self.worker.compute(prepared, options)
            self._total.prepare_s += prepared.seconds
            self._total.compute_s += time.perf_counter() - start
        except OptimizeRefused:
            raise  # of no item: the run cannot go on
        except Exception as error:
            cause, out_of_memory = describe_and_release(error)
            tell = scheduler.out_of_memory if out_of_memory else scheduler.fail
            tell(batch, cause)
        else:
            scheduler.settle(batch, item_results)

    def meta(self) -> Meta:
        """What is the same for all results of the job."""
        if self._worker is not None:
            self._meta = self._worker.meta(self.name)
        return self._meta

    def stats(self) -> Stats:
        """Counters of the runs that have ended, and the seconds of all."""
        return dataclasses.replace(self._total)

    def shutdown(self) -> None:
        """Drop the model."""
        self._worker = self._job = None
