"""The record of a server as gauges and counters of Prometheus, read when they are asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from duomo.execution.stats import SIZES
from duomo.serving.status.snapshot import ModelStatus, Snapshots
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)
GAUGES = (
    ("duomo_queue_seconds_of_work", "Seconds of work that wait", "waiting_s"),
    ("duomo_queue_items", "Items that wait or run", "waiting_items"),
    ("duomo_cost_per_second", "Characters and bytes done a second while there was work", "cost_per_s"),
    ("duomo_padding_ratio", "Share of the computed cost that is padding", "padding"),
    ("duomo_last_success_timestamp_seconds", "Time of the last result", "last_success"),
)
COUNTERS = (
    ("duomo_batches", "Batches that ran", "batches"),
    ("duomo_prepare_seconds", "Seconds of preprocessing", "prepare_s"),
    ("duomo_forward_seconds", "Seconds of forward and postprocess", "compute_s"),
)


class Gauges(Collector, Generic[R]):
    """A collector for a registry of `prometheus_client`."""

    def __init__(self, snapshots: Snapshots[R]) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterator[Metric]:
        """Read them now."""
        status = self._snapshots.take()
        yield GaugeMetricFamily("duomo_resident_bytes", "Memory of the server's process", value=status.resident_bytes)
        for name, text, field in GAUGES:
            yield _family(GaugeMetricFamily(name, text, labels=["task"]), status.models, field)
        for name, text, field in COUNTERS:
            yield _family(CounterMetricFamily(name, text, labels=["task"]), status.models, field)
        ready = GaugeMetricFamily("duomo_model_ready", "Whether the model can answer", labels=["task"])
        info = GaugeMetricFamily(
            "duomo_model_info", "1 for the model that serves a task", labels=["task", "model", "revision", "optimize"]
        )
        busy = CounterMetricFamily(
            "duomo_replica_busy_seconds", "Seconds with a batch", labels=["task", "replica", "device"]
        )
        restarts = CounterMetricFamily(
            "duomo_replica_restarts", "Restarts of a copy", labels=["task", "replica", "device"]
        )
        drift = GaugeMetricFamily(
            "duomo_drift", "KS or PSI of a signal against its reference", labels=["task", "signal"]
        )
        alarm = GaugeMetricFamily("duomo_drift_alarm", "1 where a signal has shifted", labels=["task", "signal"])
        sizes = HistogramMetricFamily("duomo_batch_items", "Items of a batch", labels=["task"])
        bounds = [*(f"{size}.0" for size in SIZES), "+Inf"]
        for each in status.models:
            sizes.add_metric(
                [each.task], list(zip(bounds, itertools.accumulate(each.sizes), strict=True)), each.batched
            )
            ready.add_metric([each.task], each.state == "ready")
            info.add_metric([each.task, each.model, each.revision, each.optimize], 1)
            for number, replica in enumerate(each.replicas):
                busy.add_metric([each.task, str(number), replica.device], replica.busy_s)
                restarts.add_metric([each.task, str(number), replica.device], replica.restarts)
            for shift in each.drift:
                drift.add_metric([each.task, shift.signal], shift.statistic)
                alarm.add_metric([each.task, shift.signal], shift.alarm)
        yield from (sizes, ready, info, busy, restarts, drift, alarm)


def _family(family: Metric, models: list[ModelStatus], field: str) -> Metric:
    assert isinstance(family, GaugeMetricFamily | CounterMetricFamily)
    for each in models:
        family.add_metric([each.task], float(getattr(each, field)))
    return family
