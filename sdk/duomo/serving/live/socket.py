"""The websocket of a task, ``/v1/live/{task}``.

Speech recognition takes one JSON text ``{"sampling_rate": 16000, "options": {…}}`` and then binary messages of 16-bit
PCM, and answers ``speech_started``, ``partial`` (may change), ``final`` (will not) and ``speech_stopped``;
``{"end": true}`` ends the audio clip. Every other task takes ``{"input": …, "options": {…}}`` and answers with an
``outcome``; text generation with ``text`` parts first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from duomo.errors import BadInput, BadOption, DuomoError, UnknownTask, did_you_mean
from duomo.inputs.seal import sealed
from duomo.serving.hosted import Hosted
from duomo.serving.live.messages import Messages, parse_message, parse_object, send, send_error
from duomo.serving.live.turns import Turn, Turns
from duomo.serving.monitoring.signals import size_of
from duomo.serving.refusal import TooBusy
from duomo.serving.remedy import outcome_for_client
from duomo.serving.routes import caller_of, check_body, check_names, deadline_of
from duomo.serving.wire import WireLimits, check_query, to_item, to_options

PARTIAL_S = 1.0
"""New speech after which a turn is written down again."""
MOST_FINALS = 4
"""Turns that wait to be written down; a client that sends faster is read more slowly."""
BAD_DATA, POLICY, RESTART = 1003, 1008, 1012
"""Codes of a closed websocket: a message of another kind; a task that is not served; the server is shut down."""
RATES = range(8_000, 192_001)


class LiveRoutes:
    """Handlers of websockets.

    Args:
        hosted: models by the name of their task.
        limits: what one message may be.
    """

    def __init__(self, hosted: Mapping[str, Hosted[Any]], limits: WireLimits) -> None:
        self._hosted = hosted
        self._limits = limits
        self._stop = asyncio.Event()
        self._open: set[asyncio.Future[None]] = set()

    async def drain(self) -> None:
        """Answer what was sent and take nothing new; returns once all connections are closed."""
        self._stop.set()
        while self._open:
            await asyncio.wait(self._open)

    async def live(self, socket: WebSocket) -> None:
        """Answer one client until it leaves, or the server is shut down."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        over.add_done_callback(self._open.discard)
        self._open.add(over)
        try:
            await self._converse(socket)
        finally:
            over.set_result(None)

    async def _converse(self, socket: WebSocket) -> None:
        await socket.accept()
        name = socket.path_params["task"]
        hosted = self._hosted.get(name)
        try:
            if hosted is None:
                near = did_you_mean(name, self._hosted)
                has = f"it has {', '.join(self._hosted)}"
                raise UnknownTask(f"this server has no task '{name:.80}'", why=near, fix=has)
            check_query(socket)
            if name == "automatic-speech-recognition":
                await Hearing(socket, hosted, self._limits, self._stop).listen()
            else:
                await self._answer(socket, hosted)
            await socket.close(RESTART if self._stop.is_set() else 1000)
        except WebSocketDisconnect:
            pass
        except DuomoError as error:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it has left meanwhile
                await send_error(socket, error)
                await socket.close(POLICY if isinstance(error, UnknownTask) else BAD_DATA)

    async def _answer(self, socket: WebSocket, hosted: Hosted[Any]) -> None:
        messages = Messages(socket, self._stop)
        while (message := await messages.next()) is not None:
            body = parse_object(message, self._limits)
            if body.get("end"):
                return
            await messages.while_there(self._answer_one(socket, hosted, body))

    async def _answer_one(self, socket: WebSocket, hosted: Hosted[Any], body: dict[str, Any]) -> None:
        try:
            check_body(body, "input", hosted.runner.meta.model)
            with sealed():
                item, options = to_item(body["input"], hosted.task.Input), to_options(body.get("options"))
            deadline_s, caller = deadline_of(socket, body), caller_of(socket)
            hosted.admit(size_of(item), caller)
            if hosted.task.name == "text-generation":
                stream = hosted.stream(item, options, deadline_s=deadline_s, caller=caller)
                async with contextlib.aclosing(stream) as parts:
                    part: Any
                    async for part in parts:
                        await send(socket, "text", text=part.text, finish_reason=part.finish_reason)
                await send(socket, "done")
            else:
                outcome = await hosted.run(item, options, deadline_s=deadline_s, caller=caller)
                await socket.send_text('{"type": "outcome", ' + outcome_for_client(outcome).to_json()[1:])
        except DuomoError as error:  # of this item: the next may be better
            await send_error(socket, error)


class Hearing:
    """One audio clip that comes while it is spoken.

    Args:
        socket: where it comes from.
        hosted: what writes it down.
        limits: of a message.
        stop: is set when the server is shut down; then the clip ends with what has come.
    """

    def __init__(self, socket: WebSocket, hosted: Hosted[Any], limits: WireLimits, stop: asyncio.Event) -> None:
        self._socket = socket
        self._messages = Messages(socket, stop)
        self._hosted = hosted
        self._limits = limits
        self._finals: asyncio.Queue[Turn | None] = asyncio.Queue(MOST_FINALS)
        self._options: dict[str, Any] = {}
        self._turns = Turns(16_000)
        self._start = -1.0
        """Where the turn began that was spoken of last."""
        self._written_s = 0.0
        """How much of the turn that goes on is in the last partial."""

    async def listen(self) -> None:
        """Hear it to its end. Raises `BadInput` for a message of another kind."""
        message = await self._messages.next()
        if message is None:
            return
        head = parse_object(message, self._limits)
        rate = head.get("sampling_rate", 16_000)
        if not isinstance(rate, int) or rate not in RATES:
            raise BadOption(f"sampling_rate cannot be {rate!r:.40}", why="it is hertz, 8000 to 192000", fix="16000")
        check_names(head, ("sampling_rate", "options"), '{"sampling_rate": 16000, "options": {…}}')
        self._options = to_options(head.get("options"))
        self._hosted.task.Options.parse(self._options)
        self._turns = Turns(rate)
        tasks = [asyncio.create_task(each) for each in (self._read(), self._write())]
        try:
            await asyncio.gather(*tasks)  # raises what the first of them does
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await send(self._socket, "done")

    async def _read(self) -> None:
        import numpy as np

        while True:
            message = await self._messages.next()
            if message is None or message.get("text") is not None:
                if message is not None and not self._is_end(message["text"]):
                    raise BadInput(
                        "a text came where speech is expected", why="an audio clip is binary messages of 16-bit PCM",
                        fix='send bytes, and {"end": true} at the end',
                    )  # fmt: skip
                if (last := self._turns.end()) is not None:
                    await self._over(last)
                await self._finals.put(None)
                return
            frame = message["bytes"]
            if len(frame) % 2 or len(frame) > self._limits.body_bytes:
                raise BadInput(f"{len(frame):,} bytes are not samples of 16 bits", fix="an even number of bytes")
            samples = np.frombuffer(frame, "<i2")
            for at in range(0, len(samples), self._turns.rate):
                piece = samples[at : at + self._turns.rate].astype(np.float32) / np.float32(32768)
                for turn in self._turns.feed(piece):
                    await self._began(turn.start)
                    await self._over(turn)
                await asyncio.sleep(0)  # one message may hold a quarter of an hour: others are answered meanwhile
            if self._turns.is_speaking:
                await self._began(self._turns.start)

    def _is_end(self, text: str) -> bool:
        with contextlib.suppress(BadInput):
            return bool(parse_message(text, self._limits).get("end"))
        return False

    async def _began(self, start: float) -> None:
        """Say so of a turn that is new: one message may hold the end of one and the beginning of another."""
        if start != self._start:
            self._start, self._written_s = start, 0.0
            await send(self._socket, "speech_started", at=round(start, 2))

    async def _over(self, turn: Turn) -> None:
        await send(self._socket, "speech_stopped", at=round(turn.end, 2))
        await self._finals.put(turn)

    async def _write(self) -> None:
        """Write finals down in their order, and what goes on while there is none."""
        while True:
            try:
                turn = await asyncio.wait_for(self._finals.get(), 0.1)
            except TimeoutError:
                turn = self._turns.now()
                if turn is None or turn.end - turn.start < self._written_s + PARTIAL_S:
                    continue
                self._written_s = turn.end - turn.start
            if turn is None:
                return
            await self._write_down(turn)

    async def _write_down(self, turn: Turn) -> None:
        kind, at = ("final" if turn.is_over else "partial"), {"start": round(turn.start, 2), "end": round(turn.end, 2)}
        while True:
            try:
                self._hosted.admit(float(2 * len(turn.samples)), caller_of(self._socket))
                with sealed():
                    item = (turn.samples, self._turns.rate)
                    outcome = await self._hosted.run(item, self._options, caller=caller_of(self._socket))
                break
            except TooBusy as busy:
                if not turn.is_over:
                    return  # a partial may be left out
                await asyncio.sleep(busy.retry_s)
        if outcome.error is not None:
            await send_error(self._socket, outcome.error)
        elif outcome.result.text or turn.is_over:
            await send(self._socket, kind, text=outcome.result.text, **at)
