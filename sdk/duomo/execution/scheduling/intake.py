"""Taking items from the caller's source, each with what it is estimated to cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from duomo.execution.base import FLUSH, Entry, Flush, ItemResult
from duomo.execution.scheduling.scheduler import Scheduler
from duomo.outcome import ItemError

PATIENCE_S = 0.05
"""How long input is read before what was read is worked on. A source that takes longer for one item is slow: a person
who types, a socket."""
BURST = 64
"""Items that are taken before the scheduler sees them, when they come fast."""


class Intake(NamedTuple):
    """What the source gave."""

    items: list[tuple[Entry, int, int]]
    """Entries with their cost and their bytes, as `Scheduler.offer` takes them."""
    gap_s: float
    """Until the last of them came."""
    is_over: bool
    """Nothing more will come: the source has ended, or raised `error`."""
    error: Exception | None = None
    is_flush: bool = False
    """A `FLUSH` came last."""


MOST_SINGLES = 64
"""After a slow item at most this many that come at once are worked on before the source is asked again."""


class SourcePace:
    """How slow a source is: one that was slow a moment ago may keep the next asker waiting."""

    def __init__(self) -> None:
        self.gap_s = 0.0
        """How long the last slow item was waited for."""
        self._singles = 0

    @property
    def is_slow(self) -> bool:
        """Whether what it gave should be worked on before it is asked again."""
        return self._singles > 0

    def took(self, num: int, gap_s: float) -> None:
        """Note that `num` items came, the last after `gap_s`.

        The longer the gap, the more of what comes at once after it is taken one by one: to wait for the next item
        could take that long again.
        """
        if gap_s > PATIENCE_S:
            self.gap_s = gap_s
            self._singles = min(MOST_SINGLES, int(gap_s / PATIENCE_S))
        else:
            self._singles = max(0, self._singles - num)


class Reader:
    """Reads a source into a scheduler, a moment at a time.

    Args:
        source: runs in the thread that calls `fill`.
        scheduler: to be fed.
        estimate: cost of an item.
        now: the clock.
        lock: under which the scheduler is fed; the source is asked without it.
        share: how much of the time that a slow source takes it is spared while items are being worked on.
    """

    def __init__(
        self,
        source: Iterable[Entry | Flush],
        scheduler: Scheduler,
        estimate: Callable[[Any], int],
        now: Callable[[], float],
        lock: AbstractContextManager[Any],
        share: float,
    ) -> None:
        self._source = iter(source)
        self._scheduler = scheduler
        self._estimate = estimate
        self._now = now
        self._lock = lock
        self._share = share
        self._pace = SourcePace()
        self._spared_until = 0.0
        self.error: Exception | None = None
        """What the source raised; it is to be raised after what it gave is done."""

    def fill(self) -> None:
        """Read for as long as the scheduler starves, or else for a moment while it has room."""
        deadline = self._now() + PATIENCE_S
        while self.wants_more and (self._scheduler.is_starving or self._now() < deadline):
            most = 1 if self._pace.is_slow else BURST
            # Handed in a few at a time, since the lock and all these calls cost more than an item.
            taken = take(self._source, self._estimate, self._scheduler.room, self._now, deadline, most)
            self._pace.took(len(taken.items), taken.gap_s)
            if self._pace.is_slow:
                self._spared_until = self._now() + self._pace.gap_s * self._share
            with self._lock:
                for entry, cost, size in taken.items:
                    self._scheduler.offer(entry, cost, size)
                if taken.is_flush:
                    self._scheduler.flush()
                if taken.is_over:
                    self.error = taken.error
                    self._scheduler.end()

    @property
    def wants_more(self) -> bool:
        """Whether the source should be asked now."""
        return self._scheduler.wants_input and not self.spared_s

    @property
    def spared_s(self) -> float:
        """How long the source should be left alone for what it gave; 0 when it can be asked."""
        if not self._pace.is_slow or self._scheduler.is_empty:
            return 0.0
        return max(0.0, self._spared_until - self._now())


def take(
    source: Iterator[Entry | Flush],
    estimate: Callable[[Any], int],
    room: tuple[int, int],
    now: Callable[[], float],
    deadline: float,
    most: int = BURST,
) -> Intake:
    """Take one entry at least, and more while there is room and time, up to a `FLUSH`.

    Args:
        source: runs in the caller's thread.
        estimate: cost of an item.
        room: items and bytes that may be taken.
        now: the clock.
        deadline: on it.
        most: items to take.
    """
    most, num_bytes = min(room[0], most), room[1]
    items: list[tuple[Entry, int, int]] = []
    before = time_s = now()
    while not items or (len(items) < most and num_bytes > 0 and time_s < deadline):
        try:
            entry = next(source)
        except StopIteration:
            return Intake(items, time_s - before, True)
        except Exception as error:
            return Intake(items, time_s - before, True, error)
        if entry is FLUSH:
            return Intake(items, time_s - before, False, is_flush=True)
        sized = measured(entry, estimate)
        items.append(sized)
        num_bytes -= sized[2]
        before, time_s = time_s, now()
    return Intake(items, time_s - before, False)


def measured(entry: Entry, estimate: Callable[[Any], int]) -> tuple[Entry, int, int]:
    """Return an entry with its cost and its bytes; it fails alone when its cost cannot be estimated."""
    if entry.known is not None:
        return entry, 0, 0
    try:
        return entry, estimate(entry.item), getattr(entry.item, "nbytes", 0)
    except Exception as error:  # of a plugin's code, or a damaged file: the item's own
        return entry._replace(item=None, known=ItemResult(error=ItemError.of(error))), 0, 0  # nor need it be held
