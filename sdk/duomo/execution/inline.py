"""In this process, one batch after another."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator
from typing import Any

from duomo.execution.base import Entry, Executor, Job
from duomo.execution.worker import Settled, Worker
from duomo.outcome import Meta, Outcome


class InlineExecutor(Executor):
    """No processes and no threads: the simplest place to run, and what the others are compared with."""

    name = "inline"

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._counts = {"items": 0, "failed": 0, "batches": 0, "seconds": 0.0}

    def start(self, job: Job) -> None:
        """Load the model here."""
        self._worker = Worker(job)
        self._meta = self._worker.meta(self.name)
        # The one-item path is the hot path of an embedder: no layer of ours between it and the worker.
        self.run = self._worker.run  # type: ignore[method-assign]

    @property
    def worker(self) -> Worker:
        """The worker; an executor that was shut down has none."""
        if self._worker is None:
            raise RuntimeError("this executor is not running: load the model again")
        return self._worker

    def run(self, item: Any, options: Any) -> Any:
        """One accepted item to its result."""
        return self.worker.run(item, options)

    def stream(self, item: Any, options: Any) -> Iterator[Any]:
        """The parts of one result as they come."""
        return self.worker.stream(item, options)

    def map(self, entries: Iterable[Entry], options: Any, *, batch_size: int | None = None) -> Iterator[Outcome[Any]]:
        """Batches of `batch_size` in the order of arrival."""
        size = batch_size or self.worker.model.batch_size
        for batch in batched(entries, size):
            start = time.perf_counter()
            good = [entry for entry in batch if entry.error is None]
            settled = iter(self.worker.run_batch([entry.item for entry in good], options))
            ms = (time.perf_counter() - start) * 1000 / max(1, len(good))
            self._counts["batches"] += 1
            self._counts["seconds"] += time.perf_counter() - start
            for entry in batch:
                one = Settled(error=entry.error) if entry.error is not None else next(settled)
                self._counts["items"] += 1
                self._counts["failed"] += one.error is not None
                yield self._outcome(entry, one, ms)

    def meta(self) -> Meta:
        """What is the same for all results of the job."""
        return self._meta

    def stats(self) -> dict[str, float]:
        """Items, failures, batches and seconds spent in them."""
        return dict(self._counts)

    def shutdown(self) -> None:
        """Drop the model."""
        self._worker = None
        self.__dict__.pop("run", None)

    def _outcome(self, entry: Entry, one: Settled, ms: float) -> Outcome[Any]:
        meta = dataclasses.replace(
            self._meta, batch=one.batch, ms=round(ms, 3), truncated=one.truncated, windows=one.windows
        )
        return Outcome(entry.index, entry.id, one.result, one.error, meta)


def batched(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Lists of up to `size`; what was read before the source raised is given first."""
    batch: list[Entry] = []
    try:
        for entry in entries:
            batch.append(entry)
            if len(batch) == size:
                yield batch
                batch = []
    except Exception:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
