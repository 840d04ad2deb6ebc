"""All tasks behind one server, with a model that does nothing: what a client may not name, and what it is told."""

import base64
import itertools
import json
import re
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import PIL.Image
import pytest
from starlette.testclient import TestClient

import duomo
from duomo import serving
from duomo.client.encode import encode_item, encode_options
from duomo.inputs import TableRow
from duomo.resolving import resolve
from duomo.serving.forms import task_body
from duomo.serving.wire import to_item, to_options
from duomo.testing import echo_spec, fake_catalog
from tests.sdk.serving import browser
from tests.sdk.serving.test_holes import listener  # noqa: F401 - a fixture

READ = """(async () => {
    const values = await Promise.all(readers.map(read => read()));
    const options = await Promise.all(readers.options.map(read => read()));
    return {
        input: values.length === 1 && !values[0][0] ? values[0][1] : Object.fromEntries(values),
        options: Object.fromEntries(options.filter(([, value]) => value !== undefined)),
    };
})()"""
"""What the form would send."""
CURL = """curl() { while test $# -gt 0; do case $1 in
-d) shift; if test "$1" = @-; then cat; else printf %s "$1"; fi;; esac; shift; done; }
"""
FILE = re.compile(r'"data:[^,"]*;base64,([^"]*)"')
TASKS = sorted(duomo.default_catalog().tasks)
SECRET = "duomo-secret"
EVENTS: list[str] | None = None
"""What was opened, listed or connected to, while somebody counts."""


def _count(event: str, arguments: tuple[object, ...]) -> None:
    if EVENTS is not None and event in ("open", "os.listdir", "os.scandir", "glob.glob", "socket.connect"):
        EVENTS.append(f"{event} {arguments}")


sys.addaudithook(_count)


@pytest.fixture(scope="module")
def client():
    runners = []
    for name in TASKS:
        catalog = fake_catalog(echo_spec(task=name))
        runners.append(duomo.load(name, "fake/echo", catalog=catalog))
    with TestClient(serving.app(runners), base_url="http://localhost", raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Files that a task could read, in the present folder."""
    place = tmp_path / SECRET
    place.mkdir()
    PIL.Image.new("RGB", (8, 8)).save(place / "a.png")
    (place / "a.txt").write_text(f"{SECRET} text", "utf-8")
    (place / "a.json").write_text(f'["{SECRET} json"]', "utf-8")
    with wave.open(str(place / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(3200))
    monkeypatch.chdir(tmp_path)
    return place


def with_media(value: object, given: object) -> object:
    """An example whose files are replaced by what a client names."""
    if isinstance(value, str):
        return given if value.startswith("data:") else value
    if isinstance(value, dict):
        return {key: with_media(each, given) for key, each in value.items()}
    return [with_media(each, given) for each in value] if isinstance(value, list) else value


def with_texts(value: object, given: object) -> object:
    if isinstance(value, str):
        return given
    if isinstance(value, dict):
        return {key: with_texts(each, given) for key, each in value.items()}
    return [with_texts(each, given) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", TASKS)
def test_no_input_and_no_option_reads_the_disk_or_asks_an_address(name, client, folder, listener):  # noqa: F811
    global EVENTS
    port, calls = listener
    described = client.get(f"/v1/tasks/{name}").json()
    example = described["example"] or {"input": "data:x", "options": {}}
    names = [str(folder / "a.png"), f"{SECRET}/a.wav", f"{SECRET}/a.txt", f"file://{folder}/a.png", str(folder),
             f"http://127.0.0.1:{port}/{SECRET}.png"]  # fmt: skip
    forms = itertools.cycle(({"path": "…"}, {"bytes": None, "path": "…"}, {"image": "…"}, {"audio": "…"}, {"url": "…"}))
    values: Iterator[Callable[[str], object]] = itertools.cycle(
        (str, lambda each: [each], lambda each: [{"image": each}], "@{}".format)
    )
    bodies = []
    for each in names:
        form = {key: each if value else value for key, value in next(forms).items()}
        bodies += [{**example, "input": with_media(example["input"], given)} for given in (each, form)]
        bodies += [{**example, "input": given} for given in (with_texts(example["input"], each), [each], form)]
        for option in described["options"]["properties"]:
            given = next(values)
            bodies.append({**example, "options": {**example["options"], option: given(each)}})
    EVENTS = []
    try:
        replies = [client.post(f"/v1/tasks/{name}", json=body) for body in bodies]
    finally:
        found, EVENTS = [each for each in EVENTS if SECRET in each or str(port) in each], None
    assert found == []
    assert calls == []
    for body, reply in zip(bodies, replies, strict=True):
        sent = json.dumps(body)
        assert f"{SECRET} text" not in reply.text, sent
        assert f"{SECRET} json" not in reply.text, sent
        if reply.status_code != 200:
            assert str(Path.cwd()) not in reply.text or str(Path.cwd()) in sent, sent
            assert "No such file" not in reply.text, sent
            assert reply.status_code in (400, 413, 422, 500), sent


def test_every_task_says_what_it_takes_and_its_example_is_of_that_schema(client):
    for name in TASKS:
        described = client.get(f"/v1/tasks/{name}").json()
        assert described["input"], name
        if described["example"] is not None:
            jsonschema.validate(described["example"]["input"], described["input"])
            jsonschema.validate(described["example"]["options"], described["options"])


def test_every_task_takes_a_form_of_its_example_as_the_same_input(client):
    """Files are bytes, texts are texts, and all else is JSON in a field."""
    num = 0
    for name in TASKS:
        cls, example = (
            resolve(duomo.default_catalog().task(name).target),
            client.get(f"/v1/tasks/{name}").json()["example"],
        )
        if example is None or issubclass(cls.Input, TableRow):  # cells of a form are texts, as in a CSV file
            continue
        given = example["input"]
        fields = {key: field(each) for key, each in (given if isinstance(given, dict) else {"input": given}).items()}
        body = task_body({**fields, "options": json.dumps(example["options"])}, cls, serving.WireLimits())
        items = [to_item(given, cls.Input), body["input"]]
        assert encode_item(cls.Input.accept(items[0])) == encode_item(cls.Input.accept(items[1])), name
        assert body["options"] == example["options"]
        num += 1
    assert num >= 80


def field(value):
    if isinstance(value, str):
        return base64.b64decode(value.partition(",")[2]) if value.startswith("data:") else value
    return json.dumps(value)


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.multiproc
@pytest.mark.slow
def test_the_page_sends_the_example_of_every_task_as_it_is(client):
    """What the form makes of an example is the example: files are read again, lists are a line each."""
    forms, wrong = client.get("/").text, dict[str, str]()
    examples = {name: client.get(f"/v1/tasks/{name}").json()["example"] for name in TASKS}
    with tempfile.TemporaryDirectory() as place, browser.Browser("--allow-file-access-from-files") as page:
        (Path(place) / "page.html").write_text(forms.replace("connect-src 'self'", "connect-src *"), "utf-8")
        page.open(f"file://{place}/page.html")
        for name, example in examples.items():
            if example is None:
                continue
            page.run(f"window.fetch = async () => ({{json: async () => ({{example: {json.dumps(example)}}})}})")
            page.run(f"$('task').value = '{name}'; $('task').onchange()")
            page.run("fill()")
            assert not page.run("Boolean(document.querySelector('#answer .error'))"), name
            sent = page.run(READ)
            cls = resolve(duomo.default_catalog().task(name).target)
            try:
                items = [encode_item(cls.Input.accept(to_item(each["input"], cls.Input))) for each in (example, sent)]
                options = [encode_options(cls.Options.parse(to_options(each["options"]))) for each in (example, sent)]
            except duomo.DuomoError as error:
                wrong[name] = str(error)
                continue
            if items[0] != items[1] or options[0] != options[1]:
                wrong[name] = f"{sent!r:.300}"
    assert wrong == {}


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.multiproc
@pytest.mark.slow
def test_what_the_page_says_for_a_program_sends_the_example_of_every_task(client, tmp_path, monkeypatch):
    """The shell and Python make the request of it; a shell function and a class that take it down stand for curl."""
    monkeypatch.chdir(tmp_path)
    sent: list[tuple[object, object]] = []

    class Client:
        def __init__(self, address: str) -> None: ...

        def __enter__(self) -> "Client":
            return self

        def __exit__(self, *_: object) -> None: ...

        def run(self, task: str, item: object, **options: object) -> None:
            cls = resolve(duomo.default_catalog().task(task).target)
            sent.append((encode_item(cls.Input.accept(item)), encode_options(cls.Options.parse(options))))

    monkeypatch.setattr(duomo, "Client", Client, raising=False)
    examples = {name: client.get(f"/v1/tasks/{name}").json()["example"] for name in TASKS}
    (tmp_path / "page.html").write_text(client.get("/").text, "utf-8")
    with browser.Browser() as page:
        page.open(f"file://{tmp_path}/page.html")
        for name, example in examples.items():
            files = FILE.findall(json.dumps(example))
            for at, content in enumerate(files, 1):
                Path(f"FILE{at}" if len(files) > 1 else "FILE").write_bytes(base64.b64decode(content))
            page.run(f"$('task').value = '{name}'; $('task').onchange()")
            pres = f"[...code({json.dumps(example)}).querySelectorAll('pre')].map(each => each.textContent)"
            command, lines = page.run(pres)
            body = subprocess.run(["bash", "-c", CURL + command], capture_output=True, check=True, timeout=60).stdout
            assert json.loads(body) == example, command[:300]
            exec(lines, {})
            cls = resolve(duomo.default_catalog().task(name).target)
            item = encode_item(cls.Input.accept(to_item(example["input"], cls.Input)))
            options = encode_options(cls.Options.parse(to_options(example["options"])))
            assert sent.pop() == (item, options), lines[:300]
