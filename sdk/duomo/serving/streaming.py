"""The parts of one result as a model gives them, in threads of their own."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from duomo.errors import DeadlinePassed
from duomo.inputs.seal import sealed
from duomo.runner import Runner
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)
T = TypeVar("T")
MOST_STREAMS = 32
"""Results of one model that are streamed at once; more wait for a part of another to be done."""


class Streams:
    """Threads that wait for parts: in those of all they would keep other items from being accepted."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_STREAMS, "duomo-stream")

    async def parts(
        self, runner: Runner[R], item: object, options: Mapping[str, object], deadline_s: float | None = None
    ) -> AsyncGenerator[object, None]:
        """Yield the parts of one result; closing this ends the generation.

        Raises:
            DeadlinePassed: the first part has not come within `deadline_s`.
        """
        if deadline_s is not None and deadline_s <= 0:
            raise _late()
        parts: Iterator[object] = iter(())
        turn = threading.Lock()

        def step() -> object:
            with turn:
                return next(parts, None)

        def close() -> None:
            with turn:  # a client may leave in the middle of a part
                getattr(parts, "close", lambda: None)()

        try:
            try:
                async with asyncio.timeout(deadline_s) as limit:
                    with sealed():
                        parts = await self._run(functools.partial(runner.stream, item, **options))
                    part = await self._run(step)
            except TimeoutError:
                if not limit.expired():
                    raise
                raise _late() from None
            while part is not None:
                yield part
                part = await self._run(step)
        finally:
            await self._run(close)

    async def _run(self, work: Callable[[], T]) -> T:
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._threads, run, work)


def _late() -> DeadlinePassed:
    return DeadlinePassed(
        "the first part was not there before its deadline",
        why="it waited for its turn until then",
        fix="give it more time",
    )
