"""Whose turn it is: callers get equal shares of the work, whatever each asks for at once.

Start-time fair queueing (Goyal, Vin and Cheng, 1996): an item is marked with the virtual time at which its caller's
share of the work reaches it, and the lowest mark is next. Who asks for one item is marked with the time that it is now,
before all that is left of anybody's list. Other than there, a caller of whom nothing waits owes nothing: who asks for
one item after the other is served in order, whatever each costs.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Sequence

TOGETHER = 2
"""Usual batches that are made one where all that is in them has its turn."""


@dataclasses.dataclass(slots=True, eq=False)
class Mark:
    """The place of an item that waits."""

    caller: str
    cost: int
    """At least 1."""
    start: float = 0.0
    """Virtual time at which it has its turn."""
    waits: bool = True
    is_offered: bool = False


@dataclasses.dataclass(slots=True)
class _Caller:
    waiting: int = 0
    """Items."""
    end: float = 0.0
    """Virtual time at which all that it asked for is done."""


class Turns:
    """Virtual time, and where each caller is in it."""

    def __init__(self) -> None:
        self.now = 0.0
        """Cost that each of the callers who wait has had."""
        self.due = 0
        """Cost of the offered items that have their turn now."""
        self.singles = 0
        """Callers who wait for one item and no more."""
        self._running = 0.0
        """What the batch that began last adds to the time once the next begins."""
        self._callers: dict[str, _Caller] = {}
        """Those of whom something waits."""
        self._early: list[tuple[float, int, Mark]] = []
        """A heap of offered items whose turn has not come; some wait no more."""
        self._order = itertools.count()

    def place(self, mark: Mark) -> None:
        """Give one more item that waits its place."""
        found = self._callers.get(mark.caller)
        if found is None:
            found = self._callers[mark.caller] = _Caller()
        found.waiting += 1
        self.singles += (found.waiting == 1) - (found.waiting == 2)
        mark.start = max(self.now, found.end)
        found.end = mark.start + mark.cost

    def offer(self, mark: Mark) -> None:
        """Note that an item may be in the next batch."""
        mark.is_offered = True
        if mark.start <= self.now:
            self.due += mark.cost
        else:
            heapq.heappush(self._early, (mark.start, next(self._order), mark))

    def drop(self, mark: Mark) -> None:
        """Note that an item waits no more, since it was taken back: its caller need not pay for it."""
        self._callers[mark.caller].end -= mark.cost
        self._leave(mark)

    def most_cost(self, usual: int, start: int) -> int:
        """Return the cost of the next batch; 0 for no bound.

        It is the usual one, so that nobody waits long for what others have in it. What has its turn is all in it up to
        `TOGETHER` times that, since those who ask again when they are answered would wait for the rest in any case, and
        half of it where that is more, since whoever comes now is behind that anyway. Who waits for one item gains
        nothing from a full batch: what has no turn yet may add no more to it than its start takes.

        Args:
            usual: cost of a batch that wastes little; 0 while unknown.
            start: cost that takes as long as the start of a batch; 0 while unknown.
        """
        most = max(usual, min(self.due, TOGETHER * usual), self.due // 2) if usual else 0
        return min(most, self.due + start) if self.due and self.singles and start else most

    def serve(self, marks: Sequence[Mark]) -> None:
        """Note that a batch of these items begins."""
        if not marks:
            return
        now = max(self.now + self._running, min(mark.start for mark in marks))
        running = sum(mark.cost for mark in marks) / len(self._callers)
        for mark in marks:
            self._leave(mark)
        if self._callers:
            self.now, self._running = now, running
        while self._early and self._early[0][0] <= self.now:
            mark = heapq.heappop(self._early)[2]
            self.due += mark.cost if mark.waits else 0

    def _leave(self, mark: Mark) -> None:
        mark.waits = False
        if mark.is_offered and mark.start <= self.now:
            self.due -= mark.cost
        found = self._callers[mark.caller]
        found.waiting -= 1
        self.singles += (found.waiting == 1) - (found.waiting == 0)
        if not found.waiting:
            del self._callers[mark.caller]
        if not self._callers:  # nobody waits, so nobody is owed anything
            self.now = self._running = 0.0
            self._early.clear()
