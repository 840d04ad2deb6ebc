"""The client against a server of this process that listens on a real port."""

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import uvicorn

import duomo
from duomo import errors, serving
from duomo.client.encode import encode_item
from duomo.inputs import Audio
from duomo.serving.wire import WireLimits
from duomo.tasks import TextClassification
from duomo.testing import fake_catalog, faulty_spec

CATALOG = fake_catalog(faulty_spec())


@contextmanager
def listening(app: object) -> Iterator[str]:
    """Serve an ASGI application from a thread; gives its address."""
    settings = uvicorn.Config(app, port=0, log_level="warning")  # type: ignore[arg-type]
    server, bound = uvicorn.Server(settings), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    runner = duomo.load("text-classification", "fake/echo", catalog=CATALOG)
    with listening(serving.app([runner], token="secret")) as found:
        yield found


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[duomo.Client]:
    with duomo.Client(address, token="secret", catalog=CATALOG) as made:
        yield made


def test_a_result_has_the_class_of_the_task(client):
    assert client.run("text-classification", "hello", top_k=1).top.name == "hello"
    assert client.tasks() == {"text-classification": "fake/echo"}


def test_headers_of_ones_own_are_sent_with_every_request(address):
    with duomo.Client(address, headers={"authorization": "Bearer secret"}, catalog=CATALOG) as client:
        assert client.run(TextClassification, "hello", top_k=1).top.name == "hello"
        [outcome] = client.map("text-classification", ["hello"])
        assert outcome.ok


def test_a_file_is_read_here_and_sent(client, tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("from a file", "utf-8")
    assert client.run("text-classification", path).top.name == "from a file"


def test_many_items_come_back_in_order_and_a_bad_one_alone(client):
    items = [f"item {i}" for i in range(250)]
    items[7], items[120] = "", "poison"
    outcomes = list(client.map("text-classification", iter(items)))
    assert [each.index for each in outcomes] == list(range(250))
    failed = {each.index: each.error.type for each in outcomes if not each.ok}
    assert failed == {7: "InputUnreadable", 120: "ModelFailed"}
    assert all(each.result.top.name == items[each.index] for each in outcomes if each.ok)
    assert outcomes[0].meta.model == "fake/echo"


def test_an_item_that_is_too_large_for_the_server_costs_no_other_its_result():
    runner = duomo.load("text-classification", "fake/echo", catalog=CATALOG)
    app = serving.app([runner], limits=WireLimits(body_bytes=1000))
    with listening(app) as address, duomo.Client(address, catalog=CATALOG) as client:
        outcomes = list(client.map("text-classification", ["a", "b" * 2000, "c", *["d" * 300] * 5]))
    assert [each.ok for each in outcomes] == [True, False, True, *[True] * 5]
    assert isinstance(outcomes[1].error.to_exception(), errors.InputTooLarge)


def test_items_are_read_as_they_are_needed(client):
    taken = []

    def endless() -> Iterator[str]:
        while True:
            taken.append(1)
            yield "more"

    outcomes = client.map("text-classification", endless())
    assert next(outcomes).ok
    outcomes.close()
    assert len(taken) <= 400


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda client: client.run("text-classification", "x", topk=1), errors.BadOption),
        (lambda client: client.run("text-classification", "x", task="translate"), errors.BadOption),  # as of Whisper
        (lambda client: client.map("text-classification", ["x"], items=3), errors.BadOption),
        (lambda client: client.run("text-clasification", "x"), errors.UnknownTask),
        (lambda client: client.run("fill-mask", "x"), errors.UnknownTask),
        (lambda client: client.run("text-classification", ""), errors.InputUnreadable),
        (lambda client: client.run("text-classification", "crash"), errors.ModelFailed),
        (lambda client: client.run("text-classification", "x", deadline_s=0), errors.DeadlinePassed),
        (lambda client: client.map("text-classification", "one text"), errors.UsageProblem),
    ],
)
def test_an_error_is_of_the_class_it_would_have_here(client, ask: Callable[[duomo.Client], object], kind: type):
    with pytest.raises(kind):
        ask(client)


def test_who_has_not_the_token_is_told_so(address):
    with duomo.Client(address, catalog=CATALOG) as client, pytest.raises(errors.AccessRefused, match="token"):
        client.tasks()


def test_a_server_that_is_not_there_is_named():
    with duomo.Client("http://127.0.0.1:9", catalog=CATALOG) as client, pytest.raises(errors.ServerLost):
        client.tasks()
    with pytest.raises(errors.UsageProblem, match="not the address"):
        duomo.Client("localhost:8000")


class Busy(BaseHTTPRequestHandler):
    """Says that it is busy so many times, and then breaks off in the middle of a list."""

    refusals, asked, after = 2, 0, "0"

    def do_GET(self) -> None:
        type(self).asked += 1
        if self.asked <= self.refusals:
            body = b'{"error": {"code": "E-BUSY", "what": "too much work is waiting", "why": "", "fix": ""}}'
            self.send_response(429)
            self.send_header("retry-after", self.after)
        else:
            body = b'{"tasks": []}'
            self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("after", "patience_s", "kind"), [("0", 5.0, None), ("60", 5.0, errors.ServerBusy)])
def test_a_busy_server_is_asked_again_as_long_as_there_is_patience(after, patience_s, kind):
    handler = type("Handler", (Busy,), {"asked": 0, "after": after})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with duomo.Client(f"http://127.0.0.1:{server.server_port}", patience_s=patience_s) as client:
            if kind is None:
                assert client.tasks() == {}
                assert handler.asked == 3  # type: ignore[attr-defined]
            else:
                with pytest.raises(kind):
                    client.tasks()
                assert handler.asked == 1  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"tasks": [5]}'])
def test_a_server_of_another_kind_is_named(body):
    class Other(Busy):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with duomo.Client(f"http://127.0.0.1:{server.server_port}", catalog=CATALOG) as client:
            for ask in (client.tasks, lambda: client.run("text-classification", "a")):
                with pytest.raises(errors.ServerLost, match="does not answer as a server of duomo does"):
                    ask()
        server.shutdown()
        thread.join()


def test_images_and_recordings_are_sent_as_files():
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    sent = duomo.Image.accept(_bytes(encode_item(duomo.Image.accept(pixels))))
    assert np.array_equal(sent.array(), pixels)
    samples = np.linspace(-0.5, 0.5, 100, dtype=np.float32)
    heard = Audio.accept(_bytes(encode_item(Audio.accept((samples, 16_000)))))
    assert np.array_equal(heard.samples(16_000), samples)


def test_a_file_goes_out_as_it_is(tmp_path: Path):
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (4, 4)).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    assert _bytes(encode_item(duomo.Image.accept(tmp_path / "a.png"))) == buffer.getvalue()


def _bytes(sent: object) -> bytes:
    import base64

    return base64.b64decode(str(sent).partition(",")[2])
