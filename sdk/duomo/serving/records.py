"""The route of adapters: records in, verdicts out, and the audit line written before the answer leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from duomo.adapters import Adapter, AuditLog
from duomo.errors import BadInput, DuomoError, UnknownAdapter, did_you_mean
from duomo.inputs.seal import sealed
from duomo.outcome import spelled
from duomo.serving.monitoring.observe import seen
from duomo.serving.replies import JsonReply, reply_to
from duomo.serving.wire import WireLimits, read_request


class AdapterRoutes:
    """Handlers over adapters. Records of one adapter run one request at a time, so that the audit chain has one order.

    Args:
        adapters: by name, ``plugin/thing``.
        limits: what one request may ask for.
        audit: a log that every outcome is written into.
    """

    def __init__(
        self, adapters: Mapping[str, Adapter[Any, Any]], limits: WireLimits, audit: AuditLog | None = None
    ) -> None:
        self._adapters = adapters
        self._limits = limits
        self._audit = audit
        self._turn = threading.Lock()

    async def judge(self, request: Request) -> Response:
        """``POST /v1/adapters/{industry}/{name}``: ``{"records": […]}`` to one outcome a line, in order."""
        name = f"{request.path_params['industry']}/{request.path_params['name']}"
        try:
            if name not in self._adapters:
                raise UnknownAdapter(
                    f"this server has no adapter '{name:.80}'",
                    why=did_you_mean(name, self._adapters) or f"it has {', '.join(self._adapters) or 'none'}",
                    fix="duomo serve --adapter NAME brings one in",
                )
            seen().task = name
            body = await read_request(request, self._limits)
            records = body.get("records")
            if not isinstance(records, list) or not records:
                raise BadInput("the body has no list of 'records'", fix='{"records": [{…}, …]}')
            self._limits.check_items(len(records))
            lines = await asyncio.to_thread(self._lines, self._adapters[name], records)
        except DuomoError as error:
            return reply_to(error)
        return JsonReply(lines, media_type="application/x-ndjson", headers={"cache-control": "no-store"})

    def _lines(self, adapter: Adapter[Any, Any], records: list[Any]) -> bytes:
        with self._turn, sealed():
            lines = []
            for each in adapter.map(records, audit=self._audit):
                seen().item(each.error.code if each.error is not None else "", 0.0, 0.0)
                lines.append(spelled(each.to_json()).encode() + b"\n")
            return b"".join(lines)
