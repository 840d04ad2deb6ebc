"""What a server says of itself: whether it is alive and ready, its numbers, its routes, and two pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from duomo.serving.hosted import Hosted
from duomo.serving.monitoring.metrics import CONTENT_TYPE, Metrics
from duomo.serving.playground.page import PAGE_HEADERS, playground
from duomo.serving.replies import JsonReply
from duomo.serving.schemas import openapi
from duomo.serving.status.gauges import Gauges
from duomo.serving.status.page import status_page
from duomo.serving.status.snapshot import Snapshots
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)


class About(Generic[R]):
    """Routes that take nothing.

    Args:
        hosted: what serves, by task.
        metrics: the numbers; those of memory and queues are added here.
    """

    def __init__(self, hosted: Mapping[str, Hosted[R]], metrics: Metrics) -> None:
        self._hosted, self._metrics = hosted, metrics
        self._snapshots: Snapshots[R] = Snapshots(hosted.values())
        metrics.registry.register(Gauges(self._snapshots))

    async def ready(self, _: Request) -> Response:
        """Whether each model answers, why one does not, and when it last did; names of models are not for everybody."""
        await asyncio.gather(*(each.probe() for each in self._hosted.values()))
        models = {name: _readiness(each) for name, each in self._hosted.items()}
        is_ready = all(each["ready"] for each in models.values())
        return JsonReply(json.dumps({"ready": is_ready, "models": models}), 200 if is_ready else 503)

    async def alive(self, _: Request) -> Response:
        """That the process answers."""
        return JsonReply('{"alive": true}')

    async def description(self, request: Request) -> Response:
        """All routes, as OpenAPI."""
        root = request.scope.get("root_path", "")
        return JsonReply(json.dumps(openapi(self._hosted.values(), root), ensure_ascii=False))

    async def numbers(self, _: Request) -> Response:
        """The numbers that Prometheus reads."""
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def page(self, _: Request) -> Response:
        """The page to try the tasks on."""
        return Response(playground(self._hosted.values()), media_type="text/html", headers=PAGE_HEADERS)

    async def status(self, _: Request) -> Response:
        """The page of the operator."""
        return Response(status_page(), media_type="text/html", headers=PAGE_HEADERS)

    async def status_record(self, _: Request) -> Response:
        """What that page shows."""
        return JsonReply(self._snapshots.take().model_dump_json(), headers={"cache-control": "no-store"})


def _readiness(hosted: Hosted[R]) -> dict[str, bool | list[str] | float | None]:
    why = hosted.why_not_ready()
    return {"ready": not why, "why": why, "last_success": hosted.last_success or None}
