"""What one caller wants done by a replica of a pool: one item in parts, or a look at its options."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from duomo.errors import WorkerLost
from duomo.execution.base import Entry, ItemResult
from duomo.execution.pools.runs import Pace, PoolRun
from duomo.execution.scheduling.scheduler import Batch
from duomo.execution.stats import Counts
from duomo.outcome import ItemError

if TYPE_CHECKING:
    from duomo.execution.pools.crew import Crew


class StreamRun(PoolRun):
    """A call of `Executor.stream`: one item whose result comes in parts."""

    is_over = False
    error: Exception | None = None

    def __init__(self, item: object, options: object) -> None:
        super().__init__(Pace())
        self._batch: Batch | None = Batch((Entry(0, "0", item),))
        self._options = options
        self._parts: list[Any] = []
        self._tries = 0
        self._has_begun = False
        self.sent: tuple[int, int] | None = None
        """Replica and ticket, while it is out."""

    @property
    def counts(self) -> Counts:
        """Nothing: streams are not counted."""
        return Counts()

    def stop(self, error: Exception | None) -> None:
        """End it, for this reason or because it is complete."""
        self.error = self.error or error
        self.is_over = self.has_news = True
        self.sent = None

    def next_batch(self, replica: int, *, idle: bool) -> Batch | None:
        """Give the item, once."""
        batch, self._batch = self._batch, None
        return batch

    def cost(self, batch: Batch) -> int:
        """Zero: how long it takes says nothing of batches."""
        return 0

    def send(self, crew: Crew, replica: int, ticket: int, batch: Batch) -> None:
        """Hand it to a crew."""
        crew.stream(replica, ticket, batch.entries[0].item, self._options)
        self.sent = replica, ticket

    def part(self, part: object) -> None:
        """Keep one more part."""
        self._parts.append(part)
        self.has_news = self._has_begun = True

    def done(self, batch: Batch, item_results: Sequence[ItemResult]) -> None:
        """Note that the last part has come."""
        self.stop(None)

    def raised(self, batch: Batch, error: ItemError, *, out_of_memory: bool) -> None:
        """Note that no more parts will come."""
        self.stop(error.to_exception())

    def lost(self, batch: Batch, error: ItemError | None, *, blame: bool, suspect: bool) -> None:
        """Start once more if no part has come: the replica may have died before it came to it."""
        self._tries += blame
        if not self._has_begun and self._tries < 2:
            self._batch, self.sent = dataclasses.replace(batch, alone=batch.alone or suspect), None
            return
        self.stop(
            WorkerLost(
                "the worker of a stream died",
                why=error.why if error is not None else "",
                fix="run the item alone with executor='inline' to see the crash",
            )
        )

    def collect(self) -> list[Any]:
        """Return the parts since the last time."""
        parts, self._parts, self.has_news = self._parts, [], False
        return parts


class CheckRun(StreamRun):
    """A call of `Executor.check`: a batch without items, whose only result is what the options are refused for."""

    warms = False

    def __init__(self, options: object) -> None:
        super().__init__(None, options)
        self._batch = Batch(())

    def send(self, crew: Crew, replica: int, ticket: int, batch: Batch) -> None:
        """Hand it to a crew."""
        crew.send(replica, ticket, [], self._options)

    def done(self, batch: Batch, item_results: Sequence[ItemResult]) -> None:
        """Take the answer."""
        refused = next((each.error for each in item_results if each.error is not None), None)
        self.stop(None if refused is None else refused.to_exception())
