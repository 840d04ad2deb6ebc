"""What a server counts, as Prometheus metrics. No label comes from a client's text."""

from __future__ import annotations

import functools
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, generate_latest

from duomo.outcome import Outcome
from duomo.serving.monitoring.histogram import Histogram
from duomo.serving.monitoring.recent import Recent
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = tuple(0.001 * 2**power for power in range(16))
"""Upper bounds of the buckets of durations: 1 ms to 33 s, each twice the one before."""


class Metrics:
    """One registry a server, so that several servers can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("duomo_requests", "Requests answered", ["task", "status"])
        self.items = self._counter("duomo_items", "Items that came to an outcome", ["task", "code"])
        self.rejected = self._counter("duomo_rejected", "Requests that were not let in", ["task", "reason"])
        self.cancelled = self._counter("duomo_cancelled", "Items whose client left before their outcome", ["task"])
        self.seconds = self._histogram("duomo_request_seconds", "From the request to its answer")
        self.queue = self._histogram("duomo_queue_seconds", "From an item's coming to its batch")
        self.compute = self._histogram("duomo_compute_seconds", "Of the batch that an item ran in")
        self.recent: dict[str, Recent] = {}
        """Task → its last requests."""
        # Prometheus makes each set of labels out again, which costs more than to count.
        self._item = functools.cache(self.items.labels)
        self._request = functools.cache(self.requests.labels)

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...] = SECONDS) -> Histogram:
        made = Histogram(name, text, buckets)
        self.registry.register(made)
        return made

    def count(self, task: str, outcome: Outcome[R], queue_s: float, compute_s: float) -> None:
        """Count one outcome, and the seconds that it waited and was computed."""
        self._item(task, outcome.error.code if outcome.error is not None else "ok").inc()
        if outcome.error is None:
            self.queue.observe(task, queue_s)
            self.compute.observe(task, compute_s)

    def request(self, task: str, status: int, seconds: float, now: float) -> None:
        """Count one answer."""
        self._request(task, status).inc()
        self.seconds.observe(task, seconds)
        if task not in self.recent:
            self.recent[task] = Recent()
        self.recent[task].add(now, seconds)

    def by_label(self, name: str, task: str, label: str) -> dict[str, float]:
        """Return a counter of one task by the values of another label."""
        counter = {"duomo_requests": self.requests, "duomo_items": self.items, "duomo_rejected": self.rejected}[name]
        samples = [sample for family in counter.collect() for sample in family.samples]
        return {
            sample.labels[label]: sample.value
            for sample in samples
            if sample.name == f"{name}_total" and sample.labels["task"] == task
        }

    def value(self, sample: str, task: str) -> float:
        """Return one number of a task; 0 before it was counted."""
        for each in (self.cancelled, self.queue, self.compute):
            for family in each.collect():
                for found in family.samples:
                    if found.name == sample and found.labels["task"] == task:
                        return found.value
        return 0.0

    def mean(self, name: str, task: str) -> float:
        """Return the mean of a histogram of a task; 0 before anything was measured."""
        return self.value(f"{name}_sum", task) / max(1.0, self.value(f"{name}_count", task))

    def text(self) -> bytes:
        """Write all metrics in Prometheus' text format; gauges are read now."""
        return generate_latest(self.registry)
