"""Ctrl-C between two messages, never in the middle of one: half of a message is lost, and so is what follows it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


class Held:
    """Inside it Ctrl-C waits for the end of the block, and a second one does not; for the main thread only."""

    _now: Held | None = None

    def __init__(self) -> None:
        self._usual: Callable[[int, FrameType | None], object] | None = None
        self._lets_through = False
        self._missed: FrameType | None = None
        self._has_missed = False

    def __enter__(self) -> None:
        usual = signal.getsignal(signal.SIGINT)
        if Held._now is None and callable(usual) and threading.current_thread() is threading.main_thread():
            Held._now, self._usual = self, usual
            signal.signal(signal.SIGINT, self._take)

    def __exit__(self, *_: object) -> None:
        if self._usual is not None:
            signal.signal(signal.SIGINT, self._usual)
            Held._now = None
            self._give()

    def _take(self, number: int, frame: FrameType | None) -> None:
        at_once = self._lets_through or self._has_missed
        self._missed, self._has_missed = frame, True
        if at_once:
            self._give()

    def _give(self) -> None:
        if self._has_missed and self._usual is not None:
            frame, self._missed, self._has_missed = self._missed, None, False
            self._usual(signal.SIGINT, frame)


@contextlib.contextmanager
def let_through() -> Iterator[None]:
    """Have Ctrl-C come at once after all, for a wait in which nothing is read."""
    held = Held._now if threading.current_thread() is threading.main_thread() else None
    if held is None:
        yield
        return
    held._lets_through = True
    try:
        held._give()
        yield
    finally:
        held._lets_through = False
