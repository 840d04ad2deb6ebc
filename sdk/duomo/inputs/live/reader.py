"""What a live source is: something that is opened, gives items with the time at which they arose, and may break."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple


class Arrival(NamedTuple):
    """One item of a source."""

    value: object
    """What the task takes; or the error that it is already."""
    time: float
    """When it arose, in seconds since 1970."""
    name: str = ""
    """Its id in the outcome; empty to take its number."""
    done: Callable[[], None] | None = None
    """Called when its outcome has been given out: a broker is told then, and sends again what nobody has done."""
    redelivered: bool = False
    """Whether the source has sent it before, and may have been told too late that it was done."""


class SourceState(NamedTuple):
    """How one source is doing."""

    name: str
    state: str
    """``open``, ``reconnecting`` or ``ended``."""
    received: int
    dropped: int
    reconnects: int
    error: str
    """What broke it last; empty when nothing has."""


class Reader(ABC):
    """One source. `Feed` opens it, reads it in a thread of its own, and opens it again when it breaks."""

    name: str
    """What messages call it."""
    reconnects: ClassVar[bool] = True
    """Whether it is opened again when it breaks; else what broke it is its last item."""

    @abstractmethod
    def open(self) -> None:
        """Connect. Raises `duomo.errors.DuomoError` with what, why and how to fix it where nothing is there."""

    @abstractmethod
    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        """Give items as they come, to the end or until `stop` is set, which is looked at twice a second at least.

        Raises `duomo.errors.DuomoError` or `OSError` when the source breaks.
        """

    def close(self) -> None:  # noqa: B027 - some have nothing to let go of
        """Let go of what `open` took."""
