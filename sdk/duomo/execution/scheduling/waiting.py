"""Items that wait to be cut into batches, by cost and by age.

They lie in bins of one cost each, or nearly, in the order of the input, or of the ages they are given. What a batch
costs to cut depends on the bins it takes from, not on how many items wait: with 1024 devices that is a million, and in
a sorted list each item would move half of the others.
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


MOST_PASSED = 8
"""Costs that do not fit into a batch before it is as full as it will be, where items are taken by age."""


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
    """Indices with their costs, taken oldest and nearest first. They are added in rising order.

    That order is their age, unless each is given another.
    """

    def __init__(self) -> None:
        self.num = 0
        self._bins: dict[int, deque[int]] = {}
        """Highest cost of a bin → indices, oldest first; taken from that end only."""
        self._keys: list[int] = []
        """The bins that are not empty, sorted."""
        self._ages: dict[int, float] = {}
        """Index → age, of those that were given one: the lowest is the oldest."""
        self._oldest: list[tuple[float, int, int]] = []
        """A heap of (age, index, bin): the oldest of each bin, and some that no longer are."""

    def add(self, index: int, cost: int, age: float | None = None) -> None:
        """Add one. Of equal ages the lower index is older."""
        key = cost if cost < EXACT else _bin(cost)
        if age is not None:
            self._ages[index] = age
        waiting = self._bins.get(key)
        if waiting is None:
            self._bins[key] = deque((index,))
            bisect.insort(self._keys, key)
            self._push(index, key)
        elif age is None or self._ages[waiting[-1]] <= age:
            waiting.append(index)
        else:
            at = bisect.bisect(waiting, self._age(index), key=self._age)
            waiting.insert(at, index)
            if at == 0:
                self._push(index, key)
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
            self._push(waiting[0], key)
        self._ages.pop(index, None)
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
                self._push(waiting[0], keys[at])
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
        chosen = [*reversed(below), *above]
        if self._ages:
            for index in chosen:
                self._ages.pop(index, None)
        return chosen

    def cut_oldest(self, filling: BatchBuilder) -> list[int]:
        """Take one after another by age alone, as long as they fit; those that do not, stay. From the oldest on."""
        chosen: list[int] = []
        passed: list[tuple[float, int, int]] = []
        while self._oldest and len(passed) < MOST_PASSED:
            place = heapq.heappop(self._oldest)
            _, index, key = place
            waiting = self._bins.get(key)
            if not waiting or waiting[0] != index:
                continue
            if not filling.take(key, 1):
                passed.append(place)
                continue
            chosen.append(waiting.popleft())
            self._ages.pop(index, None)
            if waiting:
                self._push(waiting[0], key)
            else:
                del self._bins[key]
                del self._keys[bisect.bisect_left(self._keys, key)]
        for place in passed:
            heapq.heappush(self._oldest, place)
        self.num -= len(chosen)
        return chosen

    def _age(self, index: int) -> tuple[float, int]:
        return self._ages.get(index, index), index

    def _push(self, index: int, key: int) -> None:
        heapq.heappush(self._oldest, (*self._age(index), key))

    def _oldest_bin(self) -> int:
        """Find the bin in which the oldest is."""
        while True:
            _, index, key = self._oldest[0]
            waiting = self._bins.get(key)
            if waiting and waiting[0] == index:
                return key
            heapq.heappop(self._oldest)


def _bin(cost: int) -> int:
    """Find the highest cost with the same leading eight bits."""
    shift = cost.bit_length() - 8
    return cost | ((1 << shift) - 1)
