"""A model that is served: its runner, its state, what waits for it, and what became of what it was asked."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from typing import Any

from duomo.errors import Aborted
from duomo.outcome import Outcome
from duomo.runner import Runner
from duomo.serving.admission import Admission


@dataclasses.dataclass
class Counts:
    """What became of the items of one model, since the start."""

    items: int = 0
    failed: int = 0
    cancelled: int = 0
    refused: int = 0
    codes: Counter[str] = dataclasses.field(default_factory=Counter)
    last_success: float = 0.0
    """Time of the last result, in seconds since the epoch; 0 before the first."""


class Hosted:
    """One runner behind the server, under the name of its task.

    Args:
        runner: a loaded model.
        most_wait_s: how long work may wait before more is refused.
    """

    def __init__(self, runner: Runner[Any], *, most_wait_s: float = 10.0) -> None:
        self.runner = runner
        self.task = runner.task
        self.admission = Admission(most_wait_s)
        self.counts = Counts()
        self.draining = False
        self.since = time.time()

    def why_not_ready(self) -> list[str]:
        """Reasons why this model cannot answer now; empty when it can."""
        reasons = ["it is being shut down"] if self.draining else []
        return reasons + self.runner.executor.health()

    def cost_of(self, item: object) -> float:
        """Guess what an item costs before it is accepted: its characters or bytes, at least 1."""
        return float(max(1, len(item))) if isinstance(item, str | bytes | list | dict) else 1.0

    async def run(
        self, item: object, options: dict[str, Any], *, deadline_s: float | None = None, cost: float = 1.0
    ) -> Outcome[Any]:
        """Submit one item and wait for its outcome; whoever stops waiting takes the item back.

        Raises:
            DuomoError: the options or the item cannot be used, which is known before anything is computed.
            asyncio.CancelledError: the caller has gone; an item that has not begun is not computed.
        """
        if self.draining:
            raise Aborted(
                "this server is being shut down", why="it takes no new work", fix="ask another, or again later"
            )
        self.admission.enter(cost, time.monotonic())
        computed = False
        try:
            future = await asyncio.to_thread(self.runner.submit, item, deadline_s=deadline_s, **options)
            try:
                outcome: Outcome[Any] = await asyncio.wrap_future(future)
            except asyncio.CancelledError:
                future.cancel()
                self.counts.cancelled += 1
                raise
            computed = outcome.ok
        finally:
            self.admission.leave(cost, time.monotonic(), computed=computed)
        self._count(outcome)
        return outcome

    def _count(self, outcome: Outcome[Any]) -> None:
        self.counts.items += 1
        if outcome.error is None:
            self.counts.last_success = time.time()
        else:
            self.counts.failed += 1
            self.counts.codes[outcome.error.code] += 1
