"""Waiting for pipes and the ends of processes, on every system."""

from __future__ import annotations

import selectors
import sys
from collections.abc import Iterable
from multiprocessing import connection
from typing import Any, Protocol


class Selector(Protocol):
    """What is used of `selectors.BaseSelector`."""

    def register(self, fileobj: Any, events: int, data: object = None, /) -> object: ...
    def unregister(self, fileobj: Any, /) -> object: ...
    def select(self, timeout: float | None = None, /) -> Iterable[tuple[selectors.SelectorKey, int]]: ...


def new_selector() -> Selector:
    """Make a selector that takes connections and sentinels of `multiprocessing`."""
    return WaitSelector() if sys.platform == "win32" else selectors.DefaultSelector()


class WaitSelector:
    """A selector over `multiprocessing.connection.wait`: those of Windows take sockets only."""

    def __init__(self) -> None:
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: object = None, /) -> selectors.SelectorKey:
        """Wait for it, too; `data` comes with it when it is ready."""
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return key

    def unregister(self, fileobj: Any, /) -> selectors.SelectorKey:
        """Wait for it no longer. Raises `KeyError` where it was not waited for."""
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None, /) -> list[tuple[selectors.SelectorKey, int]]:
        """List what can be read, or has ended; wait `timeout` seconds at most."""
        keys = {each: key for each, key in list(self._keys.items()) if not getattr(each, "closed", False)}
        return [(keys[each], selectors.EVENT_READ) for each in connection.wait(list(keys), timeout)]
