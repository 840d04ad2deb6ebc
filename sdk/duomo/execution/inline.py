"""In this process, one batch after another."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from duomo.errors import BadOption, OptimizeRefused, SystemicError, UsageProblem
from duomo.execution.base import Entry, Executor, Flush, ItemResult, Job, ModelFacts
from duomo.execution.devices import describe_and_release
from duomo.execution.forks import enter_process
from duomo.execution.progress import log_batch
from duomo.execution.scheduling.intake import Reader
from duomo.execution.scheduling.lanes import Lane
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Batch, Scheduler
from duomo.execution.stats import Counts, Stats
from duomo.execution.submitting import PREPARE_SHARE, Desk, Submitted, closed
from duomo.execution.worker import Prepared, Worker
from duomo.outcome import ItemError, Meta, Outcome
from duomo.threads import AheadThreads


class Pending(NamedTuple):
    """A batch that is being prepared."""

    batch: Batch
    options: object
    prepared: Callable[[], Prepared]
    """Waits until it is, or does it."""


class Ran(NamedTuple):
    """What came of a batch: its results, or what it raised."""

    batch: Batch
    item_results: Sequence[ItemResult]
    error: ItemError | None = None
    out_of_memory: bool = False
    prepare_s: float = 0.0
    compute_s: float = 0.0

    def tell(self, scheduler: Scheduler) -> None:
        """Tell the scheduler that the batch is from."""
        log_batch(len(self.batch.entries), self.item_results, self.error, out_of_memory=self.out_of_memory)
        if self.error is None:
            scheduler.settle(self.batch, self.item_results)
        elif self.out_of_memory:
            scheduler.out_of_memory(self.batch, self.error)
        else:
            scheduler.fail(self.batch, self.error)


class InlineExecutor(Executor):
    """One process and one batch at a time: the simplest place to run, and what the others are compared with."""

    name = "inline"

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._desk: InlineDesk | None = None
        self._starting = threading.Lock()
        # Any number of threads may call. A model and its tokenizer are not made for that: each does one thing at a
        # time, and one batch is still prepared while another computes. Who takes both takes `_preparing` first.
        self._preparing = threading.Lock()
        self._computing = threading.Lock()
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
        enter_process()
        self._worker = Worker(job)
        return self._worker.meta(self.name)

    @property
    def worker(self) -> Worker:
        """The worker; an executor that was shut down has none."""
        if self._worker is None:
            raise closed()
        return self._worker

    def check(self, options: object) -> None:
        """Have the model look at the options. Raises `BadOption` for those it cannot take."""
        worker = self.worker
        if worker.checks_options:
            with self._preparing:
                worker.check(options)

    def run(self, item: object, options: object) -> Any:
        """Compute one accepted item."""
        worker = self.worker
        with self._preparing, self._computing:
            return worker.run(item, options)

    def stream(self, item: object, options: object) -> Iterator[Any]:
        """Yield the parts of one result as they come."""
        parts = self.worker.stream(item, options)
        nothing = object()
        while True:
            with self._preparing, self._computing:
                part = next(parts, nothing)
            if part is nothing:
                return
            yield part

    def map(
        self,
        entries: Iterable[Entry | Flush],
        options: object,
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
        reader = Reader(
            entries, scheduler, self.worker.model.estimate, time.perf_counter, contextlib.nullcontext(), math.inf
        )
        following: Pending | None = None
        stopped: SystemicError | BadOption | None = None
        try:
            with AheadThreads(1, "duomo-prepare") as pool:
                while not scheduler.finished and stopped is None:
                    try:
                        reader.fill()
                        batch = following or self._next(scheduler, options, None)
                        following = self._next(scheduler, options, pool) if batch else None
                        if batch is not None:
                            self.compute(batch).tell(scheduler)
                    except (SystemicError, BadOption) as error:
                        stopped = error
                    settled = scheduler.settled()
                    if on_settled is not None and (outcomes := list(itertools.starmap(self.outcome, settled))):
                        on_settled(outcomes)
                    yield from itertools.starmap(self.outcome, scheduler.emit())
        finally:
            self._total.add(scheduler.counts)
        if broken := stopped or reader.error:
            raise broken

    def submit(
        self, entry: Entry, options: object, *, deadline_s: float | None = None, caller: str = ""
    ) -> concurrent.futures.Future[Outcome[Any]]:
        """Take one entry from any thread; it shares a batch with others of equal options that wait."""
        worker = self.worker
        with self._starting:
            if self._desk is None:
                policy = Policy.of(worker.job.plan, ModelFacts.of(worker), 1, batch_size=None, max_failed=None)
                self._desk = InlineDesk(self, policy)
        return self._desk.submit(entry, options, deadline_s, caller)

    def _next(self, scheduler: Scheduler, options: object, pool: concurrent.futures.Executor | None) -> Pending | None:
        batch = scheduler.next_batch()
        return None if batch is None else self.prepare(batch, options, pool)

    def prepare(self, batch: Batch, options: object, pool: concurrent.futures.Executor | None) -> Pending:
        """Have a batch prepared in a thread of `pool`; without one when it is computed."""
        prepare = functools.partial(self._prepared, self.worker, [entry.item for entry in batch.entries], options)
        return Pending(batch, options, pool.submit(prepare).result if pool else prepare)

    def _prepared(self, worker: Worker, items: Sequence[object], options: object) -> Prepared:
        with self._preparing:
            return worker.prepare(items, options)

    def compute(self, pending: Pending) -> Ran:
        """Run a batch. Raises `OptimizeRefused`, which is of no item: nothing can go on."""
        batch, options, prepare = pending
        try:
            prepared = prepare()
            with self._computing:
                start = time.perf_counter()
                item_results = self.worker.compute(prepared, options)
                compute_s = time.perf_counter() - start
                self._total.prepare_s += prepared.seconds
                self._total.compute_s += compute_s
        except OptimizeRefused:
            raise
        except Exception as error:
            return Ran(batch, (), *describe_and_release(error))
        return Ran(batch, item_results, prepare_s=prepared.seconds, compute_s=compute_s)

    def meta(self) -> Meta:
        """Return what is the same for all results of the job."""
        if self._worker is not None and self._worker.difference != self._meta.difference:
            self._meta = self._worker.meta(self.name)
        return self._meta

    def stats(self) -> Stats:
        """Counters of the runs that have ended and of what was submitted, and the seconds of all."""
        total = dataclasses.replace(self._total)
        if self._desk is not None:
            self._desk.add_counts_to(total)
        return total

    def shutdown(self) -> None:
        """Finish the batches of what was submitted, and drop the model."""
        if self._desk is not None:
            self._desk.close()
            self._desk.add_counts_to(self._total)
        self._worker = self._job = self._desk = None


LEAST_PREPARE_S = 1e-3
"""What takes less to prepare is prepared when it is computed: handing it to another thread and back takes as long."""


class InlineDesk(Desk):
    """Submitted items, a batch at a time. A batch is cut when it can begin, so that what has come by then is in it.

    Where preparing takes long, as for large images, the next batch is cut while one computes, and a thread prepares it.
    """

    def __init__(self, executor: InlineExecutor, policy: Policy) -> None:
        estimate = executor.worker.model.estimate
        super().__init__(policy, estimate, executor.outcome, time.monotonic, threading.Condition(), executor.slo_s)
        self._executor = executor
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "duomo-prepare")
        self._following: tuple[Lane[Submitted], Pending] | None = None
        self._prepare_s = self._compute_s = 0.0
        """Seconds that a batch takes to prepare and to compute, by the last ones."""
        self._forgotten = Counts()

    def work(self) -> None:
        """Compute one batch; the next may be prepared meanwhile."""
        if self._following is None:
            self.gather()
        found, self._following = self._following or self._next(None), None
        if found is not None:
            lane, pending = found
            is_long = self._prepare_s > max(LEAST_PREPARE_S, PREPARE_SHARE * self._compute_s)
            following = self._next(self._pool) if is_long else None
            try:
                ran = self._executor.compute(pending)
                self._prepare_s = 0.8 * self._prepare_s + 0.2 * ran.prepare_s
                self._compute_s = 0.8 * self._compute_s + 0.2 * ran.compute_s
                with self._changed:
                    if ran.error is None:
                        lane.time.note(ran.batch.padded, ran.compute_s)
                        self.start_s = lane.time.start_s
                    ran.tell(lane.scheduler)
            except (SystemicError, BadOption) as error:  # of these options, or of the model
                with self._changed:
                    self.refuse(lane, error)
            if following is not None and following[0] in self.lanes:
                self._following = following

    def forget(self, lane: Lane[Submitted]) -> None:
        """Keep what a lane has counted."""
        self._forgotten.add(lane.scheduler.counts)

    def add_counts_to(self, total: Stats) -> None:
        """Add what all lanes have counted."""
        with self._changed:
            for counts in (self._forgotten, *(lane.scheduler.counts for lane in self.lanes)):
                total.add(counts)

    def close(self) -> None:
        """Finish what has begun."""
        super().close()
        self._pool.shutdown()

    def _next(self, pool: concurrent.futures.Executor | None) -> tuple[Lane[Submitted], Pending] | None:
        with self._changed:
            self.expire()
            found = self.lanes.next_batch()
        if found is None:
            return None
        lane, batch = found
        return lane, self._executor.prepare(batch, lane.options, pool)
