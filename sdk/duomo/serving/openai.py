"""OpenAI's dialect: chat completions, embeddings, transcriptions and speech, translated to tasks and back."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from duomo.errors import BadInput, BadOption, DuomoError, UnknownModel, UnknownTask, did_you_mean
from duomo.outcome import Outcome, spelled
from duomo.serving.hosted import Hosted
from duomo.serving.monitoring.observe import GONE, seen
from duomo.serving.monitoring.signals import size_of
from duomo.serving.replies import JsonReply, error_reply, retry_headers, status_of
from duomo.serving.routes import ClientGone, caller_of, until_gone
from duomo.serving.sound import (
    SPEECH_TYPES,
    cannot,
    encode_speech,
    speech_settings,
    transcript_events,
    transcription_settings,
    write_transcript,
)
from duomo.serving.wire import WireLimits, read_request

if TYPE_CHECKING:
    from duomo.tasks.results import Embedding

_CHAT = {"max_tokens": "max_new_tokens", "max_completion_tokens": "max_new_tokens", "temperature": "temperature",
         "top_p": "top_p", "seed": "seed"}  # fmt: skip
"""Their names of options → ours."""
_IGNORED = frozenset({"model", "messages", "stream", "stop", "user", "n", "stream_options", "store", "metadata"})


class OpenAIRoutes:
    """Handlers in OpenAI's dialect, over the same hosted models.

    Args:
        hosted: models by the name of their task.
        limits: what one request may ask for.
    """

    def __init__(self, hosted: Mapping[str, Hosted[Any]], limits: WireLimits) -> None:
        self._hosted = hosted
        self._limits = limits

    async def models(self, request: Request) -> Response:
        """``GET /v1/models``."""
        del request
        data = [
            {"id": each.runner.meta.model, "object": "model", "created": int(each.since), "owned_by": name}
            for name, each in self._hosted.items()
        ]
        return _json({"object": "list", "data": data})

    async def model(self, request: Request) -> Response:
        """``GET /v1/models/{name}``."""
        name = request.path_params["name"]
        for task, each in self._hosted.items():
            if each.runner.meta.model == name:
                return _json({"id": name, "object": "model", "created": int(each.since), "owned_by": task})
        why = did_you_mean(name, [each.runner.meta.model for each in self._hosted.values()])
        return _error(UnknownModel(f"this server does not serve '{name:.80}'", why=why, fix="GET /v1/models"))

    async def chat(self, request: Request) -> Response:
        """``POST /v1/chat/completions``, whole or as server-sent events."""
        try:
            hosted = self._served("text-generation")
            body = await read_request(request, self._limits)
            messages, options = _messages(body), _chat_options(body)
            head = {
                "id": f"chatcmpl-{uuid.uuid4().hex}",
                "created": int(time.time()),
                "model": hosted.runner.meta.model,
            }
            if body.get("stream"):
                hosted.admit(size_of(messages), caller_of(request))
                parts = hosted.stream(messages, options, caller=caller_of(request))
                first = await anext(parts)  # what is wrong with the request is known before the stream begins
                return StreamingResponse(_events(first, parts, head), media_type="text/event-stream")
            outcome = await self._run(request, hosted, messages, options)
            made = outcome.unwrap()
        except DuomoError as error:
            return _error(error)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": made.text},
            "finish_reason": made.finish_reason,
        }
        return _json({**head, "object": "chat.completion", "choices": [choice],
                      "usage": _usage(made.num_prompt_tokens, made.num_new_tokens)})  # fmt: skip

    async def embeddings(self, request: Request) -> Response:
        """``POST /v1/embeddings``: a text or a list of texts, as numbers or as base64 of float32."""
        try:
            hosted = self._served("feature-extraction")
            body = await read_request(request, self._limits)
            _refuse_others(body, {"input", "model", "encoding_format", "user"})
            texts = body.get("input")
            texts = [texts] if isinstance(texts, str) else texts
            if not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
                raise BadInput("input must be a text or a list of texts", fix='"input": ["a", "b"]')
            self._limits.check_items(len(texts))
            compact = _is_base64(body.get("encoding_format"))
            outcomes = await self._run_all(request, hosted, texts)
            vectors = [outcome.unwrap() for outcome in outcomes]
        except DuomoError as error:
            return _error(error)
        data = [
            {"object": "embedding", "index": index, "embedding": _base64(each) if compact else each.vector.tolist()}
            for index, each in enumerate(vectors)
        ]
        return _json({"object": "list", "data": data, "model": hosted.runner.meta.model, "usage": _usage(0, 0)})

    async def transcriptions(self, request: Request) -> Response:
        """``POST /v1/audio/transcriptions``: a form with the file, to text, JSON, subtitles or events."""
        return await self._transcribe(request, {})

    async def translations(self, request: Request) -> Response:
        """``POST /v1/audio/translations``: the same in English."""
        return await self._transcribe(request, {"task": "translate"})

    async def _transcribe(self, request: Request, options: dict[str, object]) -> Response:
        try:
            hosted = self._served("automatic-speech-recognition")
            body = await read_request(request, self._limits)
            given = body.get("form") or {}
            if not isinstance(given.get("file"), bytes):
                raise BadInput("the form has no file", fix="curl -F file=@call.wav -F model=whisper …")
            kind, streams = transcription_settings(given)
            if given.get("language"):
                options = {**options, "language": given["language"]}
            said = (await self._run(request, hosted, given["file"], options)).unwrap()
        except DuomoError as error:
            return _error(error)
        if streams:
            return StreamingResponse(iter(transcript_events(said)), media_type="text/event-stream")
        text, media_type = write_transcript(said, kind)
        return Response(text, media_type=media_type)

    async def speech(self, request: Request) -> Response:
        """``POST /v1/audio/speech``: a text to an audio clip."""
        try:
            hosted = self._served("text-to-speech")
            body = await read_request(request, self._limits)
            kind, options = speech_settings(body)
            spoken = (await self._run(request, hosted, body.get("input"), options)).unwrap()
            content = await asyncio.to_thread(encode_speech, spoken, kind)
        except DuomoError as error:
            return _error(error)
        return Response(content, media_type=SPEECH_TYPES[kind])

    def _served(self, task: str) -> Hosted[Any]:
        if task not in self._hosted:
            raise UnknownTask(
                f"this server does not serve {task}",
                why=f"it serves {', '.join(self._hosted)}",
                fix=f"duomo serve {task}",
            )
        seen().task = task
        return self._hosted[task]

    async def _run(
        self, request: Request, hosted: Hosted[Any], item: object, options: Mapping[str, object]
    ) -> Outcome[Any]:
        hosted.admit(size_of(item), caller_of(request))
        outcome = await until_gone(request, hosted.run(item, options, caller=caller_of(request)))
        if outcome is None:
            raise ClientGone("the client has left")
        return outcome

    async def _run_all(self, request: Request, hosted: Hosted[Any], texts: list[str]) -> list[Outcome[Any]]:
        hosted.admit(size_of(texts), caller_of(request))
        caller = caller_of(request)

        async def together() -> list[Outcome[Any]]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(hosted.run(text, {}, caller=caller)) for text in texts]
            return [task.result() for task in tasks]

        try:
            outcomes = await until_gone(request, together())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if outcomes is None:
            raise ClientGone("the client has left")
        return outcomes


async def _events(first: Any, parts: AsyncGenerator[object, None], head: dict[str, Any]) -> AsyncIterator[bytes]:
    """Server-sent events of a generation; closing this closes the generation."""

    def event(delta: dict[str, str], reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _event({**head, "object": "chat.completion.chunk", "choices": [choice]})

    yield event({"role": "assistant", "content": ""}, None)
    async with contextlib.aclosing(parts):
        try:
            yield event({"content": first.text} if first.text else {}, first.finish_reason)
            part: Any
            async for part in parts:
                yield event({"content": part.text} if part.text else {}, part.finish_reason)
        except DuomoError as error:
            yield _event({"error": _words(error)})
    yield b"data: [DONE]\n\n"


def _messages(body: Mapping[str, Any]) -> list[Any]:
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise BadInput("the body has no list of 'messages'", fix='"messages": [{"role": "user", "content": "…"}]')
    return [_message(each) for each in given]


def _message(value: Any) -> Any:
    """Join the text parts of a message's content; what is not text is refused."""
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        return value
    texts = [str(part.get("text", "")) for part in content if isinstance(part, dict) and part.get("type") == "text"]
    if len(texts) != len(content):
        raise BadInput("a message holds a part that is not text", why="this model reads text only", fix="send text")
    return {**value, "content": "".join(texts)}


def _chat_options(body: Mapping[str, Any]) -> dict[str, Any]:
    _refuse_others(body, _IGNORED | set(_CHAT))
    if body.get("n") not in (None, 1):
        raise cannot("n")
    options = {ours: body[theirs] for theirs, ours in _CHAT.items() if body.get(theirs) is not None}
    stop = body.get("stop")
    if stop:
        options["stop"] = [stop] if isinstance(stop, str) else stop
    return options


def _refuse_others(body: Mapping[str, Any], known: Collection[str]) -> None:
    for name, value in body.items():
        if name not in known and value is not None:
            raise cannot(name)


def _is_base64(given: object) -> bool:
    if given not in (None, "float", "base64"):
        raise BadOption(f"encoding_format cannot be {given!r:.40}", why="no such format of a vector", fix="float")
    return given == "base64"


def _base64(embedding: Embedding) -> str:
    return base64.b64encode(embedding.vector.astype("<f4").tobytes()).decode()


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _words(error: DuomoError) -> dict[str, Any]:
    """Describe an error in OpenAI's shape, with our parts beside theirs."""
    said = " ".join(filter(None, (f"{error.what}.", error.why and f"{error.why}.", error.fix)))
    return {"message": said, "type": type(error).__name__, "param": None, "code": error.code,
            "what": error.what, "why": error.why, "fix": error.fix}  # fmt: skip


def _error(error: DuomoError) -> Response:
    if isinstance(error, ClientGone):
        return Response(status_code=GONE)
    seen().error = error.code
    return error_reply(status_of(error), _words(error), retry_headers(error))


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + spelled(json.dumps(value, ensure_ascii=False)).encode() + b"\n\n"


def _json(value: object) -> JsonReply:
    return JsonReply(json.dumps(value, ensure_ascii=False))
