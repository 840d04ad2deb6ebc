"""``duomo serve`` as a process of its own, met by real clients."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

import duomo

pytestmark = [pytest.mark.multiproc, pytest.mark.embedded, pytest.mark.slow]
START_S = 180


class Server:
    """A server process; its address is read from what it prints."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "duomo", "serve", *arguments, "--port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.address, self.said = "", []
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.match(r"http://\S+", line):
                self.address = found[0]
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        request = urllib.request.Request(self.address + path, body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=START_S) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def metrics(self) -> str:
        with urllib.request.urlopen(self.address + "/metrics", timeout=START_S) as reply:
            text: str = reply.read().decode()
            return text

    def wait_until_waiting(self, num: int) -> None:
        """Return once this many items wait or run; fail after a minute."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            counts = re.findall(r"^duomo_queue_items\S* (\S+)", self.metrics(), re.MULTILINE)
            if sum(map(float, counts)) >= num:
                return
            time.sleep(0.01)
        raise AssertionError(f"fewer than {num} items came to wait")

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def server():
    made = Server(
        "text-classification", "feature-extraction", "text-generation", "text-to-speech", "-a", "finance/news-sentiment"
    )
    yield made
    made.process.kill()
    made.process.wait(60)


def test_the_official_openai_client_is_answered(server):
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="none")
    texts = ["a red car", "a cat"]
    floats = client.embeddings.create(model="any", input=texts, encoding_format="float").data
    compact = client.embeddings.create(model="any", input=texts).data  # the client asks for base64 and decodes it
    for one, other in zip(floats, compact, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    asked = {"model": "any", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
    whole = client.chat.completions.create(**asked).choices[0].message.content
    parts = [each.choices[0].delta.content or "" for each in client.chat.completions.create(**asked, stream=True)]
    assert "".join(parts) == whole
    with pytest.raises(openai.BadRequestError, match="'logprobs' cannot be honoured"):
        client.chat.completions.create(**asked, logprobs=True)
    sound = client.audio.speech.create(model="any", voice="any", input="Hello.", response_format="wav").content
    assert sound[:4] == b"RIFF"


def test_an_adapter_over_http_gives_what_it_gives_here(server):

    records = [{"id": "1", "text": "Profits rose sharply at the bank."}]
    status, body = server.post("/v1/adapters/finance/news-sentiment", json.dumps({"records": records}).encode())
    assert status == 200
    [line] = [json.loads(each) for each in body.splitlines()]
    with duomo.adapt("finance/news-sentiment") as adapter:
        [expected] = adapter.map(records)
    assert line["ok"] == expected.ok
    if expected.ok:
        assert line["result"]["payload"] == json.loads(expected.to_json())["result"]["payload"]


def test_what_has_begun_is_answered_after_sigterm():
    server = Server("feature-extraction")
    body = json.dumps({"items": ["good " * 200] * 40}).encode()
    with ThreadPoolExecutor(4) as pool:
        begun = [pool.submit(server.post, "/v1/tasks/feature-extraction/map", body) for _ in range(4)]
        server.wait_until_waiting(121)  # so all four have begun
        code = server.end()
        answers = [each.result() for each in begun]
    assert [status for status, _ in answers] == [200] * 4
    assert [body.count(b'"ok": true') for _, body in answers] == [40] * 4
    assert code in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing is named to serve"),
        (("text-clasification",), "no task named 'text-clasification'"),
        (("text-classification", "--host", "0.0.0.0"), "there is no token"),
    ],
)
def test_a_server_that_cannot_start_says_why(arguments, words):
    done = subprocess.run(
        [sys.executable, "-m", "duomo", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert done.returncode != 0
    assert words in done.stderr


def test_check_loads_everything_and_ends():
    done = subprocess.run(
        [sys.executable, "-m", "duomo", "serve", "text-classification", "--check"],
        capture_output=True, text=True, timeout=START_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert "text-classification: nlp/vader" in done.stderr


def test_what_its_clients_have_left_is_not_computed():
    """64 clients hang up; most of what they asked for is taken back, and the next client is answered."""
    server = Server("feature-extraction")
    try:
        host, port = server.address.removeprefix("http://").split(":")
        body = json.dumps({"input": "good " * 250}).encode()
        head = f"POST /v1/tasks/feature-extraction HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        clients = [socket.create_connection((host, int(port))) for _ in range(64)]
        for client in clients:
            client.sendall(request)
        server.wait_until_waiting(33)
        for client in clients:
            client.close()
        assert server.post("/v1/tasks/feature-extraction", b'{"input": "next"}')[0] == 200
        text = server.metrics()
        left = float(re.findall(r"^duomo_cancelled_total\S* (\S+)", text, re.MULTILINE)[0])
        computed = sum(map(float, re.findall(r"^duomo_items_total\S* (\S+)", text, re.MULTILINE)))
        assert left + computed == 65
        assert computed <= 1 + 64 * 0.5
        assert re.findall(r"^duomo_queue_items\S* (\S+)", text, re.MULTILINE) == ["0.0"]
    finally:
        server.process.kill()
        server.process.wait(60)


def test_more_work_than_may_wait_is_refused_with_a_time_to_come_back():
    server = Server("feature-extraction", "--most-wait", "0.5")
    try:
        body = json.dumps({"input": "good " * 250}).encode()
        with ThreadPoolExecutor(64) as pool:
            replies = list(pool.map(lambda _: server.post("/v1/tasks/feature-extraction", body), range(256)))
        statuses = [status for status, _ in replies]
        assert set(statuses) == {200, 429}
        refused = [json.loads(body)["error"] for status, body in replies if status == 429]
        assert all(each["code"] == "E-BUSY" and re.fullmatch(r"ask again in \d+ s", each["fix"]) for each in refused)
        assert f'duomo_rejected_total{{reason="busy",task="feature-extraction"}} {len(refused)}.0' in server.metrics()
    finally:
        server.process.kill()
        server.process.wait(60)
