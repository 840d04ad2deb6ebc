"""A sealed border: while it is closed, an input may be bytes and nothing that names a file or an address.

`accept` trusts its caller: a str can be a path or an address. A server's clients are not trusted. The server seals
the border around everything that it accepts for them, options included.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Self

from duomo.errors import BadInput

_SEALED: ContextVar[bool] = ContextVar("duomo_sealed", default=False)


class sealed:
    """Refuse files and addresses in this context until the block ends."""

    __slots__ = ("_token",)
    _token: Token[bool]

    def __enter__(self) -> Self:
        self._token = _SEALED.set(True)
        return self

    def __exit__(self, *_: object) -> None:
        _SEALED.reset(self._token)


def check_unsealed(what: str) -> None:
    """Raise `BadInput` where the border is sealed; called by every function that opens a file or an address.

    The message says nothing about the file: whether it exists is not the client's business.
    """
    if _SEALED.get():
        raise BadInput(
            f"{what} must be sent as bytes",
            why="a server reads no files and fetches no addresses for its clients",
            fix="send the content: data:image/png;base64,… in JSON, or a file part of a form",
        )
