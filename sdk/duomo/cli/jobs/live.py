"""The progress of a run on many workers: how busy each is, what is out with them, and what went wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from duomo.counting import counted

if TYPE_CHECKING:
    from duomo.cli.jobs.summary import Summary
    from duomo.execution.base import Executor
    from duomo.execution.stats import Stats

MOST_NAMED = 8
"""The most workers that are named one by one."""


class Live:
    """What `duomo.cli.jobs.progress.Progress` shows while a run goes on; with one worker the summary's line alone."""

    def __init__(self, summary: Summary, executor: Executor | None) -> None:
        self._summary = summary
        self._executor = executor
        self._devices = executor.devices() if executor is not None else []
        self._then = time.perf_counter()
        self._busy = [0.0] * len(self._devices)

    def text(self) -> str:
        """Describe the progress in one line or two; called a few times a second."""
        line = self._summary.line()
        if self._executor is None or len(self._devices) < 2:
            return line
        stats = self._executor.stats()
        if not stats.replicas:
            return line
        out = stats.in_flight
        parts = [*self._shares(stats), f"{counted(out, 'batch', 'batches')} out"]
        if stats.padding >= 0.005:
            parts.append(f"padding {stats.padding:.0%}")
        for count, word in ((stats.restarts, "restarted"), (stats.ooms, "out of memory")):
            if count:
                parts.append(f"{count:,} {word}")
        gone = len(self._devices) - stats.num_alive
        if gone:
            parts.append(f"{gone} of {len(self._devices)} workers given up")
        return f"{line}\n  {' · '.join(parts)}"

    def _shares(self, stats: Stats) -> list[str]:
        """Compute each worker's share of busy time since the last call."""
        now = time.perf_counter()
        busy = [replica.busy_s for replica in stats.replicas]
        passed = max(1e-6, now - self._then)
        shares = [min(1.0, max(0.0, (b - a) / passed)) for a, b in zip(self._busy, busy, strict=True)]
        self._then, self._busy = now, busy
        if len(shares) <= MOST_NAMED:
            return [f"{name} {share:.0%}" for name, share in zip(self._devices, shares, strict=True)]
        return [f"{len(shares)} workers {sum(shares) / len(shares):.0%} busy, the least {min(shares):.0%}"]
