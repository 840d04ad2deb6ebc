"""Who asks again as soon as they are answered, so that the next batch waits for them; pure.

A client with one request at a time asks again a moment after its answer. A batch that is cut before that leaves it to
the next one, and two small batches start twice. So it is waited for, as long as a start takes at most: waiting in vain
then costs no more than a second batch would.
"""

from __future__ import annotations


class Returns:
    """Callers who were answered a moment ago."""

    def __init__(self) -> None:
        self._answered: dict[str, tuple[float, bool]] = {}
        """Caller → until when it asks again at once, and whether it did the last time; in the order of that time."""

    def answered(self, caller: str, now: float, start_s: float, *, is_prompt: bool) -> None:
        """Note that a caller has an answer; who asks again before another batch could have started does so at once.

        Args:
            caller: whose item it was.
            now: by any clock.
            start_s: what its batch took to start.
            is_prompt: what `came` gave when the item came.
        """
        self._forget(now)
        self._answered.pop(caller, None)
        self._answered[caller] = now + start_s, is_prompt

    def came(self, caller: str, now: float) -> bool:
        """Note that a caller asks; gives whether it does so at once after its last answer."""
        return self._answered.pop(caller, (-1.0, False))[0] >= now

    def wait_s(self, now: float) -> float:
        """How long the next batch should wait for those who ask again at once; 0 when they have, or never did."""
        self._forget(now)
        return max([0.0, *(until - now for until, is_prompt in self._answered.values() if is_prompt)])

    def _forget(self, now: float) -> None:
        while self._answered:
            caller, (until, _) = next(iter(self._answered.items()))
            if until > now:
                return
            del self._answered[caller]
