"""Records over HTTP: one request after another, those that left are not judged, and what waits has a bound."""

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from duomo.serving.records import AdapterRoutes
from duomo.serving.wire import WireLimits

NAME = "fake/slow"


class Slow:
    """An adapter that goes on when it is let."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.judged: list[str] = []

    def map(self, records: list[dict[str, str]], **_: object) -> Any:
        self.begun.set()
        assert self.go_on.wait(30)
        self.judged += [each["id"] for each in records]
        return [SimpleNamespace(error=None, to_json=lambda each=each: json.dumps(each)) for each in records]


async def post(app: Any, body: dict[str, Any], left: asyncio.Event, client: str) -> tuple[int, dict[str, str]]:
    """Send one request; the client leaves when `left` is set."""
    sent: list[Any] = []
    first = True

    async def receive() -> dict[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": f"/v1/adapters/{NAME}", "raw_path": b"", "query_string": b"",
             "headers": [(b"content-type", b"application/json")], "client": (client, 1), "server": ("localhost", 80),
             "scheme": "http", "root_path": "", "http_version": "1.1"}  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def body(name: str, num: int = 1) -> dict[str, Any]:
    return {"records": [{"id": f"{name}{number}"} for number in range(num)]}


def app_of(slow: Slow) -> tuple[AdapterRoutes, Any]:
    adapters: Any = {NAME: slow}
    routes = AdapterRoutes(adapters, WireLimits(), most_wait_s=1.0)
    return routes, Starlette(routes=[Route("/v1/adapters/{industry}/{name}", routes.judge, methods=["POST"])])


def test_records_whose_client_left_before_their_turn_are_not_judged():
    slow = Slow()

    async def scenario() -> list[int]:
        routes, app = app_of(slow)
        stays, leaves = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(post(app, body("a"), stays, "10.0.0.1"))
        await asyncio.to_thread(slow.begun.wait, 30)
        second = asyncio.create_task(post(app, body("b"), leaves, "10.0.0.2"))
        while routes.admission.waiting_items < 2:
            await asyncio.sleep(0.001)
        leaves.set()
        gone, _ = await second
        slow.go_on.set()
        third, _ = await post(app, body("c"), stays, "10.0.0.3")
        return [(await first)[0], gone, third, routes.admission.waiting_items]

    assert asyncio.run(scenario()) == [200, 499, 200, 0]
    assert slow.judged == ["a0", "c0"]


def test_more_records_than_may_wait_are_refused_with_the_time_to_come_again():
    slow = Slow()

    async def scenario() -> tuple[int, dict[str, str]]:
        routes, app = app_of(slow)
        routes.admission.enter(10, 0.0)
        routes.admission.leave(10, 10.0)  # a record takes a second
        stays = asyncio.Event()
        first = asyncio.create_task(post(app, body("a", 5), stays, "10.0.0.1"))
        await asyncio.to_thread(slow.begun.wait, 30)
        refused = await post(app, body("b", 5), stays, "10.0.0.2")
        slow.go_on.set()
        await first
        return refused

    status, headers = asyncio.run(scenario())
    assert status == 429
    assert int(headers["retry-after"]) >= 4
    assert slow.judged == [f"a{number}" for number in range(5)]


def test_records_with_a_deadline_that_has_passed_are_not_judged_and_unknown_names_are_refused():
    slow = Slow()
    slow.go_on.set()

    async def ask(**more: Any) -> int:
        _, app = app_of(slow)
        return (await post(app, {**body("a"), **more}, asyncio.Event(), "10.0.0.1"))[0]

    assert asyncio.run(ask(deadline_s=0)) == 504
    assert asyncio.run(ask(options={})) == 400
    assert slow.judged == []
    assert asyncio.run(ask(deadline_s=30)) == 200
