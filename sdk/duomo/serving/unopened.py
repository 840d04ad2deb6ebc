"""Files and addresses that a client's records name are not opened, whatever an adapter does with them."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

from duomo.inputs import check_unsealed

_NAMED: ContextVar[frozenset[str]] = ContextVar("duomo_named", default=frozenset())
_EVENTS = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect", "urllib.Request"})
"""Events whose first argument is what is opened."""
MOST_CHARACTERS = 4096
"""The longest path that Linux takes: a longer text is not a path."""


@contextlib.contextmanager
def unopened(records: object) -> Iterator[None]:
    """Refuse what these records name, in this context and where the border is sealed, until the end of the block.

    Adapters call `duomo.inputs.check_unsealed` before they open a path; this holds those that forgot. It hears what
    Python and its urllib open here. It does not hear of a path made of several texts, of libraries in C or with sockets
    of their own, of other threads, and of who asks whether a file exists.

    Raises:
        BadInput: from whatever opens it.
    """
    _install()
    named = (os.path.abspath(os.path.expanduser(text)) for text in _texts(records) if len(text) <= MOST_CHARACTERS)
    token = _NAMED.set(frozenset(named))
    try:
        yield
    finally:
        _NAMED.reset(token)


@functools.cache
def _install() -> None:
    """Once a process: an audit hook cannot be taken back, and hears until the end, when a module's names are gone."""
    sys.addaudithook(functools.partial(_hear, _EVENTS, _NAMED))


def _hear(events: frozenset[str], names: ContextVar[frozenset[str]], event: str, args: tuple[object, ...]) -> None:
    if event not in events or not (named := names.get()):
        return
    target = args[0]
    if isinstance(target, str | bytes | os.PathLike) and os.path.abspath(os.fsdecode(target)) in named:
        check_unsealed("a file of a record")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
