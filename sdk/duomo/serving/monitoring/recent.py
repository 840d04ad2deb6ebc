"""The requests of the last minute: their rate, and quantiles of how long they took."""

from __future__ import annotations

import math
from collections import deque

WINDOW_S = 60.0
MOST = 10_000
"""Requests that are remembered; of a faster server the last ones."""


class Recent:
    """When requests were answered, and how long each took."""

    def __init__(self) -> None:
        self._requests: deque[tuple[float, float]] = deque(maxlen=MOST)

    def add(self, now: float, seconds: float) -> None:
        """Take one request down."""
        self._requests.append((now, seconds))

    def rate(self, now: float) -> float:
        """Requests a second, over the last minute or since the oldest that is remembered."""
        self._forget(now)
        if not self._requests:
            return 0.0
        full = len(self._requests) == MOST
        return len(self._requests) / (max(1.0, now - self._requests[0][0]) if full else WINDOW_S)

    def quantiles(self, now: float, *shares: float) -> list[float]:
        """Return the seconds within which these shares of the requests were answered; 0 when there are none."""
        self._forget(now)
        took = sorted(seconds for _, seconds in self._requests)
        return [took[max(0, math.ceil(share * len(took)) - 1)] if took else 0.0 for share in shares]

    def _forget(self, now: float) -> None:
        while self._requests and self._requests[0][0] < now - WINDOW_S:
            self._requests.popleft()
