"""Around every request: an id, its metrics, one line of a log, and a span of OpenTelemetry where that is installed.

What is written down is how long things took and what became of them, and never what was in them.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
import re
import time
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from duomo.serving.monitoring.metrics import Metrics

LOG = logging.getLogger("duomo.serving")
"""One JSON object a request, at level INFO; silent until someone adds a handler."""
LOG.setLevel(logging.INFO)
LOG.propagate = False
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
GONE = 499
"""Status of a request whose client has left."""


@dataclasses.dataclass(slots=True)
class Seen:
    """What is known of a request when it is over."""

    task: str = ""
    model: str = ""
    items: int = 0
    failed: int = 0
    queue_s: float = 0.0
    """The longest that an item waited."""
    compute_s: float = 0.0
    """The longest batch."""
    error: str = ""
    """Code of the last error."""

    def item(self, code: str, queue_s: float, compute_s: float) -> None:
        """Take the outcome of one item down; `code` is empty for a result."""
        self.items += 1
        if code:
            self.failed += 1
            self.error = code
        self.queue_s = max(self.queue_s, queue_s)
        self.compute_s = max(self.compute_s, compute_s)


_SEEN: ContextVar[Seen | None] = ContextVar("duomo_seen", default=None)


def seen() -> Seen:
    """Return the record of the request that is being handled; one that nobody reads where there is none."""
    return _SEEN.get() or Seen()


class Span(Protocol):
    """What is used of a span of OpenTelemetry."""

    def end(self) -> None:
        """Close it."""


class Observed:
    """ASGI middleware that takes requests down.

    Args:
        app: what answers them.
        metrics: where those of a task are counted.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics
        self._tracing = Tracing.find()
        self._ids = map("{}{:08x}".format, itertools.repeat(uuid.uuid4().hex[:24]), itertools.count())
        """Asking the system for random bytes each time would cost more than the rest of this."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and take down what became of it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
        request_id = given if _ID.fullmatch(given) else next(self._ids)
        start, sizes, status = time.perf_counter(), [0, 0], [GONE]

        async def counted_receive() -> Message:
            message = await receive()
            sizes[0] += len(message.get("body", b"")) or len(message.get("bytes") or b"")
            return message

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            elif message["type"] == "websocket.accept":
                status[0] = 101
            sizes[1] += len(message.get("body", b"")) or len(message.get("text") or "")
            await send(message)

        record = Seen()
        token = _SEEN.set(record)
        span = self._tracing.start(scope) if self._tracing is not None else None
        try:
            await self.app(scope, counted_receive, counted_send)
        except ClientDisconnect:
            pass  # in the middle of its body: nobody is there to be answered
        except Exception:
            if status[0] == GONE:
                status[0] = 500  # what is around this says so to the client
            raise
        finally:
            _SEEN.reset(token)
            took = time.perf_counter() - start
            if record.task and scope["type"] == "http":  # a conversation lasts as long as its client likes
                self._metrics.request(record.task, status[0], took, time.monotonic())
            if LOG.handlers:
                LOG.info(_line(request_id, scope, status[0], record, took, sizes))
            if span is not None and self._tracing is not None:
                self._tracing.end(span, record, status[0])


def _line(request_id: str, scope: Scope, status: int, record: Seen, took: float, sizes: list[int]) -> str:
    """Write the line; its path is that of a route, since a made-up one may say anything."""
    route = getattr(scope.get("route"), "path", "") if "route" in scope else ""
    words: dict[str, str | int | float] = {
        "time": round(time.time(), 3),
        "id": request_id,
        "method": scope.get("method", "WEBSOCKET"),
        "route": route or _route_of(scope),
        "status": status,
        "task": record.task,
        "model": record.model,
        "items": record.items,
        "failed": record.failed,
        "error": record.error,
        "ms": round(took * 1e3, 2),
        "queue_ms": round(record.queue_s * 1e3, 2),
        "compute_ms": round(record.compute_s * 1e3, 2),
        "bytes_in": sizes[0],
        "bytes_out": sizes[1],
    }
    return json.dumps(words)


def _route_of(scope: Scope) -> str:
    """Return the path with what filled the places of its route taken out again; empty for an unknown route."""
    if "endpoint" not in scope:
        return ""
    parts: Mapping[str, str] = scope.get("path_params", {})
    names = {value: f"{{{name}}}" for name, value in parts.items()}
    return "/".join(names.get(part, part) for part in scope["path"].split("/"))


class Tracing:
    """Spans of requests, with the names of OpenTelemetry's GenAI conventions where they fit."""

    def __init__(self) -> None:
        from opentelemetry import propagate, trace

        self._trace = trace
        self._propagate = propagate
        self._tracer = trace.get_tracer("duomo.serving")

    @classmethod
    def find(cls) -> Tracing | None:
        """Return the tracing, if OpenTelemetry is installed."""
        try:
            return cls()
        except ImportError:
            return None

    def start(self, scope: Scope) -> Span | None:
        """Begin a span; it belongs to the trace that the header ``traceparent`` names. None where nobody collects."""
        if isinstance(self._trace.get_tracer_provider(), self._trace.ProxyTracerProvider):
            return None
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return self._tracer.start_span(
            "duomo request", self._propagate.extract(carrier), kind=self._trace.SpanKind.SERVER
        )

    def end(self, span: Span, record: Seen, status: int) -> None:
        """Say what became of it, and close it."""
        names = {"text-generation": "chat", "feature-extraction": "embeddings"}
        attributes: dict[str, str | int] = {"http.response.status_code": status}
        if record.task:
            operation = names.get(record.task, record.task)
            attributes.update(
                {
                    "gen_ai.operation.name": operation,
                    "gen_ai.provider.name": "duomo",
                    "gen_ai.request.model": record.model,
                    "duomo.items": record.items,
                    "duomo.failed": record.failed,
                }
            )
            assert isinstance(span, self._trace.Span)
            span.update_name(f"{operation} {record.model}")
            now = time.time_ns()
            computed = now - int(record.compute_s * 1e9)
            span.add_event("queued", timestamp=computed - int(record.queue_s * 1e9))
            span.add_event("batched", timestamp=computed)
            span.add_event("computed", timestamp=now)
        assert isinstance(span, self._trace.Span)
        span.set_attributes(attributes)
        if record.error or status >= 500:
            span.set_attribute("error.type", record.error or str(status))
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()
