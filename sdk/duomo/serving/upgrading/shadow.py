"""A candidate that answers a share of the traffic after the live model has: nobody sees its answers but the report."""

from __future__ import annotations

import asyncio
import functools
import logging
import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from duomo.inputs.seal import sealed
from duomo.outcome import Outcome
from duomo.runner import Runner
from duomo.serving.hosted import Watcher
from duomo.serving.upgrading.compare import Differences
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)
LOG = logging.getLogger("duomo.shadow")
MOST_FLYING = 8
"""Items that the candidate has or that wait for it; what comes meanwhile is skipped."""
SHARE_OF_TIME, CREDIT_S = 0.05, 1.0
"""The part of the time that the candidate may compute in, and the seconds of it that it may have saved up."""
REST_S = 0.005
"""Seconds until it is looked again whether the live model rests."""
MOST_TIMES = 10_000


class Leisure:
    """When a candidate may begin an item: nothing waits for the live model, and it has had no more than its share.

    Both compute on the same devices, and what has begun is not interrupted: whoever comes meanwhile waits for it.

    Args:
        now: the time, in seconds of any clock.
    """

    def __init__(self, now: float) -> None:
        self._credit_s, self._at = CREDIT_S, now

    def may_begin(self, now: float, waiting: int) -> bool:
        """Whether one item may begin while this many wait for the live model."""
        self._credit_s = min(CREDIT_S, self._credit_s + SHARE_OF_TIME * (now - self._at))
        self._at = now
        return waiting == 0 and self._credit_s > 0

    def took(self, seconds: float) -> None:
        """Take down how long an item was computed."""
        self._credit_s -= seconds


class Shadow(Watcher[R], Generic[R]):
    """Compares a candidate with the live model.

    Args:
        runner: the candidate.
        share: of the items that are compared, 0 to 1.
        loaded_bytes: by how much the process grew when the candidate was loaded.
        waiting: how many items wait for the live model, or are computed by it.
    """

    def __init__(
        self, runner: Runner[R], share: float, loaded_bytes: int, waiting: Callable[[], int] = lambda: 0
    ) -> None:
        self.runner = runner
        self.share = share
        self.loaded_bytes = loaded_bytes
        self.since = time.time()
        self.skipped = 0
        """Items of the share that came while the candidate was busy."""
        self.failed_live = self.failed_candidate = self.failed_both = 0
        self.differences = Differences()
        self._due = 0.0
        self._turn, self._one = asyncio.Lock(), asyncio.Lock()
        self._waiting, self._leisure = waiting, Leisure(time.monotonic())
        self._flying: set[asyncio.Task[None]] = set()
        self._live_ms: deque[float] = deque(maxlen=MOST_TIMES)
        self._candidate_ms: deque[float] = deque(maxlen=MOST_TIMES)

    def answered(self, item: object, options: Mapping[str, object], outcome: Outcome[R]) -> None:
        """Have the candidate answer too, if it is this item's turn."""
        self._due += self.share
        if self._due < 1:
            return
        self._due -= 1
        if len(self._flying) >= MOST_FLYING:
            self.skipped += 1
            return
        task = asyncio.get_running_loop().create_task(self._compare(item, options, outcome))
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)

    async def stop(self) -> None:
        """Compare no longer; what the candidate has begun is not waited for, since it may hang."""
        flying = tuple(self._flying)
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    def report(self) -> dict[str, object]:
        """Return what changes with the candidate. Times are of computing one item, its share of a batch."""
        live, candidate = (statistics.median(each) if each else None for each in (self._live_ms, self._candidate_ms))
        compared = self.differences.items
        return {
            "model": self.runner.meta.model,
            "revision": self.runner.meta.revision,
            "share": self.share,
            "since": self.since,
            **self.differences.record(),
            "skipped": self.skipped,
            "failed_live_only": self.failed_live,
            "failed_candidate_only": self.failed_candidate,
            "failed_both": self.failed_both,
            "live_ms": round(live, 3) if live is not None else None,
            "candidate_ms": round(candidate, 3) if candidate is not None else None,
            "loaded_bytes": self.loaded_bytes,
            "changed_share": round(self.differences.changed / compared, 4) if compared else None,
        }

    async def _compare(self, item: object, options: Mapping[str, object], live: Outcome[R]) -> None:
        try:
            async with self._one:
                while not self._leisure.may_begin(time.monotonic(), self._waiting()):
                    await asyncio.sleep(REST_S)
                candidate = await self._compute(item, options)
            await self._note(live, candidate)
        except Exception as error:  # a candidate may do anything: its options are others, or its results
            self.failed_candidate += 1
            LOG.warning("the candidate %s: %s", self.runner.meta.model, type(error).__name__)

    async def _compute(self, item: object, options: Mapping[str, object]) -> Outcome[R]:
        start = time.monotonic()
        try:
            with sealed():
                submit = functools.partial(self.runner.submit, item, deadline_s=None, caller="shadow", **options)
                future = await asyncio.to_thread(submit)
            return await asyncio.wrap_future(future)
        finally:
            self._leisure.took(time.monotonic() - start)

    async def _note(self, live: Outcome[R], candidate: Outcome[R]) -> None:
        if live.result is not None and candidate.result is not None:
            async with self._turn:  # long texts take seconds, in which others are answered
                await asyncio.to_thread(self.differences.add, live.result, candidate.result)
            self._live_ms.append(live.meta.ms)
            self._candidate_ms.append(candidate.meta.ms)
        elif live.result is None and candidate.result is None:
            self.failed_both += 1
        elif live.result is None:
            self.failed_live += 1
        else:
            self.failed_candidate += 1
