"""The commands that pages show are run as they stand, in a folder with the files that they name."""

import csv
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import soundfile

from duomo.testing.samples import RATE, pictures, voice

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.embedded,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("bash") is None, reason="the pages are written for a shell like bash"),
]
FORKS = """
import json, os, shlex, sys
import torch._dynamo, transformers.modeling_utils
from duomo.cli import main
for asked in sys.stdin:
    folder, line, said = json.loads(asked)
    child = os.fork()
    if not child:
        os.chdir(folder)
        os.environ["DUOMO_CONFIG"] = os.path.join(folder, "config.toml")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        sys.argv = shlex.split(line, comments=True)
        main()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Runs each command in a process of its own, as a shell does, and imports once what takes longest to import."""
REPLACED = {
    "/backups": "backups",
    "--size small": "--size tiny",
    "--rate 400": "--rate 400 -o json",
    "export nlp/minilm": "export dir:bert --task feature-extraction",
}
"""What a test has smaller or elsewhere: a folder that may be written to, minutes of training, a tiny BERT."""
NEWS = "In an orderly fashion, profit of the bank rose by 10 % in the third quarter."


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: str, language: str) -> str:
    """The lines of a page that call duomo and end by themselves."""
    text = (ROOT / page).read_text("utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    lines = "".join(block for kind, block in found if kind == language).replace("\\\n", " ").splitlines()
    lines = [line.removeprefix("$ ") for line in lines]
    chosen = [line for line in lines if line.startswith("duomo ") and not line.startswith("duomo serve")]
    return "\n".join(chosen)


def save_bert(folder: Path) -> None:
    """A tiny BERT of random numbers."""
    import torch

    from tests.contract.test_every_family import BertModel, bert

    torch.manual_seed(0)
    folder.mkdir()
    bert(BertModel)(folder)


def rows(path: Path, header: list[str], found: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *found])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with all that the pages name."""
    import PIL.Image

    PIL.Image.fromarray(pictures()[0]).save(tmp_path / "cat.jpg")
    for folder in ("calls", "reviews", "corpus", "runs"):
        (tmp_path / folder).mkdir()
    soundfile.write(tmp_path / "calls" / "one.wav", voice(120, 1.2), RATE)
    (tmp_path / "corpus" / "a.txt").write_text("the cat sat on the mat and the dog lay on the rug. " * 400)
    words = ("lovely", "a joy", "superb"), ("awful", "a waste", "broken")
    texts = [[f"Book {n} was {words[n % 2][n % 3]}.", 1 if n % 2 else 5] for n in range(40)]
    for name in ("reviews.csv", "test.csv"):
        rows(tmp_path / name, ["text", "stars"], texts)
    for number, (text, _) in enumerate(texts[:4]):
        (tmp_path / "reviews" / f"{number}.txt").write_text(str(text))
    months = [(n * 7) % 60 for n in range(60)]
    rows(tmp_path / "churn.csv", ["months", "calls", "left"], [[n, n % 9, "yes" if n < 20 else "no"] for n in months])
    rows(tmp_path / "news.csv", ["id", "published", "text"], [[1, "2025-04-03T09:00:00Z", NEWS]])
    for name in ("serve.toml", "audit.jsonl"):
        (tmp_path / name).write_text("")
    return tmp_path


def shell(script: str, place: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "DUOMO_CONFIG": str(place / "config.toml"), "PATH": path}
    done = subprocess.run(["bash", "-ec", script], cwd=place, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{script}\n{done.stdout[-1000:]}\n{done.stderr[-1000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Path], None]]:
    """Runs commands one after another: those that need something of a shell in one, all others forked."""
    said = tmp_path_factory.mktemp("said") / "said.txt"
    with subprocess.Popen(
        [sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def one_after_another(script: str, place: Path) -> None:
            for line in script.splitlines():
                if set("|&;<>*?$`") & set("".join(shlex.split(line, comments=True))):
                    shell(line, place)
                    continue
                print(json.dumps([str(place), line, str(said)]), file=server.stdin, flush=True)
                assert server.stdout.readline() == "0\n", f"{line}\n{said.read_text('utf-8')[-1000:]}"

        yield one_after_another
        server.stdin.close()


@pytest.mark.multiproc
@pytest.mark.parametrize(
    ("page", "language", "count"),
    [("README.md", "console", 6), ("docs/training.md", "", 5), ("docs/export.md", "bash", 2),
     ("docs/operating.md", "bash", 4)],
    ids=["README", "training", "export", "operating"],
)  # fmt: skip
def test_the_commands_of_a_page_run_one_after_another(
    page: str, language: str, count: int, run: Callable[[str, Path], None], place: Path
) -> None:
    script = commands(page, language)
    assert len(script.splitlines()) == count
    if "dir:minilm" in script:
        save_bert(place / "bert")
    for old, new in REPLACED.items():
        script = script.replace(old, new)
    run(script, place)


def test_the_python_of_the_page_of_training_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    whole, pretrained, _ = blocks("docs/training.md", "python")
    exec(compile(whole + pretrained, "docs/training.md", "exec"), {"__name__": "__main__"})
    assert (place / "stars" / "fit.json").is_file()
    assert (place / "tiny-llama" / "config.json").is_file()


@pytest.fixture
def port(place: Path) -> Iterator[str]:
    """The server that the page of serving starts."""
    [line] = [line for line in blocks("docs/serving.md", "bash")[0].splitlines() if line.startswith("duomo serve")]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = line.replace("8000", port).split()[1:]
    server = subprocess.Popen([sys.executable, "-m", "duomo", *arguments], cwd=place, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)  # it answers when the models are loaded
    yield port
    server.terminate()
    server.wait(30)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page calls curl")
def test_the_calls_of_the_page_of_serving_are_answered(
    port: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = shell(blocks("docs/serving.md", "bash")[1].replace("localhost:8000", f"127.0.0.1:{port}"), place)
    assert said.count('"result"') == 2
    assert "positive" in said
    source = blocks("docs/serving.md", "python")[0].replace("localhost:8000", f"127.0.0.1:{port}")
    exec(compile(source, "docs/serving.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == "positive\n0 True\n1 False\n"
