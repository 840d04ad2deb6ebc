"""From the items of a caller to entries of an executor: accepted and named, or an error that stays with its item."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from duomo.errors import DuomoError, UsageProblem
from duomo.execution.base import FLUSH, Entry, Flush, ItemResult
from duomo.execution.items import Row, id_of
from duomo.inputs import Audio, Image
from duomo.inputs.owned import owned
from duomo.outcome import ItemError
from duomo.tasks.base import Input


def check_count(name: str, value: object, least: int) -> None:
    """Raise `UsageProblem` unless `value` is None or a whole number of at least `least`."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise UsageProblem(f"{name} must be a whole number of at least {least}, not {value!r}", fix=f"{name}=32")


def check_seconds(name: str, value: object) -> None:
    """Raise `UsageProblem` unless `value` is None or a number of seconds, at least 0."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0):
        raise UsageProblem(f"{name} must be a number of seconds, not {value!r}", fix=f"{name}=0.5")


class Entries:
    """Makes entries of what an input class accepts."""

    def __init__(self, kind: type[Input]) -> None:
        self._kind = kind

    def of(self, items: Iterable[object]) -> Iterator[Entry | Flush]:
        """One entry an item, numbered from 0; a `FLUSH` passes through. Items that a list holds are not copied.

        A row that has an ``id`` gives it to its entry.
        """
        number, is_kept = itertools.count(), isinstance(items, list | tuple)
        for item in items:
            if item is FLUSH:
                yield FLUSH
                continue
            own, value = item if type(item) is Row else (id_of(item) if isinstance(item, dict) else "", item)
            entry = self.one(next(number), value, is_kept=is_kept)
            yield entry._replace(id=own) if own else entry

    def one(self, index: int, value: object, *, is_kept: bool = False) -> Entry:
        """Make an entry that holds the accepted item, or the error that it is refused with.

        The item is accepted now and decoded later: unless it `is_kept` as it is until then, a copy is taken.
        """
        if isinstance(value, DuomoError):  # what gathers the items may know already that one is lost
            return Entry(index, str(index), None, ItemResult(error=ItemError.of(value)))
        try:
            item = self._kind.accept(value if is_kept else owned(value))
        # Not BadInput alone: the input class of a plugin's task may raise anything.
        except Exception as error:
            return Entry(index, self._name(value) or str(index), None, ItemResult(error=ItemError.of(error)))
        return Entry(index, getattr(item, "name", "") or str(index), item)

    def _name(self, value: object) -> str:
        """Name an item by its path; a str is a path only where files are meant."""
        is_path = isinstance(value, Path) or (isinstance(value, str) and issubclass(self._kind, Audio | Image))
        return str(value) if is_path and len(str(value)) < 1024 else ""
