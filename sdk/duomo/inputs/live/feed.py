"""Several live sources as one stream of items, with a policy for what comes faster than it is computed.

latest   the newest item of each source; older ones that nobody has taken are dropped and counted
all      nothing is dropped: a source waits while `CAPACITY` of its items do
every=N  one item in N, and of these none is dropped
"""

from __future__ import annotations

import collections
import contextlib
import re
import threading
import time as clock
from collections.abc import Iterator, Sequence
from typing import Self

from duomo.errors import DuomoError, InputUnreadable, UsageProblem
from duomo.inputs.live.reader import Arrival, Reader, SourceState

CAPACITY = 256
"""Items of a source that may wait."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Before a source that broke is opened again; each pause is twice the one before."""
HEARD_S = 0.5
"""After which a wait for the next item begins again: Windows hears Ctrl-C only in between."""
PATIENCE_S = 2.0
"""How long `close` waits for a thread that is in the middle of reading."""


def every_of(drop: str) -> int:
    """How many items one is taken of; 1 for ``all``, 0 for ``latest``. Raises `UsageProblem` for another policy."""
    found = re.fullmatch(r"every=([1-9]\d*)", drop)
    if drop not in ("latest", "all") and found is None:
        raise UsageProblem(
            f"no drop policy '{drop}'", why="it is one of latest, all, every=N", fix='drop="latest"  (--drop latest)'
        )
    return int(found[1]) if found is not None else int(drop == "all")


class Feed:
    """Reads each source in a thread; iterate over it once.

    Where nothing is waiting it gives None: what was given so far should be computed then, and not wait for more.

    Args:
        readers: the sources. All are opened before the first item; one that is not there raises.
        drop: ``latest``, ``all`` or ``every=N``.
        first_pause_s: before a source that broke is opened again; pauses grow to `LONGEST_PAUSE_S`.
    """

    def __init__(self, readers: Sequence[Reader], drop: str = "all", *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self.every = every_of(drop)
        self.first_pause_s = first_pause_s
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._lanes = [_Lane(each) for each in readers]
        self._threads: list[threading.Thread] = []

    def states(self) -> list[SourceState]:
        """How each source is doing."""
        with self._changed:
            return [each.as_state() for each in self._lanes]

    def open(self) -> Self:
        """Open all sources and begin to read them; raises what keeps one from opening."""
        opened: list[Reader] = []
        try:
            for lane in self._lanes:
                lane.reader.open()
                opened.append(lane.reader)
        except BaseException:
            for reader in opened:
                reader.close()
            raise
        for lane in self._lanes:
            thread = threading.Thread(target=self._follow, args=(lane,), name=f"live {lane.reader.name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def close(self) -> None:
        """Stop reading and close all sources."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def __enter__(self) -> Self:
        return self if self._threads else self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Arrival | None]:
        given = False
        while True:
            with self._changed:
                taken = [each for lane in self._lanes if (each := lane.take()) is not None]
                if not taken and not given:
                    if self._stop.is_set() or all(lane.state == "ended" for lane in self._lanes):
                        return
                    self._changed.wait(HEARD_S)
                    continue
                self._changed.notify_all()  # there is room again
            yield from taken
            # Of the newest one round at a time: while it is computed, newer items take the place of those that wait.
            given = bool(taken) and self.every > 0
            if not given:
                yield None

    def _follow(self, lane: _Lane) -> None:
        """Read one source to its end, opening it again whenever it breaks."""
        pause = self.first_pause_s
        while not self._stop.is_set():
            error: Exception | None = None
            try:
                for arrival in lane.reader.read(self._stop):
                    pause = self.first_pause_s
                    self._put(lane, arrival)
                    if self._stop.is_set():
                        break
            except Exception as broken:  # a library may raise anything: the thread must not end in silence
                error = broken
            with contextlib.suppress(Exception):  # what broke may not close
                lane.reader.close()
            if error is None or self._stop.is_set():
                break
            if not lane.reader.reconnects:
                last = Arrival(_as_ours(error, lane.reader.name), clock.time(), lane.reader.name)
                self._put(lane, last, is_last=True)
                break
            pause = self._open_again(lane, error, pause)
        with self._changed:
            lane.state = "ended"
            self._changed.notify_all()

    def _open_again(self, lane: _Lane, error: Exception, pause: float) -> float:
        """Open a source that broke, with growing pauses; gives the next pause."""
        while True:
            with self._changed:
                lane.state, lane.error = "reconnecting", str(error).partition("\n")[0]
            if self._stop.wait(pause):
                return pause
            pause = min(2 * pause, LONGEST_PAUSE_S)
            try:
                lane.reader.open()
            except Exception as again:
                error = again
                continue
            with self._changed:
                lane.state, lane.reconnects = "open", lane.reconnects + 1
            return pause

    def _put(self, lane: _Lane, arrival: Arrival, *, is_last: bool = False) -> None:
        with self._changed:
            lane.received += 1
            if self.every == 0 and lane.waiting and not is_last:
                lane.drop(lane.waiting.popleft())
            elif self.every > 1 and (lane.received - 1) % self.every and not is_last:
                lane.drop(arrival)
                return
            while len(lane.waiting) >= CAPACITY and not self._stop.is_set():
                self._changed.wait(0.5)
            lane.waiting.append(arrival)
            self._changed.notify_all()


class _Lane:
    """One source with what waits of it."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.waiting: collections.deque[Arrival] = collections.deque()
        self.state = "open"
        self.received = self.dropped = self.reconnects = 0
        self.error = ""

    def take(self) -> Arrival | None:
        return self.waiting.popleft() if self.waiting else None

    def drop(self, arrival: Arrival) -> None:
        self.dropped += 1
        if arrival.done is not None:
            arrival.done()

    def as_state(self) -> SourceState:
        return SourceState(self.reader.name, self.state, self.received, self.dropped, self.reconnects, self.error)


def _as_ours(error: Exception, name: str) -> DuomoError:
    if isinstance(error, DuomoError):
        return error
    return InputUnreadable(
        f"'{name}' cannot be read any more", why=str(error) or type(error).__name__, fix="start again when it is back"
    )
