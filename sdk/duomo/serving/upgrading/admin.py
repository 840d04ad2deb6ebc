"""The operator's routes: exchange a model for another that was named at the start, compare it first, go back.

GET  /-/models                        what serves, and what may take its place
POST /-/models/{task}/swap            {"model": …}
POST /-/models/{task}/shadow          {"model": …, "share": 0.1}; GET gives the report, DELETE ends it
POST /-/models/{task}/promote         the model that is compared takes over
POST /-/models/{task}/rollback        the model before takes over
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from duomo.errors import BadOption, DuomoError, UnknownModel, UnknownTask, UsageProblem, did_you_mean
from duomo.runner import Runner
from duomo.serving.hosted import Hosted
from duomo.serving.replies import JsonReply, reply_to
from duomo.serving.routes import check_names
from duomo.serving.status.snapshot import resident_bytes
from duomo.serving.upgrading.shadow import Shadow
from duomo.serving.wire import WireLimits, header, read_request
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)


class Place(Generic[R]):
    """One task, the models that may serve it, and the one that is compared now.

    Args:
        hosted: what serves it.
        names: the references that were named at the start, the first of which serves.
        load: loads one of them.
    """

    def __init__(self, hosted: Hosted[R], names: Sequence[str], load: Callable[[str], Runner[R]]) -> None:
        self.hosted = hosted
        self.names = tuple(names)
        self.name = names[0]
        self.before: str | None = None
        self.shadow: Shadow[R] | None = None
        self._load = load
        self._turn = asyncio.Lock()

    async def swap(self, name: str) -> None:
        """Load a model and have it take over; until then the one before answers."""
        async with self._turn:
            if name != self.name:
                self._take_over(name, await asyncio.to_thread(self._load, self._known(name)))

    async def compare(self, name: str, share: float) -> None:
        """Load a candidate and compare it on a share of the traffic."""
        async with self._turn:
            self._known(name)  # or a slip would end what is compared now
            await self._end()
            before = resident_bytes()
            runner = await asyncio.to_thread(self._load, name)
            self.candidate = name
            waiting = self.hosted.admission
            self.shadow = Shadow(runner, share, max(0, resident_bytes() - before), lambda: waiting.waiting_items)
            self.hosted.watcher = self.shadow

    async def promote(self) -> None:
        """Have the candidate take over."""
        async with self._turn:
            shadow = self._compared()
            self.hosted.watcher = self.shadow = None
            await shadow.stop()
            self._take_over(self.candidate, shadow.runner)

    async def rollback(self) -> None:
        """Have the model before take over again."""
        if self.before is None:
            raise UsageProblem(
                "there is no model to go back to",
                why="no model was swapped since the server started",
                fix="POST …/swap first",
            )
        await self.swap(self.before)

    async def end(self) -> None:
        """Compare no longer."""
        async with self._turn:
            self._compared()
            await self._end()

    def report(self) -> dict[str, object]:
        """Return what changes with the candidate."""
        return {"live": self.name, **self._compared().report()}

    def record(self) -> dict[str, object]:
        """Return what serves and what may."""
        comparing = self.candidate if self.shadow is not None else None
        return {"serves": self.name, "may_serve": list(self.names), "before": self.before, "compares": comparing}

    candidate = ""

    def _compared(self) -> Shadow[R]:
        if self.shadow is None:
            raise UsageProblem("no candidate is compared", fix=f"POST /-/models/{self.hosted.task.name}/shadow")
        return self.shadow

    def _known(self, name: str) -> str:
        if name not in self.names:
            raise UnknownModel(
                f"'{name:.80}' was not named when this server was started",
                why=did_you_mean(name, self.names) or f"it may be {', '.join(self.names)}",
                fix=f"duomo serve … --candidate {self.hosted.task.name}=MODEL",
            )
        return name

    def _take_over(self, name: str, runner: Runner[R]) -> None:
        self.hosted.swap(runner)
        self.before, self.name = self.name, name

    async def close(self) -> None:
        """Give a candidate back that is still compared, at the end of the server."""
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        shadow, self.hosted.watcher, self.shadow = self.shadow, None, None
        if shadow is not None:
            await shadow.stop()
            await asyncio.to_thread(shadow.runner.close)


class AdminRoutes(Generic[R]):
    """Handlers for the operator; `Access` lets in who has the operator's token.

    Args:
        places: by task.
        limits: of a request.
    """

    def __init__(self, places: Mapping[str, Place[R]], limits: WireLimits) -> None:
        self._places = places
        self._limits = limits

    async def models(self, _: Request) -> Response:
        """``GET /-/models``."""
        return _json({task: place.record() for task, place in self._places.items()})

    async def act(self, request: Request) -> Response:
        """``POST /-/models/{task}/{act}``; ``GET`` and ``DELETE`` of its shadow."""
        try:
            place, act = self._place(request), request.path_params["act"]
            if request.method == "GET" and act == "shadow":
                return _json(place.report())
            if request.method == "DELETE" and act == "shadow":
                await place.end()
            elif request.method == "POST" and act in ("promote", "rollback"):
                if header(request, b"content-length") not in ("", "0") or header(request, b"transfer-encoding"):
                    check_names(await read_request(request, self._limits), (), "send no body: swap takes a model")
                await (place.promote() if act == "promote" else place.rollback())
            elif request.method == "POST" and act in ("swap", "shadow"):
                body = await read_request(request, self._limits)
                check_names(body, ("model", "share") if act == "shadow" else ("model",), '{"model": "…"}')
                name = str(body.get("model", ""))
                await (place.swap(name) if act == "swap" else place.compare(name, _share(body.get("share", 0.1))))
            else:
                raise UsageProblem(f"there is no {request.method} '{act:.40}'", fix="swap, shadow, promote or rollback")
        except DuomoError as error:
            return reply_to(error, to_operator=True)
        return _json(place.record())

    def _place(self, request: Request) -> Place[R]:
        task = request.path_params["task"]
        if task not in self._places:
            raise UnknownTask(
                f"this server has no task '{task:.80}'",
                why=did_you_mean(task, self._places),
                fix=f"it has {', '.join(self._places)}",
            )
        return self._places[task]


def _share(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise BadOption(f"share cannot be {value!r:.40}", why="it is a share of the traffic", fix="0.1")


def _json(value: object) -> JsonReply:
    return JsonReply(json.dumps(value, ensure_ascii=False), headers={"cache-control": "no-store"})
