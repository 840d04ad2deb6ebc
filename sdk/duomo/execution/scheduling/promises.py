"""Who was refused and told when to come again, so that there is room for them then.

While more comes than can be done, the room that is free at any time is taken by whoever asks next, and no time is the
right one to name. So each refused caller is given a time of its own, one after another as fast as work is done, and
newcomers leave part of the room to those whose time has come. Pure: the clock is handed in.
"""

from __future__ import annotations

import math

BOOKED = 0.8
"""Share of the work that is promised; newcomers have what is left."""
EARLY_S = 0.5
"""Whoever comes so much before the time is in time: clocks differ, and Retry-After is in whole seconds."""
LATE_S = 5.0
"""A promise is kept for so long after its time."""
MOST = 10_000
"""Callers that are remembered."""
LEARNED = 0.02
"""Weight of one caller in the share of those who do come again."""


class Promises:
    """A time for each refused caller."""

    def __init__(self) -> None:
        self.kept = 1.0
        """Share of the callers who do come again, learned from the last fifty or so."""
        self._due: dict[str, float] = {}
        """Caller → its time, in the order of the times."""
        self._booked = 0.0
        """Until when all work is promised."""

    def __len__(self) -> int:
        return len(self._due)

    def is_due(self, caller: str, now: float) -> bool:
        """Whether this caller was told to come now."""
        return caller in self._due and self._due[caller] - EARLY_S <= now

    def room(self, caller: str, now: float, within_s: float) -> float:
        """Return the share of the room that is for this caller: half, while others may come within so many seconds."""
        self._forget(now)
        first = next(iter(self._due.items()), None)
        if first is None or first[0] == caller or first[1] > now + within_s or self.is_due(caller, now):
            return 1.0
        return 1.0 - self.kept / 2

    def promise(self, caller: str, now: float, wait_s: float, work_s: float) -> float:
        """Return the seconds after which a caller should come again, `wait_s` at least.

        Args:
            caller: who asks again before its time is told the same time.
            now: the time.
            wait_s: seconds until there would be room if nobody else came.
            work_s: seconds that its work takes.
        """
        if caller not in self._due:
            due = max(now + wait_s, self._booked)
            self._booked = due + work_s * self.kept / BOOKED
            if len(self._due) >= MOST:
                return due - now
            self._due[caller] = due
        return max(wait_s, self._due[caller] - now)

    def clear(self) -> None:
        """Forget all times; what was learned stays."""
        self._due.clear()
        self._booked = 0.0

    def take(self, caller: str, now: float) -> None:
        """Note that a caller was let in."""
        if self._due.pop(caller, math.inf) - EARLY_S <= now:
            self.kept += LEARNED * (1 - self.kept)

    def _forget(self, now: float) -> None:
        """Forget those who did not come."""
        while self._due:
            caller, due = next(iter(self._due.items()))
            if due + LATE_S >= now:
                return
            del self._due[caller]
            self.kept -= LEARNED * self.kept
