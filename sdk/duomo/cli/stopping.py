"""SIGTERM and SIGHUP, taken as Ctrl-C is: what is done is written, and said."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
_ASKED = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Terminated(KeyboardInterrupt):
    """The process was asked to end: by a job scheduler or a container that stops, or its terminal was closed.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextlib.contextmanager
def told_to_end() -> Iterator[None]:
    """Raise `Terminated` at SIGTERM and SIGHUP while this is open; a second one ends the process as ever.

    Where the program around has a handler of its own (``nohup`` ignores SIGHUP), or this is not its main thread,
    nothing changes.
    """
    is_main = threading.current_thread() is threading.main_thread()
    taken = [each for each in _ASKED if is_main and signal.getsignal(each) is signal.SIG_DFL]
    for each in taken:
        signal.signal(each, _end)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


def code_of(stopped: BaseException | None) -> int:
    """The exit code that says how a command was stopped: the number of the signal, and 128."""
    return 128 + stopped.number if isinstance(stopped, Terminated) else INTERRUPTED


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise Terminated(number)
