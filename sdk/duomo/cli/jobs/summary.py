"""Counts of a run, taken as outcomes pass: for the progress line, the closing line and ``--stats``."""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from duomo.counting import counted

if TYPE_CHECKING:
    from duomo.execution.stats import Stats
    from duomo.outcome import Outcome

STEP = 1.05
"""Times are kept in bins of five percent, so that a million items take no more memory than a thousand."""


class Summary:
    """Counts of one run."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.ok = self.failed = self.truncated = self.windowed = 0
        self._bins: Counter[int] = Counter()
        self._start = time.perf_counter()

    def begin(self, total: int | None = None) -> None:
        """Start the clock, once the model is loaded; `total` is the number of items, if that is known."""
        self.total = total
        self._start = time.perf_counter()

    @property
    def done(self) -> int:
        """Items so far."""
        return self.ok + self.failed

    def add(self, outcome: Outcome[Any]) -> None:
        """Count one outcome."""
        self.ok += outcome.ok
        self.failed += not outcome.ok
        self.truncated += outcome.meta.truncated
        self.windowed += outcome.meta.windows > 1
        if outcome.meta.ms > 0:
            self._bins[round(math.log(outcome.meta.ms, STEP))] += 1

    def line(self) -> str:
        """Format the progress of the run as one line."""
        seconds = time.perf_counter() - self._start
        rate = self.done / seconds if seconds > 0 else 0.0
        parts = [f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,} done"]
        if self.done > 1:
            parts.append(f"{rate:,.1f}/s" if rate < 100 else f"{rate:,.0f}/s")
        if self.total and self.done and self.done < self.total:
            left = (self.total - self.done) / rate
            parts.append(f"{int(left // 60)}:{int(left % 60):02} left")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        return " · ".join(parts)

    def record(self, stats: Stats) -> dict[str, Any]:
        """Give all figures, JSON-safe.

        Args:
            stats: of the executor.
        """
        seconds = time.perf_counter() - self._start
        return {
            "schema": "duomo.stats/1",
            "items": self.done,
            "ok": self.ok,
            "failed": self.failed,
            "truncated": self.truncated,
            "windowed": self.windowed,
            "seconds": round(seconds, 3),
            "items_per_s": round(self.done / seconds, 2) if seconds > 0 else None,
            "ms": {"p50": self._quantile(0.5), "p95": self._quantile(0.95)},
            "seconds_by_stage": {
                "prepare": round(stats.prepare_s, 3),
                "compute": round(stats.compute_s, 3),
            },
            "batches": {name: getattr(stats, name) for name in ("batches", "splits", "retries", "ooms", "lost")},
            "workers": [{"items": each.items, "busy_s": round(each.busy_s, 3)} for each in stats.replicas],
            "restarts": stats.restarts,
            "padding": round(stats.padding, 4),
            "peak_memory_mib": peak_memory_mib(),
        }

    def _quantile(self, share: float) -> float | None:
        """Find the milliseconds that a share of the items stayed within, to five percent."""
        seen, wanted = 0, share * self._bins.total()
        for bin_, count in sorted(self._bins.items()):
            seen += count
            if seen >= wanted:
                return round(STEP**bin_, 3)
        return None


def summary_line(record: Mapping[str, Any]) -> str:
    """Format the figures that matter most as one line."""
    stages = record["seconds_by_stage"]
    parts = [f"{counted(record['items'], 'item')} in {record['seconds']:.1f} s ({record['items_per_s'] or 0:,.1f}/s)"]
    if record["failed"]:
        parts.append(f"{record['failed']:,} failed")
    if record["ms"]["p50"] is not None:
        parts.append(f"p50 {record['ms']['p50']:.3g} ms, p95 {record['ms']['p95']:.3g} ms")
    parts.append(f"prepare {stages['prepare']:.1f} s, compute {stages['compute']:.1f} s")
    if record["padding"] >= 0.005:
        parts.append(f"padding {record['padding']:.0%}")
    if record["peak_memory_mib"]:
        parts.append(f"{record['peak_memory_mib']:,} MiB at most")
    return "; ".join(parts)


def peak_memory_mib() -> int | None:
    """Ask for the most memory this process has held, in MiB; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak / (1024**2 if sys.platform == "darwin" else 1024))
