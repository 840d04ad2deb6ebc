"""Items that wait to be cut into batches, by cost and by age.

They lie in bins of one cost each, or nearly, in the order of the input. What a batch costs to cut
depends on the bins it takes from, not on how many items wait: with 1024 devices that is a million,
and in a sorted list each item would move half of the others.
"""

from __future__ import annotations

import bisect
import heapq
from collections import deque

PADDING = 0.25
"""Share of its real cost by which a batch may be padded …"""
SLACK = 64
"""… and cost by which it may be padded besides, since starting one more batch costs as much: about 64 tokens of a
small encoder on a CPU."""
EXACT = 256
"""Costs below this have a bin each; above, those that agree in their leading eight bits share one (0.8 %)."""


class BatchBuilder:
    """A batch that is being filled: how many more items of one cost it takes."""

    def __init__(self, max_items: int, budget: int, limit: int, packed: bool, slack: int = SLACK) -> None:
        self._max_items = max_items
        self._budget = budget
        """Most cost with padding; 0 for no bound."""
        self._limit = limit
        """Most cost without padding; 0 for no bound."""
        self._packed = packed
        self._slack = slack
        self._num = self._total = self._top = 0

    def take(self, cost: int, waiting: int) -> int:
        """Let as many of `waiting` items of this cost join as fit; gives how many. The very first always fits."""
        num, total, top = self._num, self._total, max(self._top, cost)
        most = min(waiting, self._max_items - num)
        if self._budget and self._packed:
            most = min(most, (self._budget - total) // max(1, cost))
        elif self._budget:
            most = min(most, self._budget // max(1, top) - num)
        if self._limit:
            most = min(most, (self._limit - total) // max(1, cost))
        if num and not self._packed:
            # Padding now, and how much of it may be added to by each item beyond what its own cost allows for.
            spare = PADDING * total + self._slack - (num * top - total)
            each = top - cost - PADDING * cost
            if spare < each:
                most = 0
            elif each > 0:
                most = min(most, int(spare / each))
        most = max(most, 0 if num else 1)
        self._num, self._total = num + most, total + most * cost
        self._top = top if most else self._top
        return most


class WaitingItems:
    """Indices with their costs. They are added in rising order, and taken oldest and nearest first."""

    def __init__(self) -> None:
        self.num = 0
        self._bins: dict[int, deque[int]] = {}
        """Highest cost of a bin → indices, oldest first; taken from that end only."""
        self._keys: list[int] = []
        """The bins that are not empty, sorted."""
        self._oldest: list[tuple[int, int]] = []
        """A heap of (index, bin): the oldest of each bin, and some that no longer are."""

    def add(self, index: int, cost: int) -> None:
        """Add one."""
        key = cost if cost < EXACT else _bin(cost)
        waiting = self._bins.get(key)
        if waiting is None:
            self._bins[key] = deque((index,))
            bisect.insort(self._keys, key)
            heapq.heappush(self._oldest, (index, key))
        else:
            waiting.append(index)
        self.num += 1

    def remove(self, index: int, cost: int) -> bool:
        """Take one back; gives whether it was here."""
        key = cost if cost < EXACT else _bin(cost)
        waiting = self._bins.get(key, deque())
        if index not in waiting:
            return False
        was_oldest = waiting[0] == index
        waiting.remove(index)
        if not waiting:
            del self._bins[key]
            del self._keys[bisect.bisect_left(self._keys, key)]
        elif was_oldest:
            heapq.heappush(self._oldest, (waiting[0], key))
        self.num -= 1
        return True

    def cut(self, filling: BatchBuilder) -> list[int]:
        """Take the oldest and then its nearest in cost, as long as they fit; from the cheapest bin up."""
        keys, bins = self._keys, self._bins
        at = first = last = bisect.bisect_left(keys, self._oldest_bin())
        above: list[int] = []
        below: list[int] = []
        side = above
        while True:
            waiting = bins[keys[at]]
            num = filling.take(keys[at], len(waiting))
            side.extend([waiting.popleft() for _ in range(num)])
            if num and waiting:
                heapq.heappush(self._oldest, (waiting[0], keys[at]))
            down = keys[first] - keys[first - 1] if first > 0 else None
            up = keys[last + 1] - keys[last] if last + 1 < len(keys) else None
            if waiting or (down is None and up is None):
                break
            if down is None or (up is not None and up <= down):
                at = last = last + 1
                side = above
            else:
                at = first = first - 1
                side = below
        for key in keys[first : last + 1]:
            if not bins[key]:
                del bins[key]
        keys[first : last + 1] = [key for key in keys[first : last + 1] if key in bins]
        self.num -= len(above) + len(below)
        return [*reversed(below), *above]

    def _oldest_bin(self) -> int:
        """Find the bin in which the oldest is."""
        while True:
            index, key = self._oldest[0]
            waiting = self._bins.get(key)
            if waiting and waiting[0] == index:
                return key
            heapq.heappop(self._oldest)


def _bin(cost: int) -> int:
    """Find the highest cost with the same leading eight bits."""
    shift = cost.bit_length() - 8
    return cost | ((1 << shift) - 1)
