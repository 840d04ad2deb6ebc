"""Records over HTTP: one request after another, those that left are not judged, and what waits has a bound."""

import asyncio
import json
import os
import threading
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from duomo.errors import BadInput
from duomo.serving import unopened
from duomo.serving.records import AdapterRoutes
from duomo.serving.wire import WireLimits, to_record

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


def test_files_become_bytes_however_deep_in_a_record():
    sent = "data:image/png;base64,aGVsbG8="
    record = {"scan": sent, "views": [sent, {"side": sent, "name": "left"}], "number": 3, "none": None}
    assert to_record(record) == {
        "scan": b"hello", "views": [b"hello", {"side": b"hello", "name": "left"}], "number": 3, "none": None
    }  # fmt: skip
    assert [to_record(sent), to_record("data:,hello")] == [b"hello", "data:,hello"]
    with pytest.raises(BadInput, match="base64"):
        to_record({"views": [{"side": "data:image/png;base64,%"}]})


@pytest.mark.parametrize("opens", [
    lambda record: Path(record["scan"]).read_text("utf-8"),
    lambda record: os.close(os.open(record["scan"].encode(), os.O_RDONLY)),
    lambda record: os.listdir(os.path.dirname(record["scan"]) + "/../folder"),
    lambda record: urllib.request.urlopen(Path(record["scan"]).as_uri()).read(),
    lambda record: urllib.request.urlopen(record["address"]).read(),
], ids=["a path", "bytes", "a folder", "a file by its address", "an address"])  # fmt: skip
def test_what_a_record_names_is_not_opened_though_its_adapter_forgets_the_border(tmp_path, opens):
    """One that opens a path of its own, or a text that no client named, still may."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/there").write_text("secret", "utf-8")
    (tmp_path / "own").write_text("a lexicon", "utf-8")
    record = {"scan": str(tmp_path / "folder/there"), "deep": [{"folder": f"{tmp_path}/./folder"}],
              "address": "http://127.0.0.1:9/x.png"}  # fmt: skip

    class Careless:
        """An adapter of a stranger."""

        def map(self, records, **_):
            assert (tmp_path / "own").read_text("utf-8") == "a lexicon"
            return [SimpleNamespace(error=None, to_json=lambda: "a verdict", of=opens(each)) for each in records]

    adapters: Any = {NAME: Careless()}
    routes = AdapterRoutes(adapters, WireLimits())
    client = TestClient(Starlette(routes=[Route("/v1/adapters/{industry}/{name}", routes.judge, methods=["POST"])]))
    reply = client.post(f"/v1/adapters/{NAME}", json={"records": [record]})
    assert reply.status_code == 422
    assert "must be sent as bytes" in reply.json()["error"]["what"]
    assert (tmp_path / "folder/there").read_text("utf-8") == "secret"


def test_what_listens_needs_no_names_of_its_module(monkeypatch):
    with unopened.unopened([{"file": "x"}]):
        pass
    # Private: at the end of a process the names of a module are None, and each event was an error on stderr.
    for name in ("_EVENTS", "_NAMED"):
        monkeypatch.setattr(unopened, name, None)
    assert Path(os.devnull).read_bytes() == b""


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
