"""A chat in OpenAI's dialect: the settings of a request, and its answer whole or as events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from duomo.errors import BadInput, BadOption, DuomoError
from duomo.serving.dialect import cannot, error_words, event, refuse_others, truth, usage

if TYPE_CHECKING:
    from duomo.tasks.nlp.generation import Generation, TextChunk

OPTIONS = {"max_tokens": "max_new_tokens", "max_completion_tokens": "max_new_tokens", "temperature": "temperature",
           "top_p": "top_p", "seed": "seed"}  # fmt: skip
"""Their names of options → ours."""
READ = frozenset({"model", "messages", "stream", "stop", "user", "stream_options", "metadata", *OPTIONS})
NEUTRAL = {
    "n": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "store": (False,),
    "logit_bias": ({},),
    "tools": ([],),
    "response_format": ({"type": "text"},),
}
"""Values that ask for nothing: many clients send all they have."""


def chat_messages(body: Mapping[str, Any]) -> list[Any]:
    """Return the messages of a request. Raises `BadInput` where there are none, or one is more than text."""
    given = body.get("messages")
    if not isinstance(given, list) or not given:
        raise BadInput(
            "'messages' is not a list of one message or more", fix='"messages": [{"role": "user", "content": "…"}]'
        )
    return [_message(each) for each in given]


def _message(value: Any) -> Any:
    """Join the text parts of a message's content; what is not text is refused. A developer's is the system's."""
    if isinstance(value, dict) and value.get("role") == "developer":
        value = {**value, "role": "system"}
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, list):
        return value
    parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    if len(parts) != len(content):
        raise BadInput("a message holds a part that is not text", why="this model reads text only", fix="send text")
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) != len(parts):
        fix = '{"type": "text", "text": "…"}'
        raise BadInput("a part of a message has no text", why="its 'text' is left out, null or a number", fix=fix)
    return {**value, "content": "".join(texts)}


def chat_options(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the task's options. Raises `BadOption` for one that cannot be honoured."""
    refuse_others(body, READ, NEUTRAL)
    options: dict[str, Any] = {}
    for theirs, ours in OPTIONS.items():
        value = body.get(theirs)
        if value is not None and options.setdefault(ours, value) != value:
            raise BadOption(f"'{theirs}' says another number than its older name", fix="send one of them")
    stop = body.get("stop")
    if stop not in (None, "", []):
        options["stop"] = [stop] if isinstance(stop, str) else stop
    return options


def chat_streams(body: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return whether the answer comes as events, and whether the last of them counts tokens. Raises `BadOption`."""
    streams, settings = truth("stream", body.get("stream")), body.get("stream_options")
    settings = {} if settings is None else settings
    if not isinstance(settings, dict) or (settings and not streams):
        raise cannot("stream_options")
    refuse_others(settings, ("include_usage",), {"include_obfuscation": (False,)})
    return streams, truth("include_usage", settings.get("include_usage"))


def whole(made: Generation, head: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer as one object."""
    message = {"role": "assistant", "content": made.text}
    choice = {"index": 0, "message": message, "finish_reason": made.finish_reason}
    counted = usage(made.num_prompt_tokens, made.num_new_tokens)
    return {**head, "object": "chat.completion", "choices": [choice], "usage": counted}


async def events(
    first: TextChunk, parts: AsyncGenerator[object, None], head: Mapping[str, Any], *, counts: bool
) -> AsyncIterator[bytes]:
    """Server-sent events of a generation; closing this closes the generation."""
    head = {**head, "object": "chat.completion.chunk", **({"usage": None} if counts else {})}

    def chunk(delta: dict[str, str], reason: str | None) -> bytes:
        return event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    yield chunk({"role": "assistant", "content": ""}, None)
    async with contextlib.aclosing(parts):
        part = first
        try:
            yield chunk({"content": part.text} if part.text else {}, part.finish_reason)
            async for each in parts:
                part = cast("TextChunk", each)
                yield chunk({"content": part.text} if part.text else {}, part.finish_reason)
            if counts and part.num_prompt_tokens is not None and part.num_new_tokens is not None:
                yield event({**head, "choices": [], "usage": usage(part.num_prompt_tokens, part.num_new_tokens)})
        except DuomoError as error:
            yield event({"error": error_words(error)})
    yield b"data: [DONE]\n\n"
