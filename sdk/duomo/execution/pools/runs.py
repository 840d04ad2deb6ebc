"""What one call of a pool wants done: many items by batches, or one item in parts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from duomo.errors import SystemicError, WorkerContractError, WorkerLost
from duomo.execution.base import Entry, Flush, ItemResult
from duomo.execution.scheduling.intake import PATIENCE_S, take
from duomo.execution.scheduling.policy import Policy
from duomo.execution.scheduling.scheduler import Batch, Scheduler
from duomo.execution.stats import Counts
from duomo.outcome import ItemError

if TYPE_CHECKING:
    from duomo.execution.pools.crew import Crew

Known = Iterable[tuple[Entry, ItemResult]]
WAIT_SHARE = 0.25
"""Before a slow source is asked again, results are waited for, for this share of the time it takes for an item."""


class BatchRun:
    """Items through a scheduler. All but `read` is called under the pool's lock."""

    def __init__(self, policy: Policy, options: Any, estimate: Callable[[Any], int], now: Callable[[], float]) -> None:
        self._scheduler = Scheduler(policy)
        self._options = options
        self._estimate = estimate
        self._now = now
        self._source_error: Exception | None = None
        self._gap_s = 0.0
        self._stopped: Exception | None = None
        self.has_news = False
        """Whether `collect` may have something to give."""
        self.is_gone = False
        """Nobody reads any more."""
        self.pace = 0.0
        """Seconds a unit of cost takes, as the table finds."""

    @property
    def counts(self) -> Counts:
        """Of the scheduler."""
        return self._scheduler.counts

    @property
    def wants_input(self) -> bool:
        """Whether there is room, and more to come."""
        return self._scheduler.wants_input and self._stopped is None

    @property
    def is_starving(self) -> bool:
        """Whether there is nothing to do but to read."""
        return self._scheduler.is_starving

    @property
    def is_over(self) -> bool:
        """Whether all is given out, or nothing more will be."""
        return self._scheduler.finished or self._stopped is not None

    @property
    def error(self) -> Exception | None:
        """To be raised at the end: what stopped it, or what its source raised."""
        return self._stopped or self._source_error

    def stop(self, error: Exception) -> None:
        """Nothing more will come, for this reason."""
        self._stopped = self._stopped or error
        self.has_news = True

    def read(self, source: Iterator[Entry | Flush], lock: threading.Condition, deadline: float) -> None:
        """Take some entries from the source, without the lock.

        They are handed in a few at a time, since the lock and all these calls cost more than an item.
        What the source raises waits until all it gave before is done.
        """
        taken = take(source, self._estimate, self._scheduler.room, self._now, deadline)
        self._gap_s = taken.gap_s
        with lock:
            for entry, cost, size in taken.items:
                self._scheduler.offer(entry, cost, size)
            self.has_news = self.has_news or self._scheduler.can_emit
            if taken.is_flush:
                self._scheduler.flush()
            if taken.is_over:
                self._source_error = taken.error
                self._scheduler.end()

    def patience(self, alarm_s: float) -> float:
        """How long to wait for results before the source is asked again."""
        if not self.wants_input:
            return alarm_s
        return min(alarm_s, self._gap_s * WAIT_SHARE) if self._gap_s > PATIENCE_S else 0.0

    def next_batch(self, replica: int, *, idle: bool) -> Batch | None:
        """What a replica should run next."""
        return None if self._stopped is not None else self._scheduler.next_batch(replica, idle=idle)

    def cost(self, batch: Batch) -> int:
        """Of a batch that is out, padding included."""
        return max(1, batch.padded)

    def send(self, crew: Crew, replica: int, ticket: int, batch: Batch) -> None:
        """Hand a batch to a crew."""
        crew.send(replica, ticket, [entry.item for entry in batch.entries], self._options)

    def done(self, batch: Batch, item_results: Sequence[ItemResult]) -> None:
        """It ran."""
        if len(item_results) != len(batch.entries):
            num = len(batch.entries)
            broken = WorkerContractError(
                f"a worker answered for {len(item_results)} items where {num} were sent",
                fix="report it to the executor's author",
            )
            self.raised(batch, ItemError.of(broken), out_of_memory=False)
            return
        self._apply(lambda: self._scheduler.settle(batch, item_results))

    def raised(self, batch: Batch, error: ItemError, *, out_of_memory: bool) -> None:
        """It raised as a whole."""
        if error.type == "OptimizeRefused":
            self.stop(error.to_exception())  # of no item: the run cannot go on
            return
        tell = self._scheduler.out_of_memory if out_of_memory else self._scheduler.fail
        self._apply(lambda: tell(batch, error))

    def lost(self, batch: Batch, error: ItemError | None, *, blame: bool, suspect: bool) -> None:
        """Its worker died; if `blame`, most likely because of it."""
        if not blame:
            self._scheduler.give_back(batch, suspect=suspect)
            return
        why, trace = (error.why, error.traceback) if error is not None else ("", "")
        self._apply(lambda: self._scheduler.lost(batch, why, trace))

    def part(self, part: Any) -> None:
        """Batches have no parts."""

    def collect(self) -> tuple[Known, Known]:
        """What ran to its item_result since the last time, and what is next in order; read both to their ends.

        The second raises `SystemicError` after one failed item too many.
        """
        self.has_news = False
        return self._scheduler.settled(), self._scheduler.emit()

    def _apply(self, what: Callable[[], None]) -> None:
        self.has_news = True
        try:
            what()
        except SystemicError as error:
            self.stop(error)


class StreamRun:
    """One item whose result comes in parts."""

    wants_input = False

    def __init__(self, item: Any, options: Any) -> None:
        self._batch: Batch | None = Batch((Entry(0, "0", item),))
        self._options = options
        self._parts: list[Any] = []
        self.sent: tuple[int, int] | None = None
        """Replica and ticket, while it is out."""
        self.counts = Counts()
        self.pace = 0.0
        self.has_news = self.is_over = self.is_gone = False
        self.error: Exception | None = None

    def stop(self, error: Exception | None) -> None:
        """It has ended, one way or another."""
        self.error = self.error or error
        self.is_over = self.has_news = True
        self.sent = None

    def patience(self, alarm_s: float) -> float:
        """Nothing but a part is of interest."""
        return alarm_s

    def next_batch(self, replica: int, *, idle: bool) -> Batch | None:
        """The item, once."""
        batch, self._batch = self._batch, None
        return batch

    def cost(self, batch: Batch) -> int:
        """How long it takes says nothing of batches."""
        return 0

    def send(self, crew: Crew, replica: int, ticket: int, batch: Batch) -> None:
        """Hand it to a crew."""
        crew.stream(replica, ticket, batch.entries[0].item, self._options)
        self.sent = replica, ticket

    def part(self, part: Any) -> None:
        """One more."""
        self._parts.append(part)
        self.has_news = True

    def done(self, batch: Batch, item_results: Sequence[ItemResult]) -> None:
        """That was the last part."""
        self.stop(None)

    def raised(self, batch: Batch, error: ItemError, *, out_of_memory: bool) -> None:
        """No more parts."""
        self.stop(error.to_exception())

    def lost(self, batch: Batch, error: ItemError | None, *, blame: bool, suspect: bool) -> None:
        """What has begun cannot be begun again; what has not, can."""
        if not blame and not self._parts:
            self._batch, self.sent = batch, None
            return
        self.stop(
            WorkerLost(
                "the worker of a stream died",
                why=error.why if error is not None else "",
                fix="run the item alone with executor='inline' to see the crash",
            )
        )

    def collect(self) -> list[Any]:
        """The parts since the last time."""
        parts, self._parts, self.has_news = self._parts, [], False
        return parts
