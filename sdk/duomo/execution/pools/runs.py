"""What one caller wants done by the replicas of a pool: many items in batches."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from duomo.counting import counted
from duomo.errors import BadOption, SystemicError, WorkerContractError
from duomo.execution.base import Entry, ItemResult
from duomo.execution.scheduling.intake import Reader
from duomo.execution.scheduling.scheduler import Batch, Scheduler
from duomo.execution.stats import Counts
from duomo.outcome import ItemError

if TYPE_CHECKING:
    from duomo.execution.pools.crew import Crew

Settled = Iterable[tuple[Entry, ItemResult]]


@dataclasses.dataclass(slots=True)
class Pace:
    """How fast batches with certain options run; runs with equal ones share it."""

    seconds: float = 0.0
    """Seconds of a unit of cost, smoothed; 0 until that is known."""

    def note(self, cost: int, seconds: float) -> None:
        """Take down a batch that ran; the time of one without cost says nothing of others."""
        if cost:
            self.seconds = 0.9 * self.seconds + 0.1 * seconds / cost if self.seconds else seconds / cost


class PoolRun(ABC):
    """The work of one caller. The pool calls all of it under its lock."""

    warms = True
    """Whether a replica that did it has run its model, so that its next work should not take as long as the first."""

    def __init__(self, pace: Pace) -> None:
        self.has_news = False
        """Whether the caller has something to collect."""
        self.is_gone = False
        """The caller has left: answers are dropped."""
        self._pace = pace

    @property
    def pace(self) -> float:
        """Seconds that a unit of cost takes, as the table of replicas finds."""
        return self._pace.seconds

    def ran(self, cost: int, seconds: float) -> None:
        """Note how long a batch of this cost took."""
        self._pace.note(cost, seconds)

    @property
    @abstractmethod
    def counts(self) -> Counts:
        """What its scheduler counts."""

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether all is given out, or nothing more will be."""

    @property
    @abstractmethod
    def error(self) -> Exception | None:
        """What to raise once it is over."""

    @abstractmethod
    def stop(self, error: Exception) -> None:
        """End it for this reason."""

    @abstractmethod
    def next_batch(self, replica: int, *, idle: bool) -> Batch | None:
        """Return what a replica should run next; `idle` when it has nothing to do."""

    @abstractmethod
    def send(self, crew: Crew, replica: int, ticket: int, batch: Batch) -> None:
        """Hand a batch to a crew."""

    @abstractmethod
    def done(self, batch: Batch, item_results: Sequence[ItemResult]) -> None:
        """Take the results of a batch."""

    @abstractmethod
    def raised(self, batch: Batch, error: ItemError, *, out_of_memory: bool) -> None:
        """Note that a batch raised as a whole."""

    @abstractmethod
    def lost(self, batch: Batch, error: ItemError | None, *, blame: bool, suspect: bool) -> None:
        """Note that the worker of a batch died; if `blame`, most likely because of it."""

    def cost(self, batch: Batch) -> int:
        """Cost of a batch with padding; 0 when its time says nothing of others."""
        return max(1, batch.padded)

    def part(self, part: object) -> None:  # noqa: B027 - most runs have no parts
        """Take one part of a stream."""

    def patience(self, alarm_s: float) -> float:
        """Return how long its caller may wait for news; `alarm_s` at most."""
        return alarm_s


class ScheduledRun(PoolRun):
    """Items through a scheduler."""

    def __init__(self, scheduler: Scheduler, options: object, pace: Pace) -> None:
        super().__init__(pace)
        self._scheduler = scheduler
        self._options = options
        self._stopped: Exception | None = None

    @property
    def counts(self) -> Counts:
        """What its scheduler counts."""
        return self._scheduler.counts

    @property
    def is_over(self) -> bool:
        """Whether all is given out, or nothing more will be."""
        return self._scheduler.finished or self._stopped is not None

    @property
    def error(self) -> Exception | None:
        """What stopped it."""
        return self._stopped

    def stop(self, error: Exception) -> None:
        """Give nothing more out, for this reason."""
        self._stopped = self._stopped or error
        self.has_news = True

    def next_batch(self, replica: int, *, idle: bool) -> Batch | None:
        """Return what a replica should run next."""
        return None if self._stopped is not None else self._scheduler.next_batch(replica, idle=idle)

    def send(self, crew: Crew, replica: int, ticket: int, batch: Batch) -> None:
        """Hand a batch to a crew."""
        crew.send(replica, ticket, [entry.item for entry in batch.entries], self._options)

    def done(self, batch: Batch, item_results: Sequence[ItemResult]) -> None:
        """Take the results of a batch."""
        if len(item_results) != len(batch.entries):
            num = len(batch.entries)
            broken = WorkerContractError(
                f"a worker answered for {counted(len(item_results), 'item')} where {num} were sent",
                fix="report it to the executor's author",
            )
            self.raised(batch, ItemError.of(broken), out_of_memory=False)
            return
        self._apply(lambda: self._scheduler.settle(batch, item_results))

    def raised(self, batch: Batch, error: ItemError, *, out_of_memory: bool) -> None:
        """Note that a batch raised as a whole."""
        if error.type == "OptimizeRefused":
            self.stop(error.to_exception())  # of no item: the run cannot go on
            return
        tell = self._scheduler.out_of_memory if out_of_memory else self._scheduler.fail
        self._apply(lambda: tell(batch, error))

    def lost(self, batch: Batch, error: ItemError | None, *, blame: bool, suspect: bool) -> None:
        """Note that the worker of a batch died; if `blame`, most likely because of it."""
        if not blame:
            self._scheduler.give_back(batch, suspect=suspect)
            return
        why, trace = (error.why, error.traceback) if error is not None else ("", "")
        self._apply(lambda: self._scheduler.lost(batch, why, trace))

    def _apply(self, what: Callable[[], None]) -> None:
        self.has_news = True
        try:
            what()
        except (SystemicError, BadOption) as error:
            self.stop(error)


class BatchRun(ScheduledRun):
    """A call of `Executor.map`: it reads a source and gives out in order."""

    def __init__(self, scheduler: Scheduler, options: object, pace: Pace, reader: Reader) -> None:
        super().__init__(scheduler, options, pace)
        self._reader = reader

    @property
    def error(self) -> Exception | None:
        """What stopped it, or what its source raised."""
        return self._stopped or self._reader.error

    def read(self) -> None:
        """Read ahead for a moment, without the lock."""
        if self._stopped is None:
            self._reader.fill()
            self.has_news = self.has_news or self._scheduler.can_emit

    def patience(self, alarm_s: float) -> float:
        """Return how long to wait for results before the source is asked again."""
        if not self._scheduler.wants_input:
            return alarm_s
        return min(alarm_s, self._reader.spared_s)

    def collect(self) -> tuple[Settled, Settled]:
        """Return what has settled since the last time, and what is next in order; read both to their ends.

        The second raises `SystemicError` after one failed item too many.
        """
        self.has_news = False
        return self._scheduler.settled(), self._scheduler.emit()
