"""``duomo serve`` as a process of its own, met by many clients, bad ones, and signals."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from duomo.adapters.audit import verify
from tests.sdk.serving.servers import START_S, FakeServer, Server, is_running

pytestmark = pytest.mark.multiproc
ONE = "/v1/tasks/text-classification"
TASK = "text-classification"
PATIENT = "--most-wait", "600"
"""For what is not about refusals: on a busy machine the pace of the first items says little."""


def statuses(replies) -> list[int]:
    return [reply[0] for reply in replies]


def test_what_has_begun_is_answered_after_sigterm_and_newcomers_are_refused(tmp_path):
    """Single items, lists, what came over a websocket, and a body of which half has come."""
    gate = tmp_path / "gate"
    with FakeServer(TASK, *PATIENT) as server, ThreadPoolExecutor(5) as pool, ExitStack() as stack:
        host, port = server.address.removeprefix("http://").split(":")
        busy = pool.submit(server.post, ONE, {"input": f"waits {gate}"})
        begun = [pool.submit(server.post, f"{ONE}/map", {"items": ["naps"] * 40}) for _ in range(4)]
        talks, idle = (stack.enter_context(connect(f"ws://{host}:{port}/v1/live/{TASK}")) for _ in range(2))
        talks.send(json.dumps({"input": "spoken"}))
        body = json.dumps({"input": "x" * 100_000}).encode()
        upload = stack.enter_context(socket.create_connection((host, int(port))))
        upload.sendall(f"POST {ONE} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n".encode())
        upload.sendall(body[:50_000])
        server.until("all have begun", lambda model: model["waiting_items"] == 162)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosedError) as closed:
            idle.recv(60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012, "the server is restarted"
        upload.sendall(body[50_000:])
        gate.touch()
        assert json.loads(talks.recv(60))["result"]["labels"][0]["name"] == "spoken"
        assert upload.recv(100).startswith(b"HTTP/1.1 200")
        code = server.process.wait(60)
        answers = [each.result() for each in begun]
        assert statuses([busy.result(), *answers]) == [200] * 5
        assert [body.count(b'"ok": true') for _, body, _ in answers] == [40] * 4
        assert code == -signal.SIGTERM, "143 in a shell"
        with pytest.raises(OSError, match="refused"):
            server.get("/livez")


def test_what_has_begun_is_answered_after_the_terminal_was_closed():
    """SIGHUP goes to all processes of a terminal."""
    with FakeServer(TASK, *PATIENT, "-x", "local", "--devices", "cpu,cpu") as server, ThreadPoolExecutor(1) as pool:
        begun = pool.submit(server.post, f"{ONE}/map", {"items": ["naps"] * 40})
        server.until("all have begun", lambda model: model["waiting_items"])
        for each in server.children():
            os.kill(each, signal.SIGHUP)
        server.process.send_signal(signal.SIGHUP)
        assert begun.result()[1].count(b'"ok": true') == 40
        assert server.process.wait(60) == -signal.SIGHUP


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left(how):
    with FakeServer(TASK, "-x", "local", "--devices", "cpu,cpu") as server:
        children = server.children()
        assert len(children) >= 2
        server.process.send_signal(how)
        server.process.wait(60)
        deadline = time.monotonic() + 60
        while any(map(is_running, children)):
            assert time.monotonic() < deadline, "workers outlive their server"
            time.sleep(0.05)


def test_a_worker_that_is_killed_by_one_item_of_64_costs_no_other_its_answer():
    with FakeServer(TASK, "-x", "local", "--devices", "cpu,cpu", *PATIENT) as server, ThreadPoolExecutor(64) as pool:
        texts = [f"text {at} naps" for at in range(63)] + ["exits"]
        replies = list(pool.map(lambda text: server.post(ONE, {"input": text}), texts))
        assert statuses(replies[:63]) == [200] * 63
        assert (replies[63][0], json.loads(replies[63][1])["error"]["code"]) == (500, "E-WORKER-LOST")


def test_a_model_that_hangs_is_not_ready_and_the_server_lives():
    with FakeServer(TASK) as server:
        host, port = server.address.removeprefix("http://").split(":")
        address = socket.create_connection((host, int(port)))
        body = b'{"input": "hangs"}'
        head = f"POST {ONE} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        address.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        server.until("the model is not ready", lambda model: model["state"] == "not ready")
        assert server.get("/readyz")[0] == 503
        assert server.get("/livez")[0] == 200
        address.close()


def test_what_its_clients_have_left_is_not_computed(tmp_path):
    """64 clients hang up while the model is busy; what they asked for is taken back, and the next one is answered."""
    with FakeServer(TASK, *PATIENT) as server, ThreadPoolExecutor(1) as pool:
        host, port = server.address.removeprefix("http://").split(":")
        body = json.dumps({"input": "gone"}).encode()
        head = f"POST {ONE} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        busy = pool.submit(server.post, ONE, {"input": f"waits {tmp_path / 'gate'}"})
        server.until("the model is busy", lambda model: model["waiting_items"] == 1)
        clients = [socket.create_connection((host, int(port))) for _ in range(64)]
        for client in clients:
            client.sendall(request)
        server.until("the clients have come", lambda model: model["waiting_items"] == 65)
        for client in clients:
            client.close()
        server.until("they are noticed", lambda model: model["cancelled"] == 64)
        assert server.model()["waiting_items"] == 1
        (tmp_path / "gate").touch()
        assert server.post(ONE, {"input": "next"})[0] == 200
        assert busy.result()[0] == 200
        assert server.model()["items"] == {"ok": 2}, "nothing of the 64 was computed"


def test_work_beyond_what_may_wait_is_refused_with_a_time_to_come_back_and_takes_no_memory(tmp_path):
    """While the model is busy 64 clients ask, and ask again when they are refused."""
    gate = tmp_path / "gate"
    with FakeServer(TASK, "--most-wait", "0.2") as server, ThreadPoolExecutor(66) as pool:
        server.post(f"{ONE}/map", {"items": ["naps"] * 50})  # so the pace is known
        before = server.status()["resident_bytes"]
        busy = pool.submit(server.post, ONE, {"input": f"waits {gate}"})
        server.until("the model is busy", lambda model: model["waiting_items"] == 1)
        asked = [pool.submit(server.post, ONE, {"input": "naps"}) for _ in range(900)]
        listing = pool.submit(server.post, f"{ONE}/map", {"items": ["naps"] * 500})
        server.until("hundreds are refused", lambda model: model["rejected"].get("busy", 0) > 600)
        assert server.get("/livez")[0] == 200
        gate.touch()
        replies = [each.result() for each in (busy, *asked)]
        assert set(statuses(replies)) == {200, 429}
        refused = [reply for reply in replies if reply[0] == 429]
        assert all(json.loads(body)["error"]["code"] == "E-BUSY" for _, body, _ in refused)
        # A time for each, one after another: 900 items of 10 ms, on a machine that may be busy.
        assert all(1 <= int(headers["retry-after"]) <= 60 for _, _, headers in refused)
        listed = listing.result()[0]
        assert listed in (200, 429)
        model = server.model()
        assert model["waiting_items"] == 0
        assert model["rejected"]["busy"] == len(refused) + (listed == 429)
        assert model["items"]["ok"] == 50 + statuses(replies).count(200) + 500 * (listed == 200)
        assert server.status()["resident_bytes"] < before * 1.05 + 8e6


def test_who_is_told_to_come_back_is_let_in_then_with_an_item_and_with_a_list(tmp_path):
    """A caller of whom nothing waits need not go at all. That the seconds are right a test of admission shows."""
    gate = tmp_path / "gate"
    with FakeServer(TASK, "--most-wait", "1") as server, ThreadPoolExecutor(4) as pool:
        server.post(f"{ONE}/map", {"items": ["naps"] * 50})  # so the pace is known
        items = [f"waits {gate}", *["naps"] * 300]
        listing = pool.submit(server.post, f"{ONE}/map", {"items": items}, x_duomo_caller="list")
        server.until("the list waits", lambda model: model["waiting_items"] == 301)

        def ask(path, body):
            """Seconds that were named each time, until it was let in."""
            told = []
            while True:
                status, _, headers = server.post(path, body, x_duomo_caller="list")
                if status == 200:
                    return told
                told.append(int(headers["retry-after"]))
                time.sleep(0.1)  # as a client does that asks again

        other = pool.submit(server.post, ONE, {"input": "x"}, x_duomo_caller="other")
        asked = [pool.submit(ask, ONE, {"input": "x"}), pool.submit(ask, f"{ONE}/map", {"items": ["x"] * 3})]
        server.until("they are told", lambda model: model["rejected"].get("busy", 0) >= 6)
        gate.touch()
        assert other.result()[0] == 200
        assert all(each.result() for each in asked), "a second of work may wait, and three do"
        assert listing.result()[0] == 200


def test_a_deadline_that_passes_in_the_queue_is_answered_uncomputed(tmp_path):
    with FakeServer(TASK, *PATIENT) as server, ThreadPoolExecutor(8) as pool:
        busy = pool.submit(server.post, ONE, {"input": f"waits {tmp_path / 'gate'}"})
        server.until("the model is busy", lambda model: model["waiting_items"] == 1)
        late = [pool.submit(server.post, ONE, {"input": "late", "deadline_s": 0.001}) for _ in range(4)]
        server.until("they have come", lambda model: model["waiting_items"] == 5)
        (tmp_path / "gate").touch()
        assert statuses(each.result() for each in late) == [504] * 4
        assert server.post(ONE, {"input": "x"}, x_deadline_s="0")[0] == 504
        assert busy.result()[0] == 200
        assert server.model()["items"] == {"ok": 1, "E-DEADLINE": 5}


def test_a_long_list_makes_nobody_wait():
    """A single text is answered while most of a list of another caller still waits."""
    with FakeServer(TASK, *PATIENT) as server, ThreadPoolExecutor(1) as pool:
        listing = pool.submit(server.post, f"{ONE}/map", {"items": ["naps"] * 600})
        server.until("the list has begun", lambda model: model["items"].get("ok", 0) >= 1)
        before = server.model()["items"]["ok"]
        assert server.post(ONE, {"input": "hello"})[0] == 200
        between = server.model()["items"]["ok"] - before
        assert between <= 400, "most of the list is behind it"
        assert listing.result()[0] == 200


def test_slow_and_silent_clients_take_nothing_from_the_others():
    with FakeServer(TASK, *PATIENT) as server, ExitStack() as stack:
        host, port = server.address.removeprefix("http://").split(":")
        before = server.status()["resident_bytes"]
        huge = stack.enter_context(connect(f"{server.address.replace('http', 'ws')}/v1/live/{TASK}"))
        huge.socket.sendall(b"\x81\xff" + struct.pack(">Q", 1 << 30) + bytes(4))  # a text of 1 GB, says its first frame
        endless = socket.create_connection((host, int(port)))
        endless.sendall(b"GET / HTTP/1.1\r\nx: " + b"a" * 1_000_000)
        silent = [socket.create_connection((host, int(port))) for _ in range(300)]
        for client in silent[:100]:  # half a request
            client.sendall(f"POST {ONE} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\n\r\n{{".encode())
        slow = silent[100]  # asks for much and reads nothing
        body = json.dumps({"items": ["x" * 5000] * 1000}).encode()
        slow.sendall(
            f"POST {ONE}/map HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert statuses(server.post(ONE, {"input": f"text {at}"}) for at in range(20)) == [200] * 20
        for client in silent:
            client.close()
        endless.close()
        with pytest.raises(ConnectionClosedError) as closed:
            huge.recv(60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009, "too large"
        server.until("nothing waits", lambda model: model["waiting_items"] == 0)
        assert server.status()["resident_bytes"] < before + 120e6


def test_a_short_soak_of_mixed_requests_leaves_memory_as_it_was():
    """Good, bad, cancelled, large and refused ones; benchmarks/soak.py does 100,000."""
    with FakeServer(TASK, "--max-body", "200000", *PATIENT) as server, ThreadPoolExecutor(16) as pool:
        host, port = server.address.removeprefix("http://").split(":")
        head = f"POST {ONE} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 17\r\n\r\n"

        def ask(at: int) -> int:
            kinds = ({"input": f"text {at}"}, {"input": ""}, {"input": "poison"}, {"input": "long " * 2000},
                     {"input": "x" * 300_000}, {"input": "x", "options": {"topk": at}})  # fmt: skip
            if at % 7 == 6:
                with socket.create_connection((host, int(port))) as left:
                    left.sendall(head.encode() + b'{"input": "gone"}'[: 17 - at % 2 * 9])
                return 0
            return server.post(ONE, kinds[at % 7])[0]

        warm = list(pool.map(ask, range(1400)))
        before = server.status()["resident_bytes"]
        seen = list(pool.map(ask, range(2100)))
        assert warm[:7] == [200, 422, 500, 200, 413, 400, 0]
        assert [seen.count(status) for status in (200, 422, 500, 413, 400)] == [600, 300, 300, 300, 300]
        server.until("nothing waits for those who left", lambda model: model["waiting_items"] == 0)
        assert server.status()["resident_bytes"] <= before * 1.05


def test_32_clients_of_an_adapter_write_one_sound_chain(tmp_path):
    log = tmp_path / "audit.jsonl"
    with FakeServer("-a", "fake/thermometer", "--audit", str(log)) as server, ThreadPoolExecutor(32) as pool:
        records = [{"id": str(at), "celsius": 20 + at} for at in range(5)]
        replies = list(
            pool.map(lambda _: server.post("/v1/adapters/fake/thermometer", {"records": records}), range(32))
        )
        assert statuses(replies) == [200] * 32
        assert {body.count(b"\n") for _, body, _ in replies} == {5}
        assert {headers["cache-control"] for _, _, headers in replies} == {"no-store"}
        server.end()
    verdict = verify(log)
    assert verdict.ok, verdict.problem
    assert verdict.lines >= 160


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing is named to serve"),
        (("text-clasification",), "no task named 'text-clasification'"),
        ((TASK, "--host", "0.0.0.0"), "there is no token"),
        ((TASK, "--candidate", "fill-mask=fake/echo"), "which is not served"),
        ((TASK, "--config", os.devnull, "--max-items", "many"), "not a valid integer"),
    ],
)
def test_a_server_that_cannot_start_says_why(arguments, words):
    done = subprocess.run([*FakeServer.command, "serve", *arguments], capture_output=True, text=True, timeout=START_S)
    assert done.returncode != 0
    assert words in done.stderr


@pytest.mark.embedded
@pytest.mark.slow
def test_check_loads_everything_and_ends():
    done = subprocess.run(
        [sys.executable, "-m", "duomo", "serve", TASK, "--check"], capture_output=True, text=True, timeout=START_S
    )
    assert (done.returncode, done.stdout) == (0, "text-classification: nlp/vader on cpu\n"), done.stderr


def test_every_request_is_a_line_of_the_log(tmp_path):
    """Also under a path that a proxy takes away, which the description names."""
    log = tmp_path / "log.jsonl"
    with FakeServer(TASK, "--log", str(log), "--root-path", "/ai/") as server:
        server.post(ONE, {"input": "secret"}, x_request_id="mine")
        server.get("/livez")
        assert json.loads(server.get("/openapi.json")[1])["servers"] == [{"url": "/ai"}]
        server.end()
    first, second, _ = (json.loads(line) for line in log.read_text("utf-8").splitlines())
    assert (first["id"], first["task"], first["status"]) == ("mine", TASK, 200)
    assert second["route"] == "/livez"
    assert "secret" not in log.read_text("utf-8")


def test_the_server_class_names_what_went_wrong():
    with pytest.raises(AssertionError, match="nothing is named"), Server("--port", "0"):
        pass
