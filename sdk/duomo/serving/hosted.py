"""A model that is served: its runner, its state, what waits for it, and what became of what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Future
from typing import Generic, TypeVar

from duomo.errors import DuomoError, Unavailable
from duomo.execution.scheduling.admission import Admission
from duomo.inputs.seal import sealed
from duomo.outcome import Outcome
from duomo.runner import Runner
from duomo.serving.monitoring.drift import Windows
from duomo.serving.monitoring.metrics import Metrics
from duomo.serving.monitoring.observe import seen
from duomo.serving.monitoring.senses import Senses
from duomo.serving.monitoring.signals import signals_of, size_of
from duomo.serving.refusal import TooBusy
from duomo.serving.settling import settled
from duomo.serving.streaming import Streams
from duomo.tasks.base import Result
from duomo.testing.samples import sample_for

R = TypeVar("R", bound=Result)
MOST_FAILING = 8
"""A model is not ready after this many failures in a row."""
PROBE_EVERY_S = 2.0
SHORT = 2_000
"""Characters of a text that is accepted at once; anything else may have a header to be read, or a file."""
STALLED_S = 4.0
"""A model is not ready when items wait for so long without any answer, if its requests have been shorter."""


class Lease(Generic[R]):
    """A runner and how many requests use it; it is closed once it is retired and nobody does.

    A request holds it by ``with``.
    """

    def __init__(self, runner: Runner[R]) -> None:
        self.runner = runner
        self.users = 0
        self.is_retired = False
        self.since = time.time()

    def __enter__(self) -> Runner[R]:
        self.users += 1
        record = seen()
        record.task, record.model = self.runner.task.name, self.runner.meta.model
        return self.runner

    def __exit__(self, *_: object) -> None:
        self.users -= 1
        _close_if_idle(self)


class Watcher(Generic[R]):
    """Looks on at what is answered, such as a candidate that is compared with the live model."""

    def answered(self, item: object, options: Mapping[str, object], outcome: Outcome[R]) -> None:
        """Take one item and its outcome; returns at once."""


class Hosted(Generic[R]):
    """One runner behind the server, under the name of its task; it can be exchanged for another while it serves.

    Args:
        runner: a loaded model.
        metrics: where its outcomes are counted.
        most_wait_s: how long work may wait before more is refused.
        windows: what items and results are compared with, for each model.
    """

    def __init__(
        self, runner: Runner[R], metrics: Metrics, *, most_wait_s: float = 10.0, windows: Windows | None = None
    ) -> None:
        self._live = Lease(runner)
        self.task = runner.task
        self.metrics = metrics
        self.admission = Admission(most_wait_s)
        self._windows = windows or Windows(runner.task.name)
        self.drift = self._windows.of(runner.meta)
        self.draining = False
        self.started = time.time()
        self.last_success = 0.0
        """Time of the last result, in seconds since the epoch; 0 before the first."""
        self.last_error = ("", 0.0)
        """Code of the last error that was not an item's own, and when."""
        self.failing = 0
        """Items in a row that failed, and not by their own fault."""
        self.watcher: Watcher[R] | None = None
        self._progress = 0.0
        """When something was answered last, or began to wait while nothing did."""
        self._next_probe = 0.0
        self._streams = Streams()
        self._senses = Senses(runner.task.Input)

    @property
    def runner(self) -> Runner[R]:
        """The model that answers now."""
        return self._live.runner

    @property
    def since(self) -> float:
        """When it began to answer, in seconds since the epoch."""
        return self._live.since

    def why_not_ready(self) -> list[str]:
        """Reasons why this model cannot answer now; empty when it can."""
        reasons = ["it is being shut down"] if self.draining else []
        if self.failing >= MOST_FAILING:
            reasons.append(f"the last {self.failing} items failed, and not by their own fault")
        if self.admission.waiting_items and (idle_s := time.monotonic() - self._progress) > self._patience_s():
            reasons.append(f"nothing was answered for {idle_s:.0f} s, and items wait")
        return reasons + self.runner.executor.health()

    async def probe(self) -> None:
        """Try a model that fails on an item that is known to be good, so that it is ready again when it works again."""
        now = time.monotonic()
        if self.failing < MOST_FAILING or now < self._next_probe:
            return
        self._next_probe = now + PROBE_EVERY_S
        sample = sample_for(self.task)
        if sample is not None:
            with contextlib.suppress(asyncio.TimeoutError, DuomoError):  # it is still what it was
                future = await asyncio.to_thread(self.runner.submit, sample.items[0], deadline_s=1.0, **sample.options)
                outcome = await asyncio.wait_for(asyncio.wrap_future(future), PROBE_EVERY_S)
                self.failing = 0 if outcome.ok else self.failing

    def _patience_s(self) -> float:
        """How long a model may be silent while items wait: four times its longest request of the last minute."""
        recent = self.metrics.recent.get(self.task.name)
        longest = recent.quantiles(time.monotonic(), 1.0)[0] if recent is not None else 0.0
        return max(STALLED_S, 4 * longest)

    def admit(self, cost: float, caller: str = "") -> None:
        """Check that a caller's work of this cost may wait.

        Raises:
            TooBusy: too much waits already; it says when to come again.
            Unavailable: the server is being shut down.
        """
        if self.draining:
            raise Unavailable(
                "this server is being shut down", why="it takes no new work", fix="ask another, or again later"
            )
        retry_s = self.admission.retry_after_s(cost, time.monotonic(), caller)
        if retry_s is not None:
            self.metrics.rejected.labels(self.task.name, "busy").inc()
            raise TooBusy(self.admission.ahead_s(cost, caller), self.admission.most_wait_s, retry_s)

    async def run(
        self,
        item: object,
        options: Mapping[str, object],
        *,
        deadline_s: float | None = None,
        caller: str = "",
    ) -> Outcome[R]:
        """Submit one item and wait for its outcome; a caller who stops waiting takes the item back.

        Raises:
            DuomoError: the options cannot be used, which is known before anything is computed.
            asyncio.CancelledError: the caller has gone; an item that has not begun is not computed.
        """
        self._check_names(options)
        cost, start = size_of(item), time.monotonic()
        if not self.admission.waiting_items:
            self._progress = start
        self.admission.enter(cost, start, caller)
        computed = False
        try:
            with self.lease() as runner, sealed():
                if isinstance(item, str) and len(item) < SHORT:  # accepted sooner than a thread could be asked to do it
                    future = runner.submit(item, deadline_s=deadline_s, caller=caller, **options)
                else:
                    submit = functools.partial(runner.submit, item, deadline_s=deadline_s, caller=caller, **options)
                    future = await _in_thread(submit)
                try:
                    outcome = await settled(future)
                except asyncio.CancelledError:
                    future.cancel()
                    self.metrics.cancelled.labels(self.task.name).inc()
                    raise
            computed = outcome.ok
        finally:
            self.admission.leave(cost, time.monotonic(), caller, computed=computed)
        self._count(item, options, outcome, time.monotonic() - start)
        return outcome

    async def stream(
        self, item: object, options: Mapping[str, object], *, deadline_s: float | None = None, caller: str = ""
    ) -> AsyncGenerator[object, None]:
        """Yield the parts of one result as they come; closing this ends the generation. It counts as `run` does."""
        self._check_names(options)
        cost, start = size_of(item), time.monotonic()
        if not self.admission.waiting_items:
            self._progress = start
        self.admission.enter(cost, start, caller)
        code: str | None = None
        try:
            with self.lease() as runner:
                async with contextlib.aclosing(self._streams.parts(runner, item, options, deadline_s)) as parts:
                    async for part in parts:
                        self._progress = time.monotonic()
                        yield part
            code, self.last_success = "", time.time()
        except DuomoError as error:
            code = error.code
            raise
        finally:
            self.admission.leave(cost, time.monotonic(), caller, computed=code == "")
            if code is None:
                self.metrics.cancelled.labels(self.task.name).inc()
            else:
                self.metrics.items.labels(self.task.name, code or "ok").inc()
                seen().item(code, 0.0, time.monotonic() - start)

    def _check_names(self, options: Mapping[str, object]) -> None:
        """Raise `BadOption` for an option with the name of an argument of `Runner.submit`, which no task has."""
        if not _ARGUMENTS.isdisjoint(options):
            self.task.Options.parse(dict(options))

    def lease(self) -> Lease[R]:
        """Use the model that is live now; it is not closed before the block ends."""
        return self._live

    def swap(self, runner: Runner[R]) -> None:
        """Have another model answer from now on; the one before finishes what it has begun and is closed."""
        before, self._live = self._live, Lease(runner)
        before.is_retired = True
        self.failing = 0
        self.drift = self._windows.of(runner.meta)
        _close_if_idle(before)

    def _count(self, item: object, options: Mapping[str, object], outcome: Outcome[R], took_s: float) -> None:
        self._progress = time.monotonic()
        code = outcome.error.code if outcome.error is not None else ""
        compute_s = outcome.meta.ms * outcome.meta.batch / 1e3 if outcome.ok else 0.0
        queue_s = max(0.0, took_s - compute_s)
        self.metrics.count(self.task.name, outcome, queue_s, compute_s)
        seen().item(code, queue_s, compute_s)
        if outcome.error is None:
            self.last_success, self.failing = time.time(), 0
        elif not outcome.error.is_input and code not in _NOT_ITS_FAULT:
            self.last_error = code, time.time()
            self.failing += 1
        self.drift.observe(signals_of(item, outcome))
        if outcome.ok:
            self._senses.look(item, self.drift)
        if self.watcher is not None:
            self.watcher.answered(item, options, outcome)


async def _in_thread(submit: Callable[[], Future[Outcome[R]]]) -> Future[Outcome[R]]:
    """Submit in a thread; a caller who goes meanwhile takes the item back, too."""
    made: list[Future[Outcome[R]]] = []
    gone = threading.Event()

    def run() -> Future[Outcome[R]]:
        made.append(submit())
        if gone.is_set():
            made[0].cancel()
        return made[0]

    try:
        return await asyncio.to_thread(run)
    except asyncio.CancelledError:
        gone.set()
        for future in made:
            future.cancel()
        raise


_ARGUMENTS = frozenset({"self", "item", "deadline_s", "caller"})
_NOT_ITS_FAULT = frozenset({"E-DEADLINE", "E-OPTION"})
_closing: set[asyncio.Task[None]] = set()


def _close_if_idle(lease: Lease[R]) -> None:
    if lease.is_retired and not lease.users:
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(lease.runner.close))
        _closing.add(task)
        task.add_done_callback(_closing.discard)
