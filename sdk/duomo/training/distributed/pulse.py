"""What the ranks of a training tell of themselves while they run, and what the driver concludes from it.

A collective waits for all ranks, so that one which hangs holds up the others until a timeout of minutes. Each rank
therefore says, past the collectives and from a thread of its own, whether it computes or waits, since when and where.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

BEAT_S = 0.25
NAMED_S = 1.5
"""A rank that the others wait for so long is named in the log."""
HANG_S = 300.0
"""A rank that the others wait for so long is taken for hung: longer than a large checkpoint takes to be written. A
recipe may say another time: ``hang_s``."""
USUAL = 10.0
"""Both are at least this many times the longest wait that ended well."""
MUTE_S = 4 * BEAT_S
"""A rank that was not heard for so long says nothing of itself: what holds it up holds its beats up, too, as native
code does that keeps the interpreter's lock. What it said last does not count then."""
TICK_S = 0.1
STOPPED_TICKS = 5
"""Looks at a stopped process until it counts: a terminal that stops and continues a job does not do it at once."""


class Beat(NamedTuple):
    """What a rank says of itself."""

    waits_in: str
    """The collective that it waits in; empty while it computes."""
    since_s: float
    """For how long."""
    where: str
    """File, line and function."""


class Outbox(Protocol):
    """Takes messages to the driver, as a pipe does."""

    def send(self, message: object, /) -> None:
        """Send one."""

    def close(self) -> None:
        """Send no more."""


class Pulse:
    """Speaks for a rank: its messages, and a beat each `BEAT_S` from a thread of its own."""

    def __init__(self, pipe: Outbox) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._main = threading.get_ident()
        self._state = "", time.monotonic()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def send(self, *message: object) -> None:
        """Tell the driver."""
        with self._lock:
            self._pipe.send(message)

    def close(self) -> None:
        """Say no more."""
        self._ends.set()
        self._thread.join()
        self._pipe.close()

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Say that it waits for the other ranks."""
        self._state = what, time.monotonic()
        try:
            yield
        finally:
            self._state = "", time.monotonic()

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Say that it computes, in the middle of what is otherwise waiting."""
        waits_in, _ = self._state
        self._state = "", time.monotonic()
        try:
            yield
        finally:
            self._state = waits_in, time.monotonic()

    def _beat(self) -> None:
        while not self._ends.wait(BEAT_S):
            waits_in, since = self._state
            try:
                self.send("beat", Beat(waits_in, time.monotonic() - since, self._where()))
            except OSError:  # the driver has ended
                return

    def _where(self) -> str:
        frame = sys._current_frames().get(self._main)  # the documented way to see another thread
        if frame is None:
            return ""
        path = Path(frame.f_code.co_filename)
        return f"{path.parent.name}/{path.name}:{frame.f_lineno} in {frame.f_code.co_name}"


class Late(NamedTuple):
    """A rank that does not come."""

    rank: int
    reason: str
    is_lost: bool
    """Whether it will not come; else it is only to be named."""


class Watch:
    """Finds the rank that holds up the others.

    Args:
        pids: of the ranks' processes; None for one of another machine.
        usual_s: the longest wait of an earlier start of the group.
        hang_s: how long the others wait for a rank that is taken for hung then; `HANG_S` and `USUAL` say it, when left
            out.
    """

    def __init__(self, pids: Sequence[int | None], usual_s: float = 0.0, hang_s: float | None = None) -> None:
        self.usual_s = usual_s
        self._hang_s = hang_s
        self._pids = pids
        self._beats: dict[int, tuple[Beat, float]] = {}
        self._stopped = [0] * len(pids)
        self._looked = 0.0
        self._named: set[int] = set()

    def heard(self, rank: int, beat: Beat, now: float) -> None:
        """Take in what a rank says of itself."""
        before, _ = self._beats.get(rank, (beat, now))
        if before.waits_in and (before.waits_in != beat.waits_in or beat.since_s < before.since_s):
            self.usual_s = max(self.usual_s, before.since_s)
            self._named.clear()
        self._beats[rank] = beat, now

    def forget(self, rank: int) -> None:
        """Take a rank for one that has nothing more to do."""
        self._beats.pop(rank, None)

    def late(self, ranks: Sequence[int], now: float) -> Late | None:
        """Find the one of `ranks` that holds up the others, if any does; each is only named once for a wait."""
        stopped = self._find_stopped(ranks, now)
        if stopped is not None:
            return Late(stopped, "its process is stopped (SIGSTOP)", is_lost=True)
        for each in ranks:  # one that hangs before its first beat is seen, too
            self._beats.setdefault(each, (Beat("", 0.0, "its start"), now))
        busy = {rank: self._busy_s(rank, now) for rank in ranks}
        rank = max(busy, key=busy.__getitem__, default=-1)
        waits = [beat.since_s + now - at for each, (beat, at) in self._beats.items() if beat.waits_in and each != rank]
        if not waits or not busy:
            return None
        held = min(max(waits), busy[rank])
        beat, at = self._beats[rank]
        is_at = "it is" if now - at < MUTE_S else "it was last seen"
        reason = f"the others wait for it for {held:.1f} s: {is_at} at {beat.where}"
        if held > (self._hang_s or max(HANG_S, USUAL * self.usual_s)):
            return Late(rank, reason, is_lost=True)
        if held > max(NAMED_S, USUAL * self.usual_s) and rank not in self._named:
            self._named.add(rank)
            return Late(rank, reason, is_lost=False)
        return None

    def _busy_s(self, rank: int, now: float) -> float:
        """For how long a rank computes or says nothing; 0 where it waits for others."""
        beat, at = self._beats[rank]
        if not beat.waits_in:
            return beat.since_s + now - at
        return now - at if now - at > MUTE_S else 0.0

    def _find_stopped(self, ranks: Sequence[int], now: float) -> int | None:
        if now - self._looked >= TICK_S:
            self._looked = now
            for rank in ranks:
                self._stopped[rank] = self._stopped[rank] + 1 if _is_stopped(self._pids[rank]) else 0
        return next((rank for rank in ranks if self._stopped[rank] >= STOPPED_TICKS), None)


def _is_stopped(pid: int | None) -> bool:
    """Whether a process is stopped by a signal; False where the system does not say."""
    if pid is None:
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return os.name == "posix" and state in "Tt"
