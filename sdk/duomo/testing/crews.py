"""A crew in this process, on a clock of its own, that dies, hangs and runs out of memory on command."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from duomo.execution.base import Job, ModelFacts
from duomo.execution.devices import describe_and_release
from duomo.execution.pools.crew import Crew, Event
from duomo.execution.pools.pool import PoolExecutor
from duomo.execution.worker import Worker
from duomo.outcome import ItemError

DEADLY = ("exits", "segfaults")


class InProcessCrew(Crew):
    """Replicas that are lines of batches before one worker; each batch takes `batch_s` of a clock that `wait` moves.

    Words in the items of `duomo.testing.FaultyModel` do to a replica what they would do to a process.
    One more, ``lurks``, ends it as soon as it is sent, though another batch stands before it.

    Args:
        size: number of replicas.
        die_at: for a replica, which of its batches (from 0) it dies in the middle of.
        short_at: for a replica, which of its batches it answers with an outcome too few.
        fits: for a replica, how many items its memory holds.
        broken: replicas that do not start again.
        batch_s: seconds of a batch.
    """

    def __init__(
        self,
        size: int,
        *,
        die_at: Mapping[int, Collection[int]] | None = None,
        short_at: Mapping[int, Collection[int]] | None = None,
        fits: Mapping[int, int] | None = None,
        broken: Collection[int] = (),
        batch_s: float = 0.01,
    ) -> None:
        self.size = size
        self.sent: list[tuple[int, list[str]]] = []
        """What was sent, and to whom."""
        self.restarted: list[tuple[float, int]] = []
        """When, and who."""
        self.is_shut_down = False
        self._die_at, self._short_at, self._fits = die_at or {}, short_at or {}, fits or {}
        self._broken = broken
        self._batch_s = batch_s
        self._clock = 0.0
        self._lines: list[deque[tuple[int, Any, Any]]] = [deque() for _ in range(size)]
        self._counts = [0] * size
        self._events: deque[Event] = deque()

    def start(self, job: Job) -> ModelFacts:
        """Load the model once, for all."""
        self._worker = Worker(job)
        return ModelFacts.of(self._worker)

    def send(self, replica: int, ticket: int, items: Sequence[Any], options: object) -> None:
        """Put it at the end of the line."""
        self.sent.append((replica, [str(item) for item in items]))
        if any("unsendable" in item for item in items):
            raise TypeError("cannot pickle this item")
        self._lines[replica].append((ticket, list(items), options))
        if any("lurks" in item for item in items):
            self._die(replica, "it died while preparing")

    def stream(self, replica: int, ticket: int, item: object, options: object) -> None:
        """All parts at once, when its turn comes."""
        self._lines[replica].append((ticket, item, options))

    def cancel(self, replica: int, ticket: int) -> None:
        """Too late, as all parts are on their way."""

    def wait(self, timeout_s: float) -> list[Event]:
        """One batch of each replica; with none at work the clock goes on alone."""
        lines = [replica for replica in range(self.size) if self._lines[replica] and not self._hangs(replica)]
        self._clock += self._batch_s if lines else timeout_s
        for replica in lines:
            self._run(replica)
        events = list(self._events)
        self._events.clear()
        return events

    def restart(self, replica: int) -> None:
        """At once."""
        self.restarted.append((self._clock, replica))
        if replica in self._broken:
            self._die(replica, "it does not start")
        else:
            self._events.append(Event("ready", replica))

    def kill(self, replica: int, why: str) -> None:
        """It is gone."""
        self._die(replica, why)

    def devices(self, replica: int) -> str:
        """Its number."""
        return f"fake:{replica}"

    def now(self) -> float:
        """The clock that `wait` moves."""
        return self._clock

    def shutdown(self) -> None:
        """Nothing to end."""
        self.is_shut_down = True

    def _hangs(self, replica: int) -> bool:
        items = self._lines[replica][0][1]
        return isinstance(items, list) and any("hangs" in item for item in items)

    def _run(self, replica: int) -> None:
        ticket, items, options = self._lines[replica][0]
        if not isinstance(items, list):
            self._lines[replica].popleft()
            parts = self._worker.stream(items, options)
            self._events += [Event("part", replica, ticket, part=part) for part in parts]
            self._events.append(Event("done", replica, ticket))
            return
        nth, self._counts[replica] = self._counts[replica], self._counts[replica] + 1
        if nth in self._die_at.get(replica, ()) or any(word in item for item in items for word in DEADLY):
            self._die(replica, "it died")
            return
        self._lines[replica].popleft()
        try:
            if len(items) > self._fits.get(replica, len(items)):
                raise MemoryError(f"{len(items)} items do not fit replica {replica}")
            self._worker.replica = replica
            item_results = self._worker.compute(self._worker.prepare(items, options), options)
        except Exception as error:
            words, full = describe_and_release(error)
            self._events.append(Event("raised", replica, ticket, error=words, out_of_memory=full))
            return
        if nth in self._short_at.get(replica, ()):
            del item_results[-1]
        self._events.append(Event("done", replica, ticket, item_results, compute_s=self._batch_s))

    def _die(self, replica: int, why: str) -> None:
        self._lines[replica].clear()
        self._events.append(Event("lost", replica, error=dataclasses.replace(_DIED, why=why)))


class InProcessPool(PoolExecutor):
    """The real pool over an `InProcessCrew`."""

    name = "in-process"


_DIED = ItemError("E-WORKER-LOST", "a replica died", type="WorkerLost")
