"""Threads that work ahead for who reads a generator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor


class AheadThreads(ThreadPoolExecutor):
    """Threads of a generator: who leaves it does not wait for them, and what they have not begun is dropped.

    The garbage collector closes a generator at any moment, also while Python starts a thread and holds a lock that is
    needed to wait for one: to wait there would never end.
    """

    def __exit__(self, *_: object) -> None:
        self.shutdown(wait=False, cancel_futures=True)
