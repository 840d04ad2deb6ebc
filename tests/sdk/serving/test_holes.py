"""One line an attack: what a client must not get by sending it."""

import asyncio
import base64
import gzip
import hmac
import io
import itertools
import json
import socket
import struct
import threading
import zipfile
import zlib
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.testclient import TestClient

import duomo
from duomo import serving
from duomo.errors import UsageProblem
from duomo.inputs.seal import sealed
from duomo.serving.forms import PIECE, read_form
from duomo.serving.hosted import Hosted
from duomo.serving.monitoring.metrics import Metrics
from duomo.serving.sound import encode_speech
from duomo.tasks import ImageSearch
from duomo.tasks.speech.synthesis import Speech
from duomo.testing import echo_spec, fake_catalog


@pytest.fixture
def listener():
    """A server that counts who connects to it; nobody should."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        calls: list[object] = []
        done = threading.Event()

        def count() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                calls.append(connection)
                connection.close()

        thread = threading.Thread(target=count)
        thread.start()
        yield server.getsockname()[1], calls
        done.set()
        thread.join()


@pytest.fixture
def images(serve):
    """A server of image-classification that never decodes, since nothing gets so far."""
    catalog = fake_catalog(echo_spec(task="image-classification"))
    return serve(duomo.load("image-classification", "fake/echo", catalog=catalog))


@pytest.mark.parametrize(
    "value",
    [
        "/etc/hostname",
        "../../etc/hostname",
        "file:///etc/hosts",
        "~/.bashrc",
        "C:\\Windows\\win.ini",
        {"image": "/etc/hostname"},
        {"image": {"image": "/etc/hostname"}},
        ["/etc/hostname"],
        "data:text/plain,/etc/hostname",
    ],
)
def test_a_path_is_refused_without_saying_whether_it_exists(images, value):
    reply = images.post("/v1/tasks/image-classification", json={"input": value})
    assert reply.status_code == 422
    assert "No such file" not in reply.text
    assert reply.json()["error"]["code"] == "E-INPUT"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254"])
def test_an_address_is_never_fetched(images, listener, host):
    port, calls = listener
    reply = images.post("/v1/tasks/image-classification", json={"input": f"http://{host}:{port}/x.png"})
    assert reply.status_code == 422
    assert calls == []


def test_options_pass_the_same_border(tmp_path, png):
    (tmp_path / "a.png").write_bytes(png)
    with sealed(), pytest.raises(duomo.DuomoError, match="must be sent as bytes"):
        ImageSearch.Options.parse({"images": str(tmp_path)})
    with sealed(), pytest.raises(duomo.DuomoError, match="must be sent as bytes"):
        ImageSearch.Options.parse({"images": [str(tmp_path / "a.png")]})
    with sealed():
        assert len(ImageSearch.Options.parse({"images": [png]}).images) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:8000"}, 421),
        ({"host": ""}, 400),  # RFC 9112, 3.2
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "loc\u0430lhost".encode()}, 421),
        ({"host": "ｌｏｃａｌｈｏｓｔ".encode()}, 421),
        ({"host": "localhost@evil.example"}, 421),
        ({"origin": "http://localhost"}, 200),
        ([("host", "evil.example"), ("host", "localhost")], 400),
        ([("host", "localhost"), ("origin", "http://evil.example"), ("origin", "http://localhost")], 400),
    ],
)
def test_a_foreign_host_or_origin_is_refused(serve, headers, status):
    assert serve().get("/v1/tasks", headers=headers).status_code == status


def test_a_page_of_another_origin_is_asked_for_and_given_answers_where_it_is_named_alone(serve):
    """A browser asks first, without a token, and gives the page an answer only with the header that names it."""
    page = "https://app.example"
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}
    for origins, origin, status in (
        ((), page, 403),
        ((page,), "https://evil.example", 400),
        ((page + "/",), page, 200),
    ):
        reply = serve(origins=origins, token="secret").options(
            "/v1/tasks/text-classification", headers={"origin": origin, **ask}
        )
        assert (reply.status_code, reply.headers.get("access-control-allow-origin")) == (
            status, page if status == 200 else None
        )  # fmt: skip
    client, right = serve(origins=[page], token="secret"), {"origin": page, "authorization": "Bearer secret"}
    reply = client.post("/v1/tasks/text-classification", json={"input": "a"}, headers=right)
    assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (200, page)
    assert "x-duomo-model" in reply.headers["access-control-expose-headers"].lower()
    assert client.get("/v1/tasks", headers={"origin": page}).status_code == 401
    assert (
        "access-control-allow-origin" not in client.get("/v1/tasks", headers={"authorization": "Bearer secret"}).headers
    )


def test_a_token_counts_only_as_the_one_authorization_header(serve):
    client, right = serve(token="secret"), ("authorization", "Bearer secret")
    assert client.get("/v1/tasks", headers=[right]).status_code == 200
    assert client.get("/v1/tasks", headers=[("authorization", "Bearer wrong"), right]).status_code == 400
    assert client.get("/v1/tasks?token=secret&access_token=secret&authorization=Bearer+secret").status_code == 401


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer wrong", "Basic secret", b"Basic \xe9", "Bearer secre", "Bearer secrets"]
)
def test_a_wrong_token_is_refused_everywhere_but_for_health(serve, given):
    client = serve(token="secret")
    headers = {} if given is None else {"authorization": given}
    for path in ("/v1/tasks", "/metrics", "/", "/openapi.json"):
        assert client.get(path, headers=headers).status_code == 401, path
    assert client.get("/livez", headers=headers).status_code == 200
    assert client.get("/v1/tasks", headers={"authorization": "Bearer secret"}).status_code == 200


def test_a_mounted_application_asks_for_its_tokens_at_the_same_places(faulty):
    task, right = "/ai/v1/tasks/text-classification", {"authorization": "Bearer secret"}
    inner = serving.app([faulty], token="secret")
    host = Starlette(routes=[Mount("/ai", inner)], lifespan=lambda _: inner.router.lifespan_context(inner))
    with TestClient(host, base_url="http://localhost") as client:
        assert client.get("/ai/-/models", headers=right).status_code == 403  # there is no operator
        assert client.post("/ai/-/models/text-classification/swap", json={}, headers=right).status_code == 403
        assert client.get("/ai/livez").status_code == 200
        assert client.post(task, json={"input": "fine"}).status_code == 401
        assert client.post(task, json={"input": "fine"}, headers=right).status_code == 200
    with pytest.raises(UsageProblem):
        faulty("closed with the host")


def test_tokens_are_compared_in_constant_time(serve, monkeypatch):
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append({one, other}) or one == other)
    client = serve(token="secret", admin_token="other")
    assert client.get("/v1/tasks", headers={"authorization": "Bearer secre"}).status_code == 401
    assert client.get("/-/models", headers={"authorization": "Bearer othe"}).status_code == 401
    assert compared == [{b"secre", b"secret"}, {b"othe", b"other"}]


@pytest.mark.parametrize("model", ["dir:/etc", "hf:gpt2", "/etc/hostname", "fake/other", ["dir:/etc"]])
def test_no_request_loads_a_model(serve, model):
    for path in ("/v1/tasks/text-classification", "/v1/tasks/text-classification/map"):
        main = {"items": ["x"]} if path.endswith("map") else {"input": "x"}
        assert serve().post(path, json={**main, "model": model}).status_code == 404, path
    assert serve().get("/v1/models/dir:%2Fetc").status_code == 404
    assert serve().post("/v2/models/dir:%2Fetc/infer", json={"inputs": []}).status_code == 404


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{" * 100_000, "application/json", 422),
        (b'{"input": ' + b"[" * 5000 + b"]" * 5000 + b"}", "application/json", 422),
        (b'{"input": NaN}', "application/json", 422),
        (b'{"input": "x", "deadline_s": Infinity}', "application/json", 422),
        (b'{"input": "x", "deadline_s": 1e999}', "application/json", 400),
        (b'{"input": "x", "deadline_s": %s}' % (b"9" * 400), "application/json", 400),
        (b'{"input": "x", "deadline_s": true}', "application/json", 400),
        (b'{"input": "x", "options": {"top_k": %s}}' % (b"9" * 100_000), "application/json", 422),
        (b'{"input": "x", "input": "y"}', "application/json", 422),
        (b'{"input": "x", "options": {"top_k": 1, "top_k": 2}}', "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (rb'{"input": "half \ud800 a character"}', "application/json", 422),
        (b"", "application/json", 422),
        (b"input=x", "application/x-www-form-urlencoded", 415),
        (b"<x/>", "text/xml", 415),
        (b"--b\r\nhalf a form", "multipart/form-data; boundary=b", 422),
        (b"x", "multipart/form-data", 422),
        (b'{"input": "' + b"a" * 2000 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_is_not_one_is_refused(serve, body, kind, status):
    client = serve(limits=serving.WireLimits(body_bytes=len(body) - 1 if status == 413 else 1_000_000))
    reply = client.post("/v1/tasks/text-classification", content=body, headers={"content-type": kind})
    assert reply.status_code == status
    assert set(reply.json()["error"]) == {"code", "what", "why", "fix"}


@pytest.mark.parametrize("inner", ["[]", "{}", '{"a":[]}', '["]"]'])
def test_a_body_of_very_many_lists_is_refused_before_it_is_parsed(serve, monkeypatch, inner):
    """Two bytes of it become fifty times as much, and keep everybody waiting for seconds."""
    body = '{"input": [' + f"{inner}," * 210_000 + "1]}"
    client = serve()
    with monkeypatch.context() as patch:
        patch.setattr("duomo.serving.wire._DECODER", None)  # nobody may have parsed it
        for sent in (body.encode(), body.encode("utf-16")):
            reply = client.post("/v1/tasks/text-classification", content=sent)
            assert (reply.status_code, reply.json()["error"]["what"][-17:]) == (413, "lists and objects")
    endless = b'{"input": "' + b"[" * 210_000 + b'\\"' * 2_000_000
    assert client.post("/v1/tasks/text-classification", content=endless).status_code == 422
    reply = client.post("/v1/tasks/text-classification", json={"input": '{[]}\\"' * 210_000})
    assert reply.status_code == 200  # a text may have any characters


def test_a_form_lets_others_have_their_turn_while_it_is_parsed():
    """Each near match of a boundary costs the parser a call: 9 MB of them take seconds."""
    turns, content = [], b"\r\n-" * 100_000

    async def parse():
        async def tick():
            while True:
                turns.append(1)
                await asyncio.sleep(0)

        async def receive():
            body = b'--b\r\nContent-Disposition: form-data; name="input"\r\n\r\n' + content + b"\r\n--b--\r\n"
            return {"type": "http.request", "body": body}

        headers = [(b"content-type", b"multipart/form-data; boundary=b")]
        ticking = asyncio.create_task(tick())
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
        form = await read_form(Request(scope, receive), serving.WireLimits())
        ticking.cancel()
        return form

    assert asyncio.run(parse()) == {"input": content.decode()}
    assert len(turns) >= len(content) // PIECE


def test_a_body_that_is_packed_is_refused_unopened(serve):
    body = gzip.compress(b'{"input": "' + b"a" * 1_000_000 + b'"}')
    for name, kind in itertools.product(("content-encoding", "transfer-encoding"), ("gzip", "br", "deflate, chunked")):
        reply = serve().post("/v1/tasks/text-classification", content=body, headers={name: kind})
        assert (reply.status_code, reply.json()["error"]["why"][:19]) == (415, "nothing is unpacked")
        assert reply.headers["accept-encoding"] == "identity"


def test_a_fault_of_ours_is_an_error_like_any_other(serve, monkeypatch):
    monkeypatch.setattr(Hosted, "admit", lambda *_: 1 / 0)
    reply = serve().post("/v1/tasks/text-classification", json={"input": "secret"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "E-DUOMO")
    assert "secret" not in reply.text


def test_a_body_without_a_length_is_counted_while_it_is_read(serve):
    client = serve(limits=serving.WireLimits(body_bytes=1000))
    sent = []

    def chunks():
        for _ in range(1000):
            sent.append(1)
            yield b"a" * 500

    assert client.post("/v1/tasks/text-classification", content=chunks()).status_code == 413


def test_an_item_that_is_too_long_is_refused_and_its_neighbours_are_not(serve):
    client, long = serve(), "a" * 10_000_001
    reply = client.post("/v1/tasks/text-classification", json={"input": long})
    assert (reply.status_code, reply.json()["error"]["what"]) == (413, "this text has 10,000,001 characters")
    lines = client.post("/v1/tasks/text-classification/map?order=input", json={"items": [long, "b"]}).text.splitlines()
    assert [json.loads(line)["ok"] for line in lines] == [False, True]


def test_too_many_items_are_refused(serve):
    client = serve(limits=serving.WireLimits(items=3))
    reply = client.post("/v1/tasks/text-classification/map", json={"items": ["a"] * 4})
    assert (reply.status_code, reply.json()["error"]["what"]) == (413, "the request has 4 items")


def test_a_form_of_too_many_parts_is_refused(serve):
    client = serve(limits=serving.WireLimits(form_parts=5))
    files = [("file", (f"{i}.txt", b"x")) for i in range(20)]
    assert client.post("/v1/tasks/text-classification", files=files).status_code == 422


@pytest.mark.embedded
def test_a_file_of_a_form_and_one_in_json_give_what_the_runner_gives(serve, png):
    runner = duomo.load("image-classification")
    client, path = serve(runner), "/v1/tasks/image-classification"
    expected = runner(png, top_k=1).top
    form = client.post(path, files={"image": ("a.png", png)}, data={"options": '{"top_k": 1}'})
    sent = "data:image/png;base64," + base64.b64encode(png).decode()
    body = client.post(path, json={"input": sent, "options": {"top_k": 1}})
    for reply in (form, body):
        [label] = reply.json()["result"]["labels"]
        assert label["name"] == expected.name
        assert label["score"] == pytest.approx(expected.score, abs=1e-5)


def png_of(width: int, height: int) -> bytes:
    """The beginning of a PNG of this size, as its header says; there are no pixels behind it."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + png_end()


def png_end() -> bytes:
    data = b"IDAT" + zlib.compress(b"")
    whole = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return whole + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


@pytest.mark.embedded
def test_an_image_of_too_many_pixels_is_refused_by_its_header(serve):
    client, path = serve(duomo.load("image-classification")), "/v1/tasks/image-classification"
    reply = client.post(path, files={"image": ("bomb.png", png_of(60_000, 60_000))})
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "E-INPUT-TOO-LARGE")
    assert client.post(path, files={"image": ("a.png", b"%PDF-1.7 of another kind")}).status_code == 422
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb", bytes(10_000_000))
    assert client.post(path, files={"image": ("a.png", archive.getvalue())}).status_code == 422


def test_a_form_of_100_000_parts_is_refused(serve):
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    reply = serve().post(
        "/v1/tasks/text-classification",
        content=part * 100_000 + b"--b--",
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert reply.status_code == 422


@pytest.mark.parametrize(
    "path", ["//etc/hostname", "/v1/tasks/..%2f..%2fetc%2fhostname", "/%2e%2e/%2e%2e/etc/hostname"]
)
def test_no_route_leads_to_a_file(serve, path):
    assert serve().get(path).status_code == 404


@pytest.mark.parametrize("content", ["%%%", "aGVsbG8", "aGVs bG8=", "aGVs\nbG8=", "aGVsbG8=aGVsbG8=", "aGVsbG8_"])
def test_damaged_base64_is_an_error_of_the_request(images, content):
    reply = images.post("/v1/tasks/image-classification", json={"input": f"data:image/png;base64,{content}"})
    assert (reply.status_code, reply.json()["error"]["what"]) == (422, "the base64 of a file is damaged")


def test_an_error_names_no_file_of_the_server(serve):
    reply = serve().post("/v1/tasks/text-classification", json={"input": "crash"})
    assert "site-packages" not in reply.text
    assert "Traceback" not in reply.text


def test_half_a_character_in_what_an_error_quotes_costs_no_answer(serve):
    """UTF-8 has no bytes for it, and JSON can name it."""
    body = b'{"inputs": [{"name": "\\ud800", "datatype": "BYTES", "shape": [1], "data": ["a"]}]}'
    reply = serve().post("/v2/models/text-classification/infer", content=body)
    assert (reply.status_code, r"\ud800" in reply.json()["error"]) == (422, True)


def test_a_token_may_be_of_any_letters(serve):
    client = serve(token="schlüssel")
    given = "Bearer schlüssel".encode()
    assert client.get("/v1/tasks", headers={b"authorization": given}).status_code == 200
    assert client.get("/v1/tasks", headers={b"authorization": given[:-1]}).status_code == 401


@pytest.mark.parametrize(
    ("task", "path", "body", "words"),
    [
        ("text-generation", "chat/completions", {"messages": 5}, "'messages' is not a list"),
        ("text-generation", "chat/completions", {"messages": {"role": "user"}}, "'messages' is not a list"),
        ("feature-extraction", "embeddings", {"input": "a", "encoding_format": "int8"}, "encoding_format cannot be"),
    ],
)
def test_a_wrong_body_in_the_dialect_of_others_is_an_error_and_is_not_ignored(serve, task, path, body, words):
    catalog = fake_catalog(echo_spec(task=task))
    reply = serve(duomo.load(task, "fake/echo", catalog=catalog)).post(f"/v1/{path}", json=body)
    assert reply.status_code in (400, 422)
    assert words in reply.json()["error"]["message"]


def test_a_client_that_leaves_while_its_item_is_accepted_takes_it_back():
    entered, opened, taken_back = threading.Event(), threading.Event(), threading.Event()
    made: Future = Future()
    made.add_done_callback(lambda _: taken_back.set())
    runner = duomo.load("text-classification", "fake/echo", catalog=fake_catalog())

    def submit(*_, **__):
        entered.set()
        assert opened.wait(30)
        return made

    runner.submit = submit  # type: ignore[method-assign]

    async def leave():
        asking = asyncio.create_task(Hosted(runner, Metrics()).run("long " * 1000, {}))
        assert await asyncio.to_thread(entered.wait, 30)
        asking.cancel()
        await asyncio.wait([asking])
        opened.set()
        assert await asyncio.to_thread(taken_back.wait, 30)

    asyncio.run(leave())


def test_a_client_that_leaves_in_the_middle_of_a_part_ends_the_generation():
    entered, opened, closed = threading.Event(), threading.Event(), threading.Event()
    runner = duomo.load("text-classification", "fake/echo", catalog=fake_catalog())

    def stream(*_, **__):
        try:
            entered.set()
            assert opened.wait(30)
            yield "part"
        finally:
            closed.set()

    runner.stream = stream  # type: ignore[method-assign]

    async def leave():
        hosted = Hosted(runner, Metrics())
        asking = asyncio.create_task(anext(hosted.stream("text", {}, caller="a")))
        assert await asyncio.to_thread(entered.wait, 30)
        assert (hosted.admission.waiting_items, hosted.admission.waiting_cost) == (1, 4.0)
        asking.cancel()
        await asyncio.sleep(0)  # it has been told
        opened.set()
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert closed.is_set()
        assert (hosted.admission.waiting_items, hosted.metrics.value("duomo_cancelled_total", runner.task.name)) == (
            0,
            1,
        )

    asyncio.run(leave())


def test_streams_that_wait_for_a_part_keep_no_other_item_from_being_accepted():
    """Each waits in a thread, and threads that accept long items are few."""
    opened, begun = threading.Event(), threading.Semaphore(0)
    runner = duomo.load("text-classification", "fake/echo", catalog=fake_catalog())

    def stream(*_, **__):
        begun.release()
        assert opened.wait(30)
        yield "part"

    runner.stream = stream  # type: ignore[method-assign]

    async def ask():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(2))
        hosted = Hosted(runner, Metrics())
        streams = [hosted.stream("text", {}) for _ in range(3)]
        asking = [asyncio.create_task(anext(each)) for each in streams]
        while begun.acquire(blocking=False) is False:
            await asyncio.sleep(0.001)
        outcome = await asyncio.wait_for(hosted.run("long " * 1000, {}), 20)
        opened.set()
        assert outcome.ok
        assert await asyncio.gather(*asking) == ["part"] * 3
        for each in streams:
            assert [part async for part in each] == []
        assert hosted.metrics.by_label("duomo_items", runner.task.name, "code") == {"ok": 4}

    asyncio.run(ask())


def test_loud_speech_does_not_wrap_around_in_another_rate():
    buffer = io.BytesIO()
    square = np.repeat(np.tile(np.array([1, -1], np.float32), 200), 20)
    soundfile.write(buffer, square, 16_000, format="WAV", subtype="PCM_16")
    sent = np.frombuffer(
        encode_speech(Speech(wav=buffer.getvalue(), sampling_rate=16_000, duration=0.5), "pcm"), "<i2"
    ).astype(int)
    assert max(np.abs(np.diff(sent))) <= 32767 * 1.6, "a step of the whole range at once is a click"


def test_samples_of_16_bits_are_the_nearest():
    steps = np.array([0.9, -0.4, -0.9, 1.4, 40_000, 32_767.9, -32_768, -40_000], np.float32)
    spoken = Speech.from_samples(steps / 32768, 24_000)
    wanted = [1, 0, -1, 1, 32_767, 32_767, -32_768, -32_768]
    assert soundfile.read(io.BytesIO(spoken.wav), dtype="int16")[0].tolist() == wanted
    assert np.frombuffer(encode_speech(spoken, "pcm"), "<i2").tolist() == wanted


def test_half_a_character_in_what_the_model_raises_costs_no_other_line(serve, monkeypatch):
    def preprocess(self, items, options):
        if "b" in items:
            raise ValueError("half of \ud83d is missing")
        return [{"text": item} for item in items]

    monkeypatch.setattr("duomo.testing.fakes.FaultyModel.preprocess", preprocess)
    lines = serve().post("/v1/tasks/text-classification/map", json={"items": ["a", "b", "c"]}).text.splitlines()
    assert sorted(json.loads(line)["ok"] for line in lines) == [False, True, True]


def test_an_adapter_takes_the_bytes_of_a_file_and_never_its_path(serve, tmp_path):
    medical = pytest.importorskip("duomo_medical.phantom")
    content = medical.dicom_bytes(patient="Doe")
    (tmp_path / "scan.dcm").write_bytes(content)
    sent = ["data:application/dicom;base64," + base64.b64encode(content).decode(), str(tmp_path / "scan.dcm"), "/none"]
    reply = serve(adapters=["medical/dicom-gateway"]).post("/v1/adapters/medical/dicom-gateway", json={"records": sent})
    good, there, missing = (json.loads(line) for line in reply.text.splitlines())
    assert good["ok"], good["error"]
    assert there["error"] == missing["error"]
    assert there["error"]["what"] == "a DICOM file must be sent as bytes"
