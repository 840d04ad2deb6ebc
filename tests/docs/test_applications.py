"""The pages for applications and for those who come from elsewhere: each example is run."""

import contextlib
import io
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import types
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs"
EXAMPLES = dict(
    re.findall(r"^<!-- run: (\w+) -->\n```\w+\n(.*?)^```", (PAGES / "applications.md").read_text("utf-8"), re.S | re.M)
)
pytestmark = pytest.mark.embedded


def page(name: str) -> types.ModuleType:
    module = sys.modules[f"page_{name}"] = types.ModuleType(f"page_{name}")
    exec(compile(EXAMPLES[name], f"applications.md: {name}", "exec"), vars(module))
    return module


def test_all_examples_are_run() -> None:
    assert set(EXAMPLES) == {"fastapi", "gunicorn", "notebook", "cron", "airflow"}


def test_fastapi_answers_in_both_ways() -> None:
    from fastapi.testclient import TestClient

    with TestClient(page("fastapi").app) as client:
        for way in ("/async", "/sync"):
            good = client.get(way, params={"text": "I love it"})
            assert good.json()["labels"][0]["name"] == "positive"
            bad = client.get(way, params={"text": " "})
            assert bad.status_code == 422
            assert bad.json()["detail"]["what"] == "this text is empty"


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "wsgi.py").write_text(EXAMPLES["gunicorn"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4", "-b", address, "wsgi:application"]
    server = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    yield address
    server.terminate()
    server.wait(30)


@pytest.mark.multiproc
def test_each_worker_of_gunicorn_loads_its_own(gunicorn: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://{gunicorn}/?text=I+love+it", timeout=60) as reply:
                found = json.loads(reply.read())
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert found["result"]["labels"][0]["name"] == "positive"


def test_a_notebook_shows_the_table_and_the_outcome() -> None:
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell(warn_venv=False)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        done = shell.run_cell(EXAMPLES["notebook"])
    assert done.success, done.error_in_exec
    shown, _ = shell.display_formatter.format(done.result)
    assert 'class="bar"' in shown["text/html"]
    assert list(shell.user_ns["table"]["ok"]) == [True, True, False]
    shell.user_ns["classify"].close()


def test_a_nightly_job_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("id,text\n1,I love it\n2,\n3,It broke\n")
    command = [sys.executable, "-m", *shlex.split(EXAMPLES["cron"])]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=False)
        assert done.returncode == 3, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [line["ok"] for line in lines] == [True, False, True]


def test_a_function_for_airflow_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "reviews.jsonl").write_text('{"text": "I love it"}\n{"text": " "}\n{"txt": "lost"}\n')
    score = page("airflow").score_reviews
    for _ in range(2):
        assert score(str(tmp_path / "reviews.jsonl"), str(tmp_path / "scores.jsonl")) == 2
    assert len((tmp_path / "scores.jsonl").read_text().splitlines()) == 3


def test_the_page_for_those_who_come_from_elsewhere_runs() -> None:
    source = "\n".join(re.findall(r"^```python\n(.*?)^```", (PAGES / "coming-from.md").read_text("utf-8"), re.S | re.M))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(source, "coming-from.md", "exec"), {})
    assert said.getvalue().startswith("positive\nthis text is empty\nnegative\n(3, 384) [1.0, ")
    assert "['de', 'fr']" in said.getvalue()
