"""Nothing goes out: a context in which opening a connection is an error that says who tried."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import Any

from duomo.errors import GuardRefused

_NAMES = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request"}
)
"""Events whose first argument is where to; that of the others is the socket."""
_SENDING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_guards: list[list[str]] = []


@contextlib.contextmanager
def no_egress() -> Iterator[list[str]]:
    """Refuse every connection beyond this machine's own pipes, in all threads, until the end of the block.

    It hears what Python's own sockets do in this process; a library in C with sockets of its own, or another process,
    it does not.

    Yields the attempts, for those who want to know although someone swallowed the `GuardRefused` (NET.EGRESS).
    """
    _install()
    attempts: list[str] = []
    _guards.append(attempts)
    try:
        yield attempts
    finally:
        # By identity: two guards without attempts are equal lists.
        del _guards[next(i for i, each in enumerate(_guards) if each is attempts)]


@functools.cache
def _install() -> None:
    """Once a process: an audit hook cannot be taken back."""
    sys.addaudithook(_hear)


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if not _guards or event not in _NAMES | _SENDING:
        return
    if event in _SENDING and not isinstance(args[1], tuple):
        return  # a pipe of this machine, not a network
    target = args[0] if event in _NAMES else args[1]
    for each in _guards:
        each.append(f"{event} {target}")
    raise GuardRefused(
        f"NET.EGRESS: something tried to reach {target}",
        why="adapters work offline, and this block forbids connections",
        fix="find the library that calls out, and switch that off or feed it from a file",
    )
