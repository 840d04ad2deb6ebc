"""The route of adapters: records in, verdicts out, and the audit line written before the answer leaves."""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from duomo.adapters import Adapter, AuditLog
from duomo.errors import BadInput, DeadlinePassed, DuomoError, UnknownAdapter, did_you_mean
from duomo.execution.scheduling.admission import Admission
from duomo.inputs.seal import sealed
from duomo.serving.monitoring.observe import GONE, seen
from duomo.serving.refusal import TooBusy
from duomo.serving.remedy import outcome_for_client
from duomo.serving.replies import JsonReply, reply_to
from duomo.serving.routes import caller_of, check_names, deadline_of, until_gone
from duomo.serving.unopened import unopened
from duomo.serving.wire import WireLimits, read_request, to_record


class AdapterRoutes:
    """Handlers over adapters. Records of one adapter run one request at a time, so that the audit chain has one order.

    Args:
        adapters: by name, ``plugin/thing``.
        limits: what one request may ask for.
        audit: a log that every outcome is written into.
        most_wait_s: how long records may wait before more are refused.
    """

    def __init__(
        self,
        adapters: Mapping[str, Adapter[Any, Any]],
        limits: WireLimits,
        audit: AuditLog | None = None,
        *,
        most_wait_s: float = 10.0,
    ) -> None:
        self._adapters = adapters
        self._limits = limits
        self._audit = audit
        self.admission = Admission(most_wait_s)
        # A thread of their own: requests that wait for their turn would keep those of tasks from being accepted.
        self._thread = ThreadPoolExecutor(1, "duomo-adapters")

    async def judge(self, request: Request) -> Response:
        """``POST /v1/adapters/{industry}/{name}``: ``{"records": […]}`` to one outcome a line, in order."""
        name = f"{request.path_params['industry']}/{request.path_params['name']}"
        try:
            if name not in self._adapters:
                raise UnknownAdapter(
                    f"this server has no adapter '{name:.80}'",
                    why=did_you_mean(name, self._adapters) or f"it has {', '.join(self._adapters) or 'none'}",
                    fix="GET /openapi.json",
                )
            seen().task = name
            body = await read_request(request, self._limits)
            records = body.get("records")
            if not isinstance(records, list) or not records:
                raise BadInput("'records' is not a list of one record or more", fix='{"records": [{…}, …]}')
            check_names(body, ("records", "deadline_s"), '{"records": [{…}, …]}')
            self._limits.check_items(len(records))
            records = [to_record(each) for each in records]
            judging = self._judge(self._adapters[name], records, caller_of(request), deadline_of(request, body))
            lines = await until_gone(request, judging)
        except DuomoError as error:
            return reply_to(error)
        if lines is None:
            return Response(status_code=GONE)
        return JsonReply(lines, media_type="application/x-ndjson", headers={"cache-control": "no-store"})

    async def _judge(
        self, adapter: Adapter[Any, Any], records: list[Any], caller: str, deadline_s: float | None
    ) -> bytes:
        """Wait for the turn of these records; those whose client leaves before are not judged, nor are late ones."""
        cost, now = len(records), time.monotonic()
        retry_s = self.admission.retry_after_s(cost, now, caller)
        if retry_s is not None:
            raise TooBusy(self.admission.ahead_s(cost, caller), self.admission.most_wait_s, retry_s)
        self.admission.enter(cost, now, caller)
        computed = False
        try:
            run = contextvars.copy_context().run  # for `seen`
            loop = asyncio.get_running_loop()
            until = math.inf if deadline_s is None else now + deadline_s
            lines = await loop.run_in_executor(self._thread, run, self._lines, adapter, records, until)
            computed = True
            return lines
        finally:
            self.admission.leave(cost, time.monotonic(), caller, computed=computed)

    def _lines(self, adapter: Adapter[Any, Any], records: list[Any], until: float) -> bytes:
        if time.monotonic() >= until:
            raise DeadlinePassed(
                "the records were not judged before their deadline",
                why="they waited for their turn until then",
                fix="give them more time, or send fewer at once",
            )
        with sealed(), unopened(records):
            lines = []
            for each in adapter.map(records, audit=self._audit):
                seen().item(each.error.code if each.error is not None else "", 0.0, 0.0)
                lines.append(outcome_for_client(each).to_json().encode() + b"\n")
            return b"".join(lines)
