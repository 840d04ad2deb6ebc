"""The refusal of a request for which too much work waits."""

from __future__ import annotations

from duomo.errors import ServerBusy


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
