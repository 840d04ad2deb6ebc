"""Items that wait to be cut into batches, by cost and by age.

They lie in bins of one cost each, or nearly, in the order of the input. Adding and taking an item
depends on the number of bins, not of items: a window of a million, as 1024 devices need it, costs no
more for each batch than a small one. In a sorted list each would move half of the others.
"""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Callable

EXACT = 256
"""Costs below this have a bin each; above, those that agree in their leading eight bits share one (0.8 %)."""


class Waiting:
    """Indices with their costs. They are added in rising order, and taken oldest and nearest first."""

    def __init__(self) -> None:
        self.num = 0
        self.cost = 0
        """Of all that wait, together."""
        self._bins: dict[int, deque[tuple[int, int]]] = {}
        """Bin → (index, cost), oldest first; taken from that end only."""
        self._keys: list[int] = []
        """The bins that are not empty, sorted."""
        self._order: deque[tuple[int, int]] = deque()
        """(index, bin) of all that were added, oldest first; those taken since are dropped when met."""

    def add(self, index: int, cost: int) -> None:
        """One more."""
        key = cost if cost < EXACT else _bin(cost)
        waiting = self._bins.get(key)
        if waiting is None:
            self._bins[key] = deque(((index, cost),))
            bisect.insort(self._keys, key)
        else:
            waiting.append((index, cost))
        self._order.append((index, key))
        self.num += 1
        self.cost += cost

    def cut(self, fits: Callable[[int], bool]) -> list[int]:
        """Take the oldest and then its nearest in cost, as long as `fits` says so; cheapest bin first.

        Args:
            fits: whether an item of this cost may join those before. It is called once for each, and
                the first is always taken.
        """
        keys, bins = self._keys, self._bins
        at = first = last = bisect.bisect_left(keys, self._oldest_bin())
        chosen: list[int] = []
        below: list[int] = []
        side, is_full = chosen, False
        while True:
            waiting = bins[keys[at]]
            while waiting:
                index, cost = waiting[0]
                is_full = not fits(cost)
                if is_full:
                    break
                waiting.popleft()
                side.append(index)
                self.cost -= cost
            down = keys[first] - keys[first - 1] if first > 0 else None
            up = keys[last + 1] - keys[last] if last + 1 < len(keys) else None
            if is_full or (down is None and up is None):
                break
            if down is None or (up is not None and up <= down):
                at = last = last + 1
                side = chosen
            else:
                at = first = first - 1
                side = below
        left = [key for key in keys[first : last + 1] if bins[key]]
        for key in keys[first : last + 1]:
            if not bins[key]:
                del bins[key]
        keys[first : last + 1] = left
        self.num -= len(chosen) + len(below)
        return [*reversed(below), *chosen]

    def _oldest_bin(self) -> int:
        """The bin of the oldest: it is the first of its bin, and of those taken since none is."""
        order, bins = self._order, self._bins
        while True:
            index, key = order[0]
            waiting = bins.get(key)
            if waiting and waiting[0][0] == index:
                return key
            order.popleft()


def _bin(cost: int) -> int:
    """Its leading eight bits."""
    shift = cost.bit_length() - 8
    return cost >> shift << shift
