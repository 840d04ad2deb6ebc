"""How a server is, as one record: the page, the JSON and the gauges of Prometheus are made of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, TypeVar

import pydantic

from duomo.outcome import Meta
from duomo.serving.hosted import Hosted
from duomo.serving.monitoring.drift import Shift
from duomo.tasks.base import Result
from duomo.version import __version__

R = TypeVar("R", bound=Result)


class Replica(pydantic.BaseModel):
    """One copy of a model."""

    device: str
    state: str
    items: int
    busy_s: float
    restarts: int


class ModelStatus(pydantic.BaseModel):
    """One model that is served."""

    task: str
    model: str
    revision: str
    optimize: str
    difference: float
    devices: list[str]
    state: str
    """``ready``, ``draining`` or ``not ready``."""
    reasons: list[str]
    since: float
    """When it began to answer, in seconds since the epoch."""
    last_success: float
    last_error: str
    last_error_at: float
    requests: dict[str, float]
    """By status."""
    items: dict[str, float]
    """By code; ``ok`` for a result."""
    rejected: dict[str, float]
    """By reason."""
    cancelled: float
    waiting_items: int
    waiting_s: float
    """Seconds of work that wait."""
    cost_per_s: float
    requests_per_s: float
    """Over the last minute."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    """Latencies of the last minute, from a request to its answer."""
    queue_ms: float
    compute_ms: float
    """Means since the start."""
    batches: int
    batched: int
    """Items of all batches."""
    sizes: list[int]
    """How many batches had 1 item, 2 at most, 4, 8 …, 1,024, and more."""
    items_per_batch: float
    padding: float
    prepare_s: float
    compute_s: float
    replicas: list[Replica]
    drift: list[Shift]
    has_reference: bool


class Status(pydantic.BaseModel):
    """The whole server."""

    format: str = "duomo.status/1"
    version: str = __version__
    uptime_s: float
    resident_bytes: int
    models: list[ModelStatus]


class Snapshots(Generic[R]):
    """Makes the record.

    Args:
        hosted: the models.
    """

    def __init__(self, hosted: Iterable[Hosted[R]]) -> None:
        self._hosted = list(hosted)
        self._started = time.time()

    def take(self) -> Status:
        """Read all numbers now."""
        models = [model_status(each) for each in self._hosted]
        return Status(uptime_s=time.time() - self._started, resident_bytes=resident_bytes(), models=models)


def model_status(hosted: Hosted[R]) -> ModelStatus:
    """Read the numbers of one model."""
    name, metrics, runner = hosted.task.name, hosted.metrics, hosted.runner
    meta: Meta = runner.meta
    stats, reasons, now = runner.executor.stats(), hosted.why_not_ready(), time.monotonic()
    recent = metrics.recent.get(name)
    quantiles = recent.quantiles(now, 0.5, 0.95, 0.99) if recent is not None else [0.0, 0.0, 0.0]
    state = "draining" if hosted.draining else "not ready" if reasons else "ready"
    return ModelStatus(
        task=name,
        model=meta.model,
        revision=meta.revision,
        optimize=meta.optimize,
        difference=meta.difference,
        devices=runner.executor.devices(),
        state=state,
        reasons=reasons,
        since=hosted.since,
        last_success=hosted.last_success,
        last_error=hosted.last_error[0],
        last_error_at=hosted.last_error[1],
        requests=metrics.by_label("duomo_requests", name, "status"),
        items=metrics.by_label("duomo_items", name, "code"),
        rejected=metrics.by_label("duomo_rejected", name, "reason"),
        cancelled=metrics.value("duomo_cancelled_total", name),
        waiting_items=hosted.admission.waiting_items,
        waiting_s=hosted.admission.wait_s(),
        cost_per_s=hosted.admission.rate,
        requests_per_s=recent.rate(now) if recent is not None else 0.0,
        p50_ms=quantiles[0] * 1e3,
        p95_ms=quantiles[1] * 1e3,
        p99_ms=quantiles[2] * 1e3,
        queue_ms=metrics.mean("duomo_queue_seconds", name) * 1e3,
        compute_ms=metrics.mean("duomo_compute_seconds", name) * 1e3,
        batches=stats.batches,
        batched=stats.batched,
        sizes=stats.sizes,
        items_per_batch=stats.batched / max(1, stats.batches),
        padding=stats.padding,
        prepare_s=stats.prepare_s,
        compute_s=stats.compute_s,
        replicas=[Replica(**each._asdict()) for each in stats.replicas],
        drift=hosted.drift.shifts(),
        has_reference=hosted.drift.has_reference,
    )


def resident_bytes() -> int:
    """Return the memory that this process has in RAM; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
