"""Answers where there is no route, or none by this method, and where something failed that nobody foresaw."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from duomo.errors import did_you_mean
from duomo.serving.access import path_within
from duomo.serving.replies import error_reply

UPGRADE = {"connection": "upgrade", "upgrade": "websocket"}


async def not_found(request: Request, error: Exception) -> Response:
    """Say what there is instead: other methods of the address, the same as a websocket, or the nearest address."""
    scope, routes = request.scope, request.app.routes
    what = f"there is no {request.method} {request.url.path:.80}"
    fitting = [route for route in routes if _fits(route, scope)]
    methods = {method for route in fitting for method in getattr(route, "methods", None) or ()}
    # The route of an endpoint that is a class has none: the class refuses a method, and says which it takes.
    if not methods:
        methods = {each for each in (getattr(error, "headers", None) or {}).get("Allow", "").split(", ") if each}
    is_whole = scope["path"] in ("*", "/*")  # of OPTIONS: the server and none of its addresses (RFC 9110, 9.3.7)
    if request.method == "OPTIONS" and (methods or is_whole):
        return Response(status_code=204, headers={"allow": ", ".join(sorted({*methods, "OPTIONS"}))})
    if methods:
        allowed = ", ".join(sorted(methods))
        return _reply(405, what, f"it takes {allowed}", "take one of those", {"allow": allowed})
    if any(_fits(route, {**scope, "type": "websocket"}) for route in routes):
        return _reply(426, what, "this address is a websocket", f"ws://…{request.url.path:.80}", UPGRADE)
    fix = f"GET {scope.get('root_path', '')}/openapi.json lists all"
    served = [f"/v1/tasks/{task}" for task in getattr(request.app.state, "hosted", ())]
    return _reply(404, what, _near(path_within(scope), scope, routes, served), fix)


async def fault(_: Request, error: Exception) -> Response:
    """Answer what nobody foresaw as every other error is; the server's log has the traceback."""
    what = f"the server failed at this request ({type(error).__name__})"
    return error_reply(500, {"code": "E-DUOMO", "what": what, "why": "", "fix": "the server's log says where"})


def _near(path: str, scope: Scope, routes: list[BaseRoute], served: list[str]) -> str:
    """Name the address without the slashes that are too many, that of the task that it ends with, or the nearest."""
    root = scope.get("root_path", "")
    bare = "/" + "/".join(part for part in path.split("/") if part)
    kinds = ("http", "websocket")
    if bare != path and any(
        _fits(route, {**scope, "path": root + bare, "type": kind}) for route in routes for kind in kinds
    ):
        return did_you_mean(root + bare, [root + bare])
    if named := [each for each in served if each.endswith(bare[bare.rindex("/") :])]:
        return did_you_mean(root + named[0], [root + each for each in named])
    known = [route.path for route in routes if isinstance(route, Route) and "{" not in route.path and route.path != "/"]
    return did_you_mean(root + path, [root + each for each in (*known, *served)])


def _fits(route: BaseRoute, scope: Scope) -> bool:
    return route.matches(scope)[0] is not Match.NONE


def _reply(status: int, what: str, why: str, fix: str, headers: dict[str, str] | None = None) -> Response:
    return error_reply(status, {"code": "E-ROUTE", "what": what, "why": why, "fix": fix}, headers)
