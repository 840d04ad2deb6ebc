"""uvicorn with bounds that it leaves to a proxy, on what is not body and on silence, and an end that loses nothing.

httptools sets no limit to headers, addresses and trailers, and copies them with each packet that adds to them: a client
that never stops sending them uses up memory and delays all others.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_AROUND = 64 * 1024
"""Bytes of a request beside its body: its line, headers, sizes of chunks and trailers."""
SILENT_S = 60.0
"""A client that owes the rest of a request, or its first, may say nothing for so long."""


class DrainingServer(uvicorn.Server):
    """A server whose websockets are answered before it ends; by itself uvicorn cuts them off at once.

    Args:
        config: of uvicorn.
        drain: answers what has come over websockets, and returns when they are closed.
    """

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Coroutine[object, object, None]]) -> None:
        super().__init__(config)
        self._drain = drain

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a terminal that is closed as SIGTERM, unless ``nohup`` has it ignored; end by the signal that came."""
        closed = getattr(signal, "SIGHUP", None)
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and callable(signal.getsignal(signal.SIGTERM)):  # Ray's, which exits with 15
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with super().capture_signals():
            if closed is None or not is_main or signal.getsignal(closed) is not signal.SIG_DFL:
                yield
                return
            signal.signal(closed, self.handle_exit)
            try:
                yield
            finally:  # before uvicorn sends itself what it has taken
                signal.signal(closed, signal.SIG_DFL)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in, drain the websockets, and then all else, in the seconds of `timeout_graceful_shutdown`."""
        for each in (*self.servers, *(sockets or ())):
            each.close()
        most_s, start = self.config.timeout_graceful_shutdown, time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._drain()
        if most_s is not None:
            self.config.timeout_graceful_shutdown = max(0, math.ceil(most_s - (time.monotonic() - start)))
        await super().shutdown(sockets)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection that passes one of the bounds.

    Who would rather speak HTTP/2 is answered as anybody else: uvicorn loses the body that came with that wish
    (Kludex/uvicorn#2722), which Java's client and ``curl --http2`` send with each first request.
    """

    _around = 0
    """Bytes that came beside bodies since the request began; a body that came with them is taken off, never more."""
    _is_owed = True
    """Whether the client has a request to finish, or to begin after it has connected."""
    _is_last = False
    """Whether the connection is to be closed once the request that is being read is answered, and read."""
    _heard = 0.0
    _look: asyncio.TimerHandle | None = None
    _packet = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._heard = self.loop.time()
        self._look = self.loop.call_later(SILENT_S, self._listen)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_look()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        self._around += len(data)  # before the parser, which begins the next request in the middle of a packet
        self._packet = data
        super().data_received(data)
        self._packet = b""
        if self._around > MOST_AROUND and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.send_400_response(f"More than {MOST_AROUND} bytes beside the body.")
            else:  # in the trailers: it may have been answered in part
                self.transport.close()

    def on_message_begin(self) -> None:
        self._around, self._is_owed = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._wishes_in_vain():
            return
        # Raised in here it is answered with 400. A proxy may go by the address, and all checks here by the header.
        if not self.url.startswith((b"/", b"*")) and self.url.split(b"/")[2:3] != self._hosts():
            raise ValueError("the address names another host than the header Host")
        before = self.cycle
        super().on_headers_complete()
        # Closed with bytes of the body unread, as after 413, a connection is reset, and its answer may be lost.
        self._is_last = self.cycle is not before and not self.cycle.keep_alive
        if self._is_last:
            self.cycle.keep_alive = True

    def on_body(self, body: bytes) -> None:
        # Twice: a chunk of five bytes has as many around it.
        self._around = max(0, self._around - 2 * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._wishes_in_vain():
            return
        self._is_owed = False
        super().on_message_complete()
        if self._is_last:
            self.cycle.keep_alive = False
            if self.cycle.response_complete:
                self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        self._end_look()  # from now on the connection is another protocol's, which asks whether its client is there
        super().handle_websocket_upgrade()

    def _wishes_in_vain(self) -> bool:
        """Whether the request asks for another protocol, which is not spoken here."""
        wished = [value.lower() for name, value in self.headers if name == b"upgrade"]
        is_websocket = wished == [b"websocket"] and self.ws_protocol_class is not None
        return bool(wished) and bool(self.parser.should_upgrade()) and not is_websocket

    def _unsupported_upgrade_warning(self) -> None:
        """Read the request again without that wish: the parser ended at its head."""
        error = sys.exc_info()[1]
        if not self._wishes_in_vain() or not isinstance(error, httptools.HttpParserUpgrade):
            super()._unsupported_upgrade_warning()
            return
        line = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        rest = self._packet[error.args[0] :]
        kept = [each for each in self.headers if each[0] not in (b"upgrade", b"connection", b"http2-settings")]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([line, *(b"%s: %s\r\n" % each for each in kept), b"\r\n", rest]))

    def _hosts(self) -> list[bytes]:
        return [value for name, value in self.headers if name == b"host"]

    def _listen(self) -> None:
        if self.transport.is_closing():
            return
        silent_s = self.loop.time() - self._heard if self._is_owed else 0.0
        if silent_s >= SILENT_S:
            self.transport.close()
        else:
            self._look = self.loop.call_later(SILENT_S - silent_s, self._listen)

    def _end_look(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
