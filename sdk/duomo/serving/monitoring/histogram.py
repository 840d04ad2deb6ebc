"""A histogram that one thread counts into, which is what a server's event loop does.

Prometheus' own is for any thread: it takes a lock for its sum and one for the bucket that it has looked for.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Histogram(Collector):
    """How often values came, by task.

    Args:
        name: of the metric.
        text: what it is.
        buckets: their upper bounds, rising.
    """

    def __init__(self, name: str, text: str, buckets: Sequence[float]) -> None:
        self._name, self._text, self._buckets = name, text, buckets
        self._counts: dict[str, list[int]] = {}
        """Task → how often, in each bucket and above all of them."""
        self._sums: dict[str, float] = {}

    def observe(self, task: str, value: float) -> None:
        """Count a value."""
        counts = self._counts.get(task)
        if counts is None:
            counts = self._counts[task] = [0] * (len(self._buckets) + 1)
            self._sums[task] = 0.0
        counts[bisect_left(self._buckets, value)] += 1
        self._sums[task] += value

    def collect(self) -> Iterator[Metric]:
        """Give what was counted, as Prometheus has it: each bucket with all below it."""
        family = HistogramMetricFamily(self._name, self._text, labels=["task"])
        bounds = [*map(floatToGoString, self._buckets), "+Inf"]
        for task, counts in self._counts.items():
            family.add_metric([task], list(zip(bounds, itertools.accumulate(counts), strict=True)), self._sums[task])
        yield family
