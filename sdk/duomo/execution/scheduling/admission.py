"""Whether a request is let in: by the seconds of work that wait already, not by the number of requests.

Pure: the clock is handed in, so that a test drives it.
"""

from __future__ import annotations

import math


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
        self._done = 0.0
        self._busy_s = 0.0
        self._since: float | None = None
        """When work began to wait without a pause; None while idle."""
        self._last = 0.0

    @property
    def rate(self) -> float:
        """Cost done a second while there was work; 0 while unknown."""
        return self._done / self._busy_s if self._busy_s > 0.05 else 0.0

    def wait_s(self) -> float:
        """Seconds until work that comes now would begin; 0 while the rate is unknown."""
        return self.waiting_cost / self.rate if self.rate else 0.0

    def retry_after_s(self, cost: float) -> int | None:
        """Whole seconds after which this cost would be let in, or None if it is let in now.

        Something is always let in when nothing waits, whatever it costs.
        """
        wait = self.wait_s()
        if not self.waiting_items or wait <= self.most_wait_s:
            return None
        return max(1, math.ceil(wait - self.most_wait_s + (cost / self.rate if self.rate else 0.0)))

    def enter(self, cost: float, now: float) -> None:
        """Let work in."""
        if self._since is None:
            self._since = self._last = now
        self.waiting_cost += cost
        self.waiting_items += 1

    def leave(self, cost: float, now: float, *, computed: bool = True) -> None:
        """Take work out that is done, or whose caller has left (`computed` False)."""
        self.waiting_cost = max(0.0, self.waiting_cost - cost)
        self.waiting_items -= 1
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
