"""Taking items from the caller's source, each with what it is estimated to cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from duomo.execution.base import FLUSH, Entry, Flush, ItemResult
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


def take(
    source: Iterator[Entry | Flush],
    estimate: Callable[[Any], int],
    room: tuple[int, int],
    now: Callable[[], float],
    deadline: float,
) -> Intake:
    """Take one entry at least, and more while there is room and time, up to a `FLUSH`.

    Args:
        source: runs in the caller's thread.
        estimate: cost of an item.
        room: items and bytes that may be taken.
        now: the clock.
        deadline: on it.
    """
    most, num_bytes = min(room[0], BURST), room[1]
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
    """An entry with its cost and its bytes; it fails alone when its cost cannot be estimated."""
    if entry.known is not None:
        return entry, 0, 0
    try:
        return entry, estimate(entry.item), getattr(entry.item, "nbytes", 0)
    except Exception as error:  # of a plugin's code, or a damaged file: the item's own
        return entry._replace(item=None, known=ItemResult(error=ItemError.of(error))), 0, 0  # nor need it be held
