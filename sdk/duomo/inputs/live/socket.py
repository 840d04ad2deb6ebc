"""Messages of a websocket, by websockets: each is one item."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from duomo.errors import InputMissing, RequirementMissing
from duomo.inputs.live.reader import Arrival, Reader

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

LARGEST = 64 * 1024**2
"""Bytes of a message."""
DONE = 1000
"""Code with which a server closes when it has nothing more to say (RFC 6455)."""


class WebSocket(Reader):
    """A server that sends items; text as str, the rest as bytes.

    Args:
        address: ``ws://…`` or ``wss://…``.
        timeout_s: seconds to wait for the server.
    """

    def __init__(self, address: str, *, timeout_s: float = 10.0) -> None:
        self.name = address
        self._timeout_s = timeout_s
        self._connection: ClientConnection | None = None
        self._opened = contextlib.ExitStack()
        self._number = 0

    def open(self) -> None:
        try:
            from websockets.exceptions import WebSocketException
            from websockets.sync.client import connect
        except ImportError as error:
            raise RequirementMissing(
                "a websocket needs websockets", why=str(error), fix="pip install 'duomo[live]'"
            ) from None
        try:
            # Entered, since what a connection is outside of a block differs between versions of the library.
            connecting = connect(self.name, open_timeout=self._timeout_s, max_size=LARGEST, proxy=None)
            self._connection = self._opened.enter_context(connecting)
        except (OSError, ValueError, WebSocketException) as error:
            raise InputMissing(
                f"no websocket at '{self.name}'", why=str(error) or type(error).__name__, fix="check the address"
            ) from None

    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

        assert self._connection is not None
        while not stop.is_set():
            try:
                message = self._connection.recv(timeout=0.5)
            except TimeoutError:
                continue
            except ConnectionClosed as error:
                if isinstance(error, ConnectionClosedOK) and error.rcvd is not None and error.rcvd.code == DONE:
                    return
                raise ConnectionError(str(error)) from None  # also of a server that is about to start again
            yield Arrival(message, time.time(), f"{self.name}#{self._number}")
            self._number += 1

    def close(self) -> None:
        self._connection = None
        self._opened.close()
