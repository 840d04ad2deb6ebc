"""The busiest route without a router: one item of a task.

Starlette's router and its handlers of exceptions take as long as all else that a quick request needs. What is not in
the table goes on to them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from duomo.serving.access import path_within


class Direct:
    """ASGI middleware: answer ``POST /v1/tasks/{task}`` for tasks that are known.

    Args:
        app: what answers all else.
        handler: of the route.
        tasks: their names.
    """

    def __init__(
        self, app: ASGIApp, *, handler: Callable[[Request], Awaitable[Response]], tasks: Iterable[str]
    ) -> None:
        self.app = app
        self._handler = handler
        self._tasks = {f"/v1/tasks/{task}": task for task in tasks}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer here, or pass on."""
        task = self._tasks.get(path_within(scope)) if scope.get("method") == "POST" else None
        if task is None:
            await self.app(scope, receive, send)
            return
        scope["path_params"], scope["endpoint"] = {"task": task}, self._handler
        response = await self._handler(Request(scope, receive))
        await response(scope, receive, send)
