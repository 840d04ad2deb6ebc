"""What a batch takes: its start, and each unit of its cost. Learned from batches that ran; pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

SHARE_OF_START = 8
"""A batch may take this many times its start: a larger one gains a ninth at most, and keeps all others waiting."""
CERTAIN = 3
"""Batches of about one cost before their time counts: the first is slower than all that follow."""
AGEING = 1.02
"""The quickest batch of a cost counts, as if it were slower by this with each one that runs."""
GROWTH = 2
"""A batch costs at most this many times what batches are known to take: how long a much larger one takes is a guess."""
SMALLER = 4
"""Part of the usual cost that is tried where no other is known."""
STALE = 1000
"""A time is forgotten after this many batches of other costs."""


@dataclasses.dataclass(slots=True)
class _Seen:
    cost: int
    seconds: float
    """Time of the quickest recent batch."""
    times: int
    last: int
    """Number of the last batch."""


class BatchTime:
    """Fits ``start + cost * unit`` to the quickest batches of each order of cost: others only slow a batch down."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        """Order of the cost in powers of two → the quickest; the one that ran last is last."""
        self._num = 0
        self._fit = (0.0, 0.0)
        self.usual_cost = 0
        """Cost of a batch that takes `SHARE_OF_START` times its start, at least 1; 0 while nothing is known."""

    @property
    def start_s(self) -> float:
        """Seconds that a batch takes whatever is in it; 0 while unknown."""
        return self._fit[0]

    @property
    def unit_s(self) -> float:
        """Seconds of one more unit of cost; 0 while unknown, and where cost changes nothing."""
        return self._fit[1]

    def cost_within(self, seconds: float) -> int:
        """Cost of a batch that takes so long, or twice its start where that is longer; 0 while unknown."""
        start_s, unit_s = self._fit
        return max(1, int(max(seconds - start_s, start_s) / unit_s)) if unit_s else 0

    def seconds(self, cost: int, most: int) -> float:
        """How long work of this cost takes in batches of `most`."""
        start_s, unit_s = self._fit
        return cost * (unit_s + start_s / most)

    def note(self, cost: int, seconds: float) -> None:
        """Take down a batch that ran."""
        cost, seconds, order = max(1, cost), max(1e-9, seconds), max(1, cost).bit_length()
        self._num += 1
        known = self._seen.pop(order, None)
        if known is None:
            known = _Seen(cost, seconds, 1, self._num)
        else:
            known.times, known.last = known.times + 1, self._num
            known.seconds *= AGEING
            if seconds / cost <= known.seconds / known.cost:
                known.cost, known.seconds = cost, seconds
        self._seen[order] = known
        oldest = next(iter(self._seen))
        if self._num - self._seen[oldest].last >= STALE:
            del self._seen[oldest]
        certain = [each for each in self._seen.values() if each.times >= CERTAIN]
        self._fit = _line(certain) if len(certain) > 1 else (0.0, 0.0)
        self.usual_cost = self._usual(certain)

    def _usual(self, certain: Sequence[_Seen]) -> int:
        """As long as all batches cost about the same, larger and smaller ones are tried in turns."""
        start_s, unit_s = self._fit
        most = max((each.cost for each in certain), default=0)
        if len(certain) == 1 and self._num % 2:
            return max(1, most // SMALLER)
        return min(GROWTH * most, max(1, int(SHARE_OF_START * start_s / unit_s))) if unit_s else GROWTH * most


def _line(certain: Sequence[_Seen]) -> tuple[float, float]:
    """Least squares of relative errors: seconds of the start, and of a unit of cost."""
    total = cost = seconds = spread = slope = 0.0
    for each in certain:
        weight = each.seconds**-2
        total += weight
        cost += weight * each.cost
        seconds += weight * each.seconds
    cost, seconds = cost / total, seconds / total
    for each in certain:
        weight = each.seconds**-2
        spread += weight * (each.cost - cost) ** 2
        slope += weight * (each.cost - cost) * (each.seconds - seconds)
    unit_s = slope / spread
    if unit_s <= 0:
        return seconds, 0.0
    start_s = seconds - unit_s * cost
    return (start_s, unit_s) if start_s > 0 else (0.0, seconds / cost)
