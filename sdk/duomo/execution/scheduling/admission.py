"""Whether a request is let in: by the seconds of work that would be done before it, not by the number of requests.

Callers have equal shares of the work, so that of another's long list only as much is before a request as the request
asks for itself. Pure: the clock is handed in, so that a test drives it.
"""

from __future__ import annotations

import math

from duomo.execution.scheduling.promises import Promises

KNOWN_AFTER_S = 0.05
"""Seconds of work before a rate is known."""
KNOWN_FOR = 50
"""A rate holds for at most this many times the work it was measured with. The first batches are small, and most of
their time is the start: a long text behind them seemed to take ten seconds."""


class Admission:
    """Estimates how long new work would wait, from its cost and the rate at which cost was done lately.

    Args:
        most_wait_s: work is refused once it would wait longer than this.
        half_life_s: age at which a measurement of the rate counts half.
    """

    def __init__(self, most_wait_s: float = 10.0, half_life_s: float = 10.0) -> None:
        self.most_wait_s = most_wait_s
        self._half_life_s = half_life_s
        self.waiting_cost = 0.0
        """Cost of what was let in and is not done."""
        self.waiting_items = 0
        self.promises = Promises()
        self._callers: dict[str, tuple[float, int]] = {}
        """Cost and number of what waits, of each caller of whom something does."""
        self._done = 0.0
        self._busy_s = 0.0
        self._since: float | None = None
        """When work began to wait without a pause; None while idle."""
        self._last = 0.0

    @property
    def rate(self) -> float:
        """Cost done a second while there was work; 0 while unknown."""
        known = self._busy_s > KNOWN_AFTER_S and self._done * KNOWN_FOR > self.waiting_cost
        return self._done / self._busy_s if known else 0.0

    def wait_s(self) -> float:
        """Seconds until all that waits is done; 0 while the rate is unknown."""
        return self.waiting_cost / self.rate if self.rate else 0.0

    def ahead_s(self, cost: float, caller: str = "") -> float:
        """Seconds until a caller's work of this cost would begin; 0 while the rate is unknown."""
        if not self.rate or self.wait_s() <= self.most_wait_s:
            return self.wait_s()
        asked = cost + self._callers[caller][0] if caller in self._callers else cost
        # Of whom one item waits, it is done first; of a list as much as this caller asks for, or one item.
        others = (min(each, max(asked, each / num)) for name, (each, num) in self._callers.items() if name != caller)
        return (asked - cost + sum(others)) / self.rate

    def retry_after_s(self, cost: float, now: float, caller: str = "") -> int | None:
        """Whole seconds after which this caller's work of this cost will be let in, or None if it is let in now.

        Something is always let in when nothing waits, whatever it costs.
        """
        if not self.waiting_items and now - self._last > self.most_wait_s / 2:
            self.promises.clear()  # whoever was to come by now has not, and there is room for all others
        ahead_s = self.ahead_s(cost, caller)
        room_s = self.most_wait_s * self.promises.room(caller, now, self.most_wait_s)
        if not self.waiting_items or ahead_s <= room_s:
            self.promises.take(caller, now)
            return None
        wait_s = max(0.0, ahead_s - self.most_wait_s)
        work_s = min(cost / self.rate, self.most_wait_s)  # of a long list others are done first
        return max(1, math.ceil(self.promises.promise(caller, now, wait_s, work_s)))

    def enter(self, cost: float, now: float, caller: str = "") -> None:
        """Let work in."""
        if self._since is None:
            self._since = self._last = now
        self.waiting_cost += cost
        self.waiting_items += 1
        before, num = self._callers.get(caller, (0.0, 0))
        self._callers[caller] = before + cost, num + 1

    def leave(self, cost: float, now: float, caller: str = "", *, computed: bool = True) -> None:
        """Take work out that is done, or whose caller has left (`computed` False)."""
        self.waiting_cost = max(0.0, self.waiting_cost - cost)
        self.waiting_items -= 1
        before, num = self._callers.pop(caller)
        if num > 1:
            self._callers[caller] = before - cost, num - 1
        self._age(now)
        if computed:
            self._done += cost
        if not self.waiting_items:
            self._since = None
            self.waiting_cost = 0.0

    def _age(self, now: float) -> None:
        passed = max(0.0, now - self._last)
        fade = 0.5 ** (passed / self._half_life_s)
        self._done *= fade
        self._busy_s = self._busy_s * fade + passed
        self._last = now
