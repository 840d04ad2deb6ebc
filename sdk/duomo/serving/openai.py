"""OpenAI's dialect: chat completions, embeddings, transcriptions and speech, translated to tasks and back."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from duomo.errors import BadInput, BadOption, DuomoError, ModelFailed, UnknownModel, UnknownTask, did_you_mean
from duomo.outcome import Outcome
from duomo.serving.chat import chat_messages, chat_options, chat_streams, events, whole
from duomo.serving.dialect import check_model, error_words, refuse_others, usage
from duomo.serving.forms import read_form
from duomo.serving.hosted import Hosted
from duomo.serving.monitoring.observe import GONE, seen
from duomo.serving.monitoring.signals import size_of
from duomo.serving.replies import STREAMED, JsonReply, error_reply, headers_of, status_of
from duomo.serving.routes import ClientGone, caller_of, deadline_of, until_gone
from duomo.serving.sound import (
    SPEECH_TYPES,
    encode_speech,
    seconds_of,
    speech_settings,
    transcript_events,
    transcription_settings,
    write_transcript,
)
from duomo.serving.wire import WireLimits, read_request

if TYPE_CHECKING:
    from duomo.tasks.results import Embedding


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
            check_model(body.get("model"), hosted.runner.meta)
            messages, options, (streams, counts) = chat_messages(body), chat_options(body), chat_streams(body)
            head = {
                "id": f"chatcmpl-{uuid.uuid4().hex}",
                "created": int(time.time()),
                "model": hosted.runner.meta.model,
            }
            if streams:
                deadline_s, caller = deadline_of(request, {}), caller_of(request)
                hosted.admit(size_of(messages), caller)
                parts = hosted.stream(messages, options, deadline_s=deadline_s, caller=caller)
                # What is wrong with the request is known before the stream begins.
                first: Any = await until_gone(request, _first(parts))
                if first is None:
                    raise ClientGone("the client has left")
                stream = events(first, parts, head, counts=counts)
                return StreamingResponse(stream, media_type="text/event-stream", headers=STREAMED)
            made = (await self._run(request, hosted, messages, options)).unwrap()
        except DuomoError as error:
            return _error(error)
        return _json(whole(made, head))

    async def embeddings(self, request: Request) -> Response:
        """``POST /v1/embeddings``: a text or a list of texts, as numbers or as base64 of float32."""
        try:
            hosted = self._served("feature-extraction")
            body = await read_request(request, self._limits)
            refuse_others(body, ("input", "model", "encoding_format", "user"))
            check_model(body.get("model"), hosted.runner.meta)
            texts = body.get("input")
            texts = [texts] if isinstance(texts, str) else texts
            if not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
                why = "numbers are tokens of another vocabulary (LangChain: check_embedding_ctx_length=False)"
                raise BadInput("input must be a text or a list of texts", why=why, fix='"input": ["a", "b"]')
            self._limits.check_items(len(texts))
            compact = _is_base64(body.get("encoding_format"))
            outcomes = await self._run_all(request, hosted, texts)
            vectors = [outcome.unwrap() for outcome in outcomes]
            read = sum(outcome.meta.num_tokens for outcome in outcomes)
        except DuomoError as error:
            return _error(error)
        data = [
            {"object": "embedding", "index": index, "embedding": _base64(each) if compact else each.vector.tolist()}
            for index, each in enumerate(vectors)
        ]
        return _json({"object": "list", "data": data, "model": hosted.runner.meta.model, "usage": usage(read, 0)})

    async def transcriptions(self, request: Request) -> Response:
        """``POST /v1/audio/transcriptions``: a form with the file, to text, JSON, subtitles or events."""
        return await self._transcribe(request, {})

    async def translations(self, request: Request) -> Response:
        """``POST /v1/audio/translations``: the same in English."""
        return await self._transcribe(request, {"task": "translate"})

    async def _transcribe(self, request: Request, options: dict[str, object]) -> Response:
        try:
            hosted = self._served("automatic-speech-recognition")
            given = await read_form(request, self._limits)
            sound = given.get("file")
            if not isinstance(sound, bytes):
                raise BadInput("the form has no file", fix="curl -F file=@call.wav -F model=any …")
            check_model(given.get("model"), hosted.runner.meta)
            kind, streams = transcription_settings(given)
            if given.get("language"):
                options = {**options, "language": given["language"]}
            said = (await self._run(request, hosted, sound, options)).unwrap()
            is_verbose = kind == "verbose_json" and not streams
            length_s = await asyncio.to_thread(seconds_of, sound) if is_verbose else 0.0
        except DuomoError as error:
            return _error(error)
        if streams:
            return StreamingResponse(iter(transcript_events(said)), media_type="text/event-stream", headers=STREAMED)
        text, media_type = write_transcript(said, kind, str(options.get("task", "transcribe")), length_s)
        return Response(text, media_type=media_type)

    async def speech(self, request: Request) -> Response:
        """``POST /v1/audio/speech``: a text to an audio clip."""
        try:
            hosted = self._served("text-to-speech")
            body = await read_request(request, self._limits)
            check_model(body.get("model"), hosted.runner.meta)
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
                fix="GET /v1/tasks lists them",
            )
        seen().task = task
        return self._hosted[task]

    async def _run(
        self, request: Request, hosted: Hosted[Any], item: object, options: Mapping[str, object]
    ) -> Outcome[Any]:
        deadline_s, caller = deadline_of(request, {}), caller_of(request)
        hosted.admit(size_of(item), caller)
        outcome = await until_gone(request, hosted.run(item, options, deadline_s=deadline_s, caller=caller))
        if outcome is None:
            raise ClientGone("the client has left")
        return outcome

    async def _run_all(self, request: Request, hosted: Hosted[Any], texts: list[str]) -> list[Outcome[Any]]:
        deadline_s, caller = deadline_of(request, {}), caller_of(request)
        hosted.admit(size_of(texts), caller)

        def running(text: str) -> Coroutine[object, object, Outcome[Any]]:
            return hosted.run(text, {}, deadline_s=deadline_s, caller=caller)

        async def together() -> list[Outcome[Any]]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(running(text)) for text in texts]
            return [task.result() for task in tasks]

        try:
            outcomes = await until_gone(request, together())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if outcomes is None:
            raise ClientGone("the client has left")
        return outcomes


async def _first(parts: AsyncIterator[object]) -> object:
    """Wait for the first part. Raises `ModelFailed` where there is none."""
    async for part in parts:
        return part
    raise ModelFailed("the model gave no part of a text", why="a stream has at least one", fix="ask without stream")


def _is_base64(given: object) -> bool:
    if given not in (None, "float", "base64"):
        raise BadOption(f"encoding_format cannot be {given!r:.40}", why="no such format of a vector", fix="float")
    return given == "base64"


def _base64(embedding: Embedding) -> str:
    return base64.b64encode(embedding.vector.astype("<f4").tobytes()).decode()


def _error(error: DuomoError) -> Response:
    if isinstance(error, ClientGone):
        return Response(status_code=GONE)
    seen().error = error.code
    return error_reply(status_of(error), error_words(error), headers_of(error))


def _json(value: object) -> JsonReply:
    return JsonReply(json.dumps(value, ensure_ascii=False))
