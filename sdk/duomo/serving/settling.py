"""From the thread that computes to the event loop that waits."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import TypeVar
from weakref import WeakKeyDictionary

from duomo.outcome import Outcome
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)


async def settled(future: Future[Outcome[R]]) -> Outcome[R]:
    """Wait for the outcome that another thread gives; `asyncio.wrap_future` does a third more for it."""
    loop = asyncio.get_running_loop()
    waiter, bell = loop.create_future(), _bells.setdefault(loop, _Bell())
    future.add_done_callback(lambda _: bell.ring(waiter))
    await waiter
    return future.result()


class _Bell:
    """Wakes those who wait in one event loop: it is told once of all that a batch has answered, by one system call."""

    def __init__(self) -> None:
        self._due: deque[asyncio.Future[None]] = deque()
        self._has_rung = False

    def ring(self, waiter: asyncio.Future[None]) -> None:
        """Wake one, from any thread."""
        self._due.append(waiter)
        loop = waiter.get_loop()
        if not self._has_rung and not loop.is_closed():
            self._has_rung = True
            loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._has_rung = False  # before the first is taken: who comes from now on rings again
        while self._due:
            waiter = self._due.popleft()
            if not waiter.done():
                waiter.set_result(None)


_bells: WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell] = WeakKeyDictionary()
