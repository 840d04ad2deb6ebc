"""Blocks of the pages on serving, operating and live input that are no commands of a shell: run as they are written."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

import duomo
from duomo import serving
from duomo.cli import cli
from duomo.cli.app import App
from duomo.testing import echo_spec, fake_catalog

DOCS = Path(__file__).parents[2] / "docs"
CATALOG = fake_catalog(
    echo_spec("fake/echo"),
    echo_spec("fake/loud"),
    echo_spec("fake/encoder", task="feature-extraction"),
    echo_spec("fake/detector", task="object-detection"),
)


def block(page: str, language: str, holds: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    [one] = [each for each in found if holds in each]
    return str(one)


def test_the_application_of_the_page_of_serving_answers_by_its_name_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("duomo.runner.default_catalog", lambda: CATALOG)
    names: dict[str, Any] = {}
    exec(block("serving.md", "python", "serving.app("), names)
    with TestClient(names["application"], base_url="http://api.example.com") as client:
        right = {"authorization": "Bearer secret"}
        reply = client.post("/v1/tasks/text-classification", json={"input": "x"}, headers=right)
        assert (reply.status_code, reply.json()["meta"]["model"]) == (200, "fake/echo")
        assert client.get("/v1/tasks").status_code == 401
        assert client.get("/v1/tasks", headers={**right, "host": "other.example.com"}).status_code == 421


def test_the_settings_of_the_page_of_operating_are_those_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("secret")
    settings = block("operating.md", "toml", "tasks").replace("/etc/duomo/token", str(tmp_path / "token"))
    (tmp_path / "serve.toml").write_text(
        settings.replace("hf:org/model", "fake/encoder").replace("nlp/minilm", "fake/encoder"), "utf-8"
    )
    given: dict[str, Any] = {}
    make = serving.app
    monkeypatch.setattr(serving, "app", lambda tasks, **rest: given.update(rest, tasks=tasks) or make(tasks, **rest))
    call = ["serve", "--config", str(tmp_path / "serve.toml"), "--check"]
    done = CliRunner().invoke(cli, call, obj=App(CATALOG))
    assert done.exit_code == 0, done.output
    assert done.output == "text-classification: fake/echo on cpu\nfeature-extraction: fake/encoder on cpu\n"
    assert (given["candidates"], given["token"], given["most_wait_s"]) == (
        ("feature-extraction=fake/encoder",),
        "secret",
        10,
    )


def test_the_call_of_the_page_of_operating_compares_a_candidate() -> None:
    text = block("operating.md", "bash", "/shadow").replace("hf:org/model", "fake/loud")
    path, name, token = re.findall(r"localhost:8000(\S+) -H \"(\w+): (Bearer \S+)\"", text)[0]
    body = json.loads(re.findall(r"-d '(.*)'", text)[0])
    application = serving.app(
        ["text-classification"],
        catalog=CATALOG,
        admin_token="$ADMIN",
        candidates=re.findall(r"--candidate (\S+)", text),
    )
    with TestClient(application, base_url="http://localhost") as client:
        reply = client.post(path, json=body, headers={name: token})
        assert (reply.status_code, reply.json()["compares"]) == (200, "fake/loud")


def test_the_python_of_the_page_of_live_input_follows_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "clip.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for at in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), at, np.uint8), format="rgb24")))
        out.mux(stream.encode())
    runner = duomo.load("object-detection", "fake/detector", catalog=CATALOG)
    monkeypatch.setattr(duomo, "load", lambda task, model: runner)
    source = block("live.md", "python", "live.open").replace("rtsp://camera/1", f"video:{tmp_path / 'clip.mp4'}")
    exec(source.replace("outcome.result)", "outcome.ok)"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(re.match(r"20\d\d-\S+ \d+\.\d+ (True|False)$", line) for line in lines)
