"""The messages of a websocket: what its client sends, and whether it is there, events and errors to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from duomo.errors import BadInput, DuomoError
from duomo.outcome import ItemError, spelled
from duomo.serving.remedy import for_client
from duomo.serving.wire import WireLimits, parse_json


class Messages:
    """What one client sends, and whether it is still there.

    Args:
        socket: where it comes from.
        stop: is set when the server is shut down.
    """

    def __init__(self, socket: WebSocket, stop: asyncio.Event) -> None:
        self._socket = socket
        self._stop = stop
        self._coming: asyncio.Task[Message] | None = None
        """The next message; a client that leaves is told of as one."""

    async def next(self) -> Message | None:
        """Wait for a message; None once the server is shut down. Raises `WebSocketDisconnect` where the client left."""
        coming, stopping = self._next(), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((coming, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not coming.done():
                coming.cancel()
        if not coming.done():
            return None
        self._coming = None
        return _said(coming)

    async def while_there(self, answering: Coroutine[object, object, None]) -> None:
        """Answer as long as the client is there: what it has left is taken back. Raises `WebSocketDisconnect` then."""
        coming, answer = self._next(), asyncio.create_task(answering)
        try:
            await asyncio.wait((coming, answer), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                _said(coming)  # else it has sent more, which waits for its turn
            await answer
        finally:
            answer.cancel()
            await asyncio.wait((answer,))

    def _next(self) -> asyncio.Task[Message]:
        if self._coming is None:
            self._coming = asyncio.create_task(self._socket.receive())
        return self._coming


def _said(coming: asyncio.Task[Message]) -> Message:
    message = coming.result()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return message


async def send(socket: WebSocket, kind: str, **words: str | float | bool | None) -> None:
    """Send one event."""
    await socket.send_text(json.dumps({"type": kind, **words}, ensure_ascii=False))


async def send_error(socket: WebSocket, error: DuomoError | ItemError) -> None:
    """Send an error, with its code, what, why and fix."""
    words = for_client(error).to_dict()
    await socket.send_text(spelled(json.dumps({"type": "error", "error": words}, ensure_ascii=False)))


def parse_object(message: Message, limits: WireLimits) -> dict[str, Any]:
    """Return the JSON object of a message. Raises `BadInput` for anything else."""
    if message.get("text") is None:
        raise BadInput("bytes came where a JSON text is expected", fix='{"input": …, "options": {…}}')
    return parse_message(message["text"], limits)


def parse_message(text: str, limits: WireLimits) -> dict[str, Any]:
    """Parse a message. Raises `BadInput` where it is not a JSON object, or longer than a body may be."""
    if len(text) > limits.body_bytes:
        raise BadInput(
            f"the message has {len(text):,} characters", why=f"the limit is {limits.body_bytes:,}", fix="cut it up"
        )
    body = parse_json(text, limits.json_depth)
    if not isinstance(body, dict):
        raise BadInput("the message is not a JSON object", fix='{"input": …, "options": {…}}')
    return body
