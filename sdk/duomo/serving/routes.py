"""The routes of tasks: one item, many items as they settle, and what a task is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse

from duomo.errors import BadInput, BadOption, DuomoError, UnknownModel, UnknownTask, did_you_mean
from duomo.inputs.seal import sealed
from duomo.outcome import Failure, ItemError, Outcome, outcome_of
from duomo.serving.forms import is_form, read_form, task_body
from duomo.serving.hosted import Hosted
from duomo.serving.monitoring.observe import GONE, seen
from duomo.serving.monitoring.signals import size_of
from duomo.serving.remedy import outcome_for_client
from duomo.serving.replies import STREAMED, JsonReply, reply_to, result_reply
from duomo.serving.schemas import example_of, input_schema
from duomo.serving.wire import BESIDE, WireLimits, header, read_request, to_item, to_options

T = TypeVar("T")
AT_ONCE = 32
"""Items of a list that are accepted before the event loop turns to other requests."""


class TaskRoutes:
    """Handlers over the hosted models.

    Args:
        hosted: models by the name of their task.
        limits: what one request may ask for.
    """

    def __init__(self, hosted: dict[str, Hosted[Any]], limits: WireLimits) -> None:
        self._hosted = hosted
        self._limits = limits

    async def one(self, request: Request) -> Response:
        """``POST /v1/tasks/{task}``: one item to its result."""
        try:
            hosted = self._named(request)
            if is_form(request):
                body = task_body(await read_form(request, self._limits), hosted.task, self._limits)
            else:
                body = await read_request(request, self._limits)
            check_body(body, "input", hosted.runner.meta.model)
            with sealed():
                item, options = to_item(body["input"], hosted.task.Input), to_options(body.get("options"))
            deadline_s, caller = deadline_of(request, body), caller_of(request)
            hosted.admit(size_of(item), caller)
            outcome = await until_gone(request, hosted.run(item, options, deadline_s=deadline_s, caller=caller))
        except DuomoError as error:
            return reply_to(error)
        return Response(status_code=GONE) if outcome is None else result_reply(outcome)

    async def many(self, request: Request) -> Response:
        """``POST /v1/tasks/{task}/map``: many items to outcomes, one line each, as they settle or in order."""
        try:
            hosted = self._named(request)
            body = await read_request(request, self._limits, orders=("input", "settled"))
            check_body(body, "items", hosted.runner.meta.model)
            items = body["items"]
            if not isinstance(items, list) or not items:
                raise BadInput("'items' is not a list of one item or more", fix='{"items": [{…}, …], "options": {…}}')
            self._limits.check_items(len(items))
            with sealed():
                options = to_options(body.get("options"))
                hosted.task.Options.parse(options)
            deadline_s = deadline_of(request, body)
            hosted.admit(size_of(items), caller_of(request))
        except DuomoError as error:
            return reply_to(error)
        in_order = request.query_params.get("order") == "input"
        lines = self._outcomes(hosted, items, options, caller_of(request), deadline_s, in_order=in_order)
        return StreamingResponse(lines, media_type="application/x-ndjson", headers=STREAMED)

    async def describe(self, request: Request) -> Response:
        """``GET /v1/tasks/{task}``: its input, options and result as JSON schemas, and its limits."""
        try:
            task = self._named(request).task
        except DuomoError as error:
            return reply_to(error)
        record = {
            "task": task.name,
            "input": input_schema(task.Input),
            "options": task.Options.model_json_schema(),
            "result": task.Result.model_json_schema(),
            "example": await asyncio.to_thread(example_of, task),
            "limits": self._limits._asdict(),
        }
        return JsonReply(json.dumps(record, ensure_ascii=False))

    async def names(self, request: Request) -> Response:
        """``GET /v1/tasks``: what is served."""
        records = [{"task": name, "model": each.runner.meta.model} for name, each in self._hosted.items()]
        return JsonReply(json.dumps({"tasks": records}, ensure_ascii=False))

    def _named(self, request: Request) -> Hosted[Any]:
        name = request.path_params["task"]
        if name not in self._hosted:
            raise UnknownTask(
                f"this server has no task '{name:.80}'",
                why=did_you_mean(name, self._hosted) or f"it has {', '.join(self._hosted)}",
                fix="GET /v1/tasks",
            )
        seen().task = name
        return self._hosted[name]

    async def _outcomes(
        self,
        hosted: Hosted[Any],
        items: list[Any],
        options: dict[str, Any],
        caller: str,
        deadline_s: float | None,
        *,
        in_order: bool,
    ) -> AsyncIterator[bytes]:
        """Lines of outcomes. Those of a client that has gone are taken back, since closing this ends its tasks."""

        async def settle(index: int) -> Outcome[Any]:
            try:
                with sealed():
                    item = to_item(items[index], hosted.task.Input)
                return _placed(await hosted.run(item, options, deadline_s=deadline_s, caller=caller), index)
            except DuomoError as error:
                return Failure(index, str(index), None, ItemError.of(error), hosted.runner.meta)

        tasks: list[asyncio.Task[Outcome[Any]]] = []
        try:
            for index in range(len(items)):
                tasks.append(asyncio.create_task(settle(index)))
                if index % AT_ONCE == AT_ONCE - 1:
                    await asyncio.sleep(0)  # others are answered meanwhile
            for each in tasks if in_order else asyncio.as_completed(tasks):
                yield outcome_for_client(await each).to_json().encode() + b"\n"
        finally:
            for task in tasks:
                task.cancel()


class ClientGone(DuomoError):
    """Nobody waits for the answer any more."""


WATCH_AFTER_S = 0.02
"""A client whose answer takes longer is watched: to watch takes as long as all else of a request that is quick."""


async def until_gone(request: Request, running: Coroutine[object, object, T]) -> T | None:
    """Wait for an outcome as long as the client waits; None when it has gone, and then the work is taken back."""
    waiting = asyncio.current_task()
    assert waiting is not None
    has_left = False
    watch: asyncio.Task[None] | None = None

    def begin() -> None:
        nonlocal watch
        watch = asyncio.create_task(_disconnected(request))
        watch.add_done_callback(leave)

    def leave(watch: asyncio.Task[None]) -> None:
        nonlocal has_left
        if not watch.cancelled():
            has_left = True
            waiting.cancel()

    timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, begin)
    try:
        return await running
    except asyncio.CancelledError:
        if not has_left:
            raise
        waiting.uncancel()
        return None
    finally:
        timer.cancel()
        if watch is not None:
            watch.remove_done_callback(leave)
            watch.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def check_body(body: Mapping[str, object], main: str, model: str) -> None:
    """Check the names in a body: what is misspelled would be left out without a word.

    Args:
        body: of a request for one task.
        main: what it must have.
        model: which one answers.

    Raises:
        BadInput: it lacks `main`.
        BadOption: it has a name that means nothing.
        UnknownModel: it asks for another model.
    """
    fix = f'{{"{main}": …, "options": {{…}}}}'
    if main not in body:
        raise BadInput(f"the body has no '{main}'", why=f"it has {', '.join(body) or 'nothing'}", fix=fix)
    check_names(body, (main, *BESIDE), fix)
    asked = body.get("model")
    if asked is not None and asked != model:
        raise UnknownModel(
            f"this server does not serve '{asked!s:.80}' here", why=f"'{model}' answers", fix="GET /v1/models"
        )


def check_names(body: Mapping[str, object], known: Sequence[str], fix: str) -> None:
    """Raise `BadOption` for a name in a body that means nothing: it would be left out without a word."""
    for name in body:
        if name not in known:
            why = did_you_mean(name, known) or f"it may have {', '.join(known) or 'nothing'}"
            raise BadOption(f"the body has an unknown '{name:.40}'", why=why, fix=fix)


def deadline_of(request: HTTPConnection, body: Mapping[str, Any]) -> float | None:
    """Read the seconds a client is ready to wait: ``deadline_s`` of the body, or the header x-deadline-s."""
    given = body.get("deadline_s", header(request, b"x-deadline-s") or None)
    if given is None:
        return None
    try:
        deadline_s = -1.0 if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        deadline_s = -1.0
    if not 0 <= deadline_s < 86_400:
        raise BadOption(f"deadline_s cannot be {given!r:.40}", why="it is the seconds you are ready to wait", fix="2.5")
    return deadline_s


def caller_of(request: HTTPConnection) -> str:
    """Tell callers apart, so that they take turns: by the header x-duomo-caller, or by their connection."""
    given = header(request, b"x-duomo-caller")
    client = request.scope.get("client")
    return given[:64] or (f"{client[0]}:{client[1]}" if client is not None else "")


def _placed(outcome: Outcome[Any], index: int) -> Outcome[Any]:
    return outcome_of(index, str(index), outcome.result, outcome.error, outcome.meta)
