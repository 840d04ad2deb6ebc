"""SIGTERM, taken as Ctrl-C is: what is done is written, and said."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
TERMINATED = 143


class Terminated(KeyboardInterrupt):
    """The process was asked to end, by a job scheduler or a container that stops."""


@contextlib.contextmanager
def told_to_end() -> Iterator[None]:
    """Raise `Terminated` at SIGTERM while this is open; a second one ends the process as ever.

    Where the program around has a handler of its own, or this is not its main thread, nothing changes.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def code_of(stopped: BaseException | None) -> int:
    """The exit code that says how a command was stopped: the number of the signal, and 128."""
    return TERMINATED if isinstance(stopped, Terminated) else INTERRUPTED


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated
