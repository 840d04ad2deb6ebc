"""Answers: results as the bytes that pydantic writes, errors as code, what, why and fix with a status by their kind."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from starlette.responses import Response

from duomo import errors
from duomo.errors import DuomoError
from duomo.outcome import ItemError, Meta, Outcome, result_json, spelled
from duomo.serving.monitoring.observe import seen
from duomo.serving.refusal import OtherBody, TooBusy
from duomo.serving.remedy import for_client

STATUS: tuple[tuple[type[DuomoError], int], ...] = (
    (errors.DeadlinePassed, 504),
    (errors.ServerBusy, 429),
    (errors.InputTooLarge, 413),
    (OtherBody, 415),
    (errors.BadInput, 422),
    (errors.UsageProblem, 400),
    (errors.NotFound, 404),
    (errors.Unavailable, 503),
    (errors.SystemicError, 503),
    (errors.GuardRefused, 422),
    (errors.Aborted, 403),
    (errors.DuomoError, 500),
)
"""HTTP status by branch of the error tree; the first that fits."""


STREAMED = {"cache-control": "no-cache", "x-accel-buffering": "no"}
"""Headers of an answer in parts: proxies, nginx among them, are not to gather them."""

to_text = json.JSONEncoder(ensure_ascii=False).encode
"""Return a value as JSON text. `json.dumps` would make an encoder for each value."""


_META = TypeAdapter(Meta).serializer
"""Five times as quick as a dictionary and `to_text`."""


class JsonReply(Response):
    """A body that is JSON text already."""

    media_type = "application/json"

    def render(self, content: str | bytes) -> bytes:
        """Encode it; half a character, which UTF-8 has no bytes for, is spelled out."""
        return content if isinstance(content, bytes) else spelled(content).encode()


def status_of(error: DuomoError | ItemError) -> int:
    """Find the HTTP status of an error."""
    kind = getattr(errors, error.type, DuomoError) if isinstance(error, ItemError) else type(error)
    if not issubclass(kind, DuomoError):
        return 500
    return next(status for branch, status in STATUS if issubclass(kind, branch))


def error_reply(status: int, words: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JsonReply:
    """Answer with an error; the words are code, what, why and fix, and never a path or a traceback."""
    return JsonReply(to_text({"error": dict(words)}), status, headers=dict(headers or {}))


def reply_to(
    error: DuomoError | ItemError, headers: Mapping[str, str] | None = None, *, to_operator: bool = False
) -> JsonReply:
    """Answer with an error of ours; its advice is for a client, unless the operator asked."""
    words = (ItemError.of(error) if to_operator and isinstance(error, DuomoError) else for_client(error)).to_dict()
    seen().error = words["code"]
    return error_reply(status_of(error), words, {**headers_of(error), **(headers or {})})


def headers_of(error: DuomoError | ItemError) -> dict[str, str]:
    """Say what kind of body is taken, or when to come again; a server that is shut down may be up in a second."""
    if isinstance(error, OtherBody):
        return dict(error.takes)
    if isinstance(error, TooBusy):
        return {"retry-after": str(error.retry_s)}
    return {"retry-after": "1"} if status_of(error) == 503 else {}


def result_reply(outcome: Outcome[Any]) -> JsonReply:
    """Answer with one result and how it came about, or with its error."""
    if outcome.error is not None:
        return reply_to(outcome.error, meta_headers(outcome.meta))
    assert outcome.result is not None
    body = b'{"result": %b, "meta": %b}' % (result_json(outcome.result).encode(), _META.to_json(outcome.meta))
    return ResultReply(body, outcome.meta)


class ResultReply(JsonReply):
    """A result that is JSON text already; its headers are not put together again for each."""

    def __init__(self, body: bytes, meta: Meta) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), *_raw_headers(meta.model, meta.revision)]


@functools.lru_cache
def _raw_headers(model: str, revision: str) -> list[tuple[bytes, bytes]]:
    found = {"content-type": JsonReply.media_type, **meta_headers(Meta("", model, revision=revision))}
    return [(name.encode(), value.encode()) for name, value in found.items()]


def meta_headers(meta: Meta) -> dict[str, str]:
    """Write model and revision as headers, where a proxy or a log sees them without reading the body."""
    return {"x-duomo-model": _ascii(meta.model), "x-duomo-revision": _ascii(meta.revision)}


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
