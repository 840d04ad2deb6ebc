"""What a server counts, as Prometheus metrics. No label comes from a client's text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from duomo.outcome import Outcome
from duomo.serving.hosted import Hosted

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = tuple(0.001 * 2**power for power in range(16))
"""Upper bounds of the buckets of durations: 1 ms to 33 s, each twice the one before."""
ITEMS = tuple(float(2**power) for power in range(11))
"""Upper bounds of the buckets of batch sizes: powers of two."""


class Metrics:
    """One registry a server, so that several servers can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter("duomo_requests", "Requests answered", ["task", "status"])
        self.items = self._counter("duomo_items", "Items that came to an outcome", ["task", "code"])
        self.rejected = self._counter("duomo_rejected", "Requests that were not let in", ["task", "reason"])
        self.cancelled = self._counter("duomo_cancelled", "Items whose client left before their outcome", ["task"])
        self.seconds = Histogram(
            "duomo_request_seconds", "From the request to its answer", ["task"], buckets=SECONDS, registry=self.registry
        )
        self.batch = Histogram(
            "duomo_batch_items", "Items of the batch that an item ran in", ["task"], buckets=ITEMS,
            registry=self.registry,
        )  # fmt: skip
        self._waiting_s = self._gauge("duomo_queue_seconds_of_work", "Seconds of work that wait", ["task"])
        self._waiting = self._gauge("duomo_queue_items", "Items that wait or run", ["task"])
        self._ready = self._gauge("duomo_model_ready", "Whether the model can answer", ["task"])
        self._info = self._gauge(
            "duomo_model_info", "1 for the model that serves a task", ["task", "model", "revision"]
        )

    def _counter(self, name: str, text: str, labels: list[str]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: list[str]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def count(self, task: str, outcome: Outcome[Any]) -> None:
        """Count one outcome."""
        self.items.labels(task, outcome.error.code if outcome.error is not None else "ok").inc()
        if outcome.error is None:
            self.batch.labels(task).observe(outcome.meta.batch)

    def text(self, hosted: Iterable[Hosted]) -> bytes:
        """Write all metrics in Prometheus' text format; gauges are read now."""
        for each in hosted:
            name, meta = each.task.name, each.runner.meta
            self._waiting_s.labels(name).set(each.admission.wait_s())
            self._waiting.labels(name).set(each.admission.waiting_items)
            self._ready.labels(name).set(not each.why_not_ready())
            self._info.labels(name, meta.model, meta.revision).set(1)
        return generate_latest(self.registry)
