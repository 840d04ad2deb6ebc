"""Refusals that an answer's status and headers say more of: too much work waits, a body of another kind."""

from __future__ import annotations

from collections.abc import Mapping

from duomo.errors import BadInput, ServerBusy


class TooBusy(ServerBusy):
    """Too much work waits.

    Args:
        wait_s: seconds of it.
        most_wait_s: that may wait.
        retry_s: after which to come again.
    """

    def __init__(self, wait_s: float, most_wait_s: float, retry_s: int) -> None:
        super().__init__(
            "too much work is waiting",
            why=f"{wait_s:.1f} s of it, and {most_wait_s:g} s may wait",
            fix=f"ask again in {retry_s} s",
        )
        self.retry_s = retry_s


class OtherBody(BadInput):
    """A body of another kind, by its Content-Type, or packed (RFC 9110, 15.5.16).

    Args:
        what: that it is.
        why: it is refused.
        fix: what to send.
        takes: the header that says what is taken.
    """

    def __init__(self, what: str, why: str, fix: str, takes: Mapping[str, str]) -> None:
        super().__init__(what, why=why, fix=fix)
        self.takes = takes
