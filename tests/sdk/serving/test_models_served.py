"""Real models behind one server: every task's example, OpenAI's client, websockets, and the pages in a browser."""

import base64
import io
import json
import re
import subprocess
import urllib.request
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import skimage.data
import soundfile

import duomo
from duomo.client.encode import encode_item
from duomo.nearest import edits
from duomo.tasks import FeatureExtraction, ImageClassification
from tests.sdk.serving import browser
from tests.sdk.serving.servers import Server

pytestmark = [pytest.mark.multiproc, pytest.mark.embedded, pytest.mark.slow]
needs_chromium = pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium on this machine")
TASKS = (
    "text-classification", "feature-extraction", "text-generation", "text-to-speech", "automatic-speech-recognition",
    "image-classification", "zero-shot-classification", "face-detection", "voice-activity-detection",
)  # fmt: skip
"""One for each kind of input, and of what is shown of a result."""
MARKUP = "<img src=x onerror=window.hit=1>"
FILE = re.compile(r'"data:[^,"]*;base64,([^"]*)"')


@pytest.fixture(scope="session")
def server():
    ready = [name for name in TASKS if is_here(name)]
    with Server(*ready, "-a", "finance/news-sentiment") as made:
        yield made


def is_here(name: str) -> bool:
    catalog = duomo.default_catalog()
    try:
        return catalog.is_ready(catalog.default_model(name))
    except duomo.DuomoError:
        return False


def served(server: Server) -> list[str]:
    return [each["task"] for each in server.status()["models"]]


def test_the_example_of_every_task_is_answered_as_its_schemas_say(server):
    jsonschema = pytest.importorskip("jsonschema")
    names = served(server)
    assert len(names) >= 8
    for name in names:
        described = json.loads(server.get(f"/v1/tasks/{name}")[1])
        status, body, _ = server.post(f"/v1/tasks/{name}", described["example"])
        assert status == 200, (name, body[:300])
        result = json.loads(body)["result"]
        jsonschema.validate(result, described["result"])
        jsonschema.validate(described["example"]["options"], described["options"])


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
    first = next(iter(client.models.list()))
    assert client.models.retrieve(first.id).id == first.id


def test_the_official_openai_client_speaks_and_is_written_down(server):
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="none")
    text = "The weather is nice today."
    spoken = {
        kind: client.audio.speech.create(model="any", voice="alloy", input=text, response_format=kind).content
        for kind in ("wav", "mp3", "flac", "opus", "pcm")
    }
    lengths = {kind: soundfile.info(io.BytesIO(sound)).duration for kind, sound in spoken.items() if kind != "pcm"}
    assert all(length == pytest.approx(lengths["wav"], abs=0.2) for length in lengths.values())
    assert len(spoken["pcm"]) / 2 / 24_000 == pytest.approx(lengths["wav"], abs=0.05)
    with pytest.raises(openai.BadRequestError, match="aac"):
        client.audio.speech.create(model="any", voice="alloy", input=text, response_format="aac")
    with pytest.raises(openai.BadRequestError, match="instructions"):
        client.audio.speech.create(model="any", voice="alloy", input=text, instructions="sing")
    if "automatic-speech-recognition" not in served(server):
        return
    recording = ("a.wav", spoken["wav"])
    heard = client.audio.transcriptions.create(model="any", file=recording)
    assert "weather" in heard.text.lower()
    for kind, mark in (("text", "weather"), ("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n\n00:00:00.")):
        assert mark in client.audio.transcriptions.create(model="any", file=recording, response_format=kind)
    verbose = client.audio.transcriptions.create(model="any", file=recording, response_format="verbose_json")
    assert verbose.segments[0].end <= lengths["wav"] + 0.5
    events = list(client.audio.transcriptions.create(model="any", file=recording, stream=True))
    assert events[-1].text == heard.text
    with pytest.raises(openai.BadRequestError, match="prompt"):
        client.audio.transcriptions.create(model="any", file=recording, prompt="names")


def test_an_adapter_over_http_gives_what_it_gives_here(server):
    records = [{"id": "1", "text": "Profits rose sharply at the bank."}]
    status, body, _ = server.post("/v1/adapters/finance/news-sentiment", {"records": records})
    assert status == 200
    [line] = [json.loads(each) for each in body.splitlines()]
    with duomo.adapt("finance/news-sentiment") as adapter:
        [expected] = adapter.map(records)
    assert line["ok"] == expected.ok
    if expected.ok:
        assert line["result"]["payload"] == json.loads(expected.to_json())["result"]["payload"]


def test_the_client_of_the_package_gives_typed_results(server):
    with duomo.Client(server.address) as client:
        cat = skimage.data.chelsea()
        assert "cat" in client.run(ImageClassification, cat).top.name
        [one, other] = client.map(FeatureExtraction, ["a red car", "a red lorry"])
        assert one.unwrap().similarity(other.unwrap()) > 0.5


def test_a_websocket_writes_speech_down_and_streams_a_text(server):
    websockets = pytest.importorskip("websockets.sync.client")
    address = server.address.replace("http", "ws")
    with websockets.connect(f"{address}/v1/live/text-generation") as socket:
        socket.send(json.dumps({"input": "Say hello.", "options": {"max_new_tokens": 5}}))
        parts = []
        while not parts or parts[-1]["type"] not in ("done", "error"):
            parts.append(json.loads(socket.recv(120)))
        assert parts[-1]["type"] == "done"
        assert "".join(each["text"] for each in parts[:-1])
    if "automatic-speech-recognition" not in served(server):
        return
    quiet = (0.0005 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    clips = [quiet]
    for text in ("The weather is nice today.", "A small dog runs after a red ball in the park.",
                 "Please bring three apples and a bottle of water."):  # fmt: skip
        _, body, _ = server.post("/v1/tasks/text-to-speech", {"input": text})
        clips += [duomo.Audio.accept(base64.b64decode(json.loads(body)["result"]["wav"])).samples(16_000), quiet]
    sent = (np.concatenate(clips) * 32767).astype("<i2").tobytes()
    with websockets.connect(f"{address}/v1/live/automatic-speech-recognition") as socket:
        socket.send(json.dumps({"sampling_rate": 16_000}))
        for at in range(0, len(sent), 3200):
            socket.send(sent[at : at + 3200])
        socket.send(json.dumps({"end": True}))
        events = []
        while not events or events[-1]["type"] not in ("done", "error"):
            events.append(json.loads(socket.recv(120)))
    finals = [each for each in events if each["type"] == "final"]
    assert len(finals) == 3
    assert [each["start"] for each in finals] == sorted(each["start"] for each in finals)
    whole = encode_item(duomo.Audio.accept((np.frombuffer(sent, "<i2").astype(np.float32) / 32768, 16_000)))
    _, body, _ = server.post("/v1/tasks/automatic-speech-recognition", {"input": whole})
    offline, said = (
        words(each) for each in (json.loads(body)["result"]["text"], " ".join(each["text"] for each in finals))
    )
    assert len(offline) >= 22
    assert edits(offline, said) <= 0.03 * len(offline), (offline, said)


def words(text: str) -> list[str]:
    return re.findall("[a-z]+", text.lower())


@pytest.fixture
def page(server):
    with browser.Browser("--window-size=390,844") as opened:
        yield opened
        assert opened.errors == []
        own = (server.address, "data:", "blob:")
        assert all(each.startswith(own) for each in opened.requested if each != "about:blank")


@needs_chromium
class TestInABrowser:
    def test_the_form_of_every_task_is_sent_with_its_example_and_shows_the_result(self, page, server):
        page.open(f"{server.address}/")
        for name in served(server):
            page.run(f"$('task').value = '{name}'; $('task').onchange()")
            page.run("fill()")
            page.run("document.querySelector('button[type=submit]').click()")
            page.until("document.querySelector('#answer section') && !document.querySelector('button[disabled]')")
            shown = page.run("document.querySelector('#answer').innerText")
            assert not page.run("Boolean(document.querySelector('#answer .error'))"), (name, shown)
            assert len(shown) > 20, name

    def test_what_the_page_says_for_a_program_gives_the_same(self, page, server, tmp_path, monkeypatch, capsys):
        """The command and the lines of Python are run as they are, beside the files that they name."""
        monkeypatch.chdir(tmp_path)
        page.open(f"{server.address}/")
        for name in served(server):
            example = json.loads(server.get(f"/v1/tasks/{name}")[1])["example"]
            found = FILE.findall(json.dumps(example))
            for at, content in enumerate(found, 1):
                Path(f"FILE{at}" if len(found) > 1 else "FILE").write_bytes(base64.b64decode(content))
            page.run(f"$('task').value = '{name}'; $('task').onchange()")
            command, lines = page.run(
                f"[...code({json.dumps(example)}).querySelectorAll('pre')].map(each => each.textContent)"
            )
            answer = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=120).stdout
            expected = json.loads(server.post(f"/v1/tasks/{name}", example)[1])["result"]
            assert json.loads(answer)["result"].keys() == expected.keys(), answer[:300]
            exec(lines, {})
            said = capsys.readouterr().out
            assert all(f"{field}=" in said for field in expected), said[:200]
            if name in ("text-classification", "image-classification", "automatic-speech-recognition"):
                assert json.loads(answer)["result"] == expected

    def test_a_text_is_sent_by_keyboard_and_its_labels_are_shown(self, page, server):
        page.open(f"{server.address}/#text-classification")
        page.run("document.querySelector('textarea').focus()")
        page.call("Input.insertText", text="I love it")
        page.run("document.querySelector('button[type=submit]').focus()")
        for kind in ("keyDown", "keyUp"):
            page.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
            )
        assert page.until("document.querySelector('.bar')?.textContent").startswith("positive")

    def test_an_image_is_sent_and_its_labels_are_shown(self, page, server):
        buffer = io.BytesIO()
        PIL.Image.fromarray(skimage.data.chelsea()).save(buffer, "JPEG")
        page.open(f"{server.address}/#image-classification")
        page.run(f"""
            const files = new DataTransfer();
            const bytes = new Uint8Array({json.dumps(list(buffer.getvalue()))});
            files.items.add(new File([bytes], "cat.jpg", {{type: "image/jpeg"}}));
            document.querySelector("input[type=file]").files = files.files;
            document.querySelector("button[type=submit]").click();""")
        assert "cat" in page.until("document.querySelector('.bar')?.textContent")

    def test_a_missing_option_and_an_error_are_named(self, page, server):
        page.open(f"{server.address}/#zero-shot-classification")
        page.run("document.querySelector('textarea').value = 'The match went to extra time.'")
        page.run("document.querySelector('button[type=submit]').click()")
        assert page.until("document.querySelector('.error')?.textContent") == "labels is needed"

    def test_markup_in_what_is_sent_and_answered_is_shown_as_text(self, page, server):
        page.open(f"{server.address}/#zero-shot-classification")
        text, labels = json.dumps(f"{MARKUP}</script>"), json.dumps(f"{MARKUP}\nsport")
        page.run(f"$('f-in-text').value = {text}; $('f-opt-labels').value = {labels}")
        page.run("document.querySelector('button[type=submit]').click()")
        page.until("document.querySelector('.bar')?.textContent")
        page.run("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert MARKUP in page.run("document.querySelector('#answer').innerText")
        assert not page.run("Boolean(window.hit || document.querySelector('img'))")

    def test_no_task_is_wider_than_a_narrow_window(self, page, server):
        page.open(server.address)
        for number in range(page.run("TASKS.length")):
            page.run(f"$('task').selectedIndex = {number}; $('task').onchange()")
            page.run("document.querySelectorAll('details').forEach(each => each.open = true)")
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), page.run("$('task').value")

    def test_the_status_fits_a_narrow_window_and_shows_what_the_metrics_count(self, page, server):
        page.open(f"{server.address}/-/status")
        page.until("document.querySelectorAll('section').length")
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
        assert page.run("document.getElementById('state').textContent") == "all models are ready"
        name = "text-classification"
        shown = page.run(f"[...document.querySelectorAll('section')].find(each => each.textContent.includes('{name}'))"
                         ".querySelector('dl').innerText")  # fmt: skip
        with urllib.request.urlopen(f"{server.address}/metrics") as reply:
            counted = [line for line in reply.read().decode().splitlines() if line.startswith("duomo_items_total{")]
        total = sum(float(line.split()[-1]) for line in counted if f'"{name}"' in line)
        assert f"items\n{total:.0f}" in shown
        long = json.dumps(MARKUP + 200 * "x")
        page.run(f"""(async () => {{
            const [first] = (await (await fetch("status.json")).json()).models;
            $("models").replaceChildren(model({{...first, model: {long}, reasons: [{long}], last_error: {long}}}, 60));
        }})()""")
        assert MARKUP in page.run("document.body.innerText")
        assert not page.run("Boolean(window.hit || document.querySelector('img'))")
        assert page.run("document.documentElement.scrollWidth <= innerWidth")
