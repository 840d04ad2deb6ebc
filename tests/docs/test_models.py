"""The pages of models: their Python is run from top to bottom, and then each command that needs no network."""

import re
import shlex
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner

from duomo.cli import cli
from duomo.cli.app import App
from duomo.testing.samples import RATE, pictures, voice

FOLDER = Path(__file__).parents[2] / "docs" / "models"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.name != "index.md")
FETCHES = re.compile(r"hf:[\w-]+/[\w.-]+")
pytestmark = pytest.mark.embedded


def blocks(page: Path, language: str) -> list[str]:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return found


def commands(page: Path) -> list[str]:
    text = "".join(blocks(page, "console")).replace("\\\n", " ")
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an image, a voice and what the pages call by name."""
    import PIL.Image

    PIL.Image.fromarray(pictures()[0]).save(tmp_path / "cat.jpg")
    soundfile.write(tmp_path / "talk.wav", voice(120, 1.2), RATE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_page_is_listed_and_has_a_command_that_is_run_here() -> None:
    index = (FOLDER / "index.md").read_text("utf-8")
    for page in PAGES:
        assert f"({page.name})" in index
        assert any(not FETCHES.search(each) for each in commands(page)), page.name


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work(page: Path) -> None:
    exec(compile("\n".join(blocks(page, "python")), page.name, "exec"), {"__name__": "__main__"})
    for command in commands(page):
        if not FETCHES.search(command):
            program, *args = shlex.split(command)
            assert program == "duomo", command
            text = None
            if "<<<" in args:
                args, text = args[: args.index("<<<")], args[-1]
            done = CliRunner().invoke(cli, args, input=text, obj=App())
            assert done.exit_code == 0, (command, done.stderr)
