"""No table loses a column on a narrow terminal: what does not fit beside its row stands below it, or is wrapped."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import click
import pytest
import soundfile

from duomo.cli import cli
from duomo.cli.app import App
from duomo.cli.tables import cells
from duomo.testing.fakes import fake_catalog
from tests.sdk.cli.conftest import MODELS, Extras, model

SUMMARY = "数える a model whose summary is longer than a terminal of sixty columns is wide 数える数える数える"
LISTS = (
    "tasks list",
    "models list",
    "models list --family",
    "plugins list",
    "executors list",
    "adapters list",
    "doctor",
    "models verify",
    "models add starter --dry-run",
    "run text-classification -t 猫と犬 --dry-run",
)


@pytest.fixture
def narrow(duomo: Any) -> Any:
    duomo.catalog = fake_catalog(
        *MODELS, model("long", "text-classification", "Writer", summary=SUMMARY), extras=Extras()
    )
    return duomo


def shown(duomo: Any, args: list[str], width: int) -> str:
    done = duomo(*args, "-o", "table", env={"COLUMNS": str(width)})
    assert done.exit_code in (0, 1), done.output
    return str(done.stdout)


@pytest.mark.parametrize("width", [60, 40])
@pytest.mark.parametrize("line", LISTS)
def test_every_heading_and_cell_of_a_list_is_on_a_narrow_terminal(narrow: Any, line: str, width: int) -> None:
    screen = shown(narrow, line.split(), width)
    listed = list(csv.reader(io.StringIO(narrow(*line.split(), "-o", "csv").stdout)))
    assert len(listed) > 1 or not screen
    together = re.sub(r"\s", "", screen)
    for heading in listed[0] if screen else []:
        has_any = any(row[listed[0].index(heading)] for row in listed[1:])
        # A wrapped cell goes on in the next line, between those of other columns.
        assert not has_any or heading.upper()[:8] in screen, heading
    for row in listed[1:]:
        for cell in row:
            begin = re.sub(r"\s", "", cell)[:4]
            assert begin in together, cell
    has_columns_below = any(re.search(rf"^  {each.upper()} ", screen, re.M) for each in listed[0])
    assert not (has_columns_below and "…" in screen and not any("…" in cell for row in listed for cell in row))
    longest = max((cells(row[0]) for row in listed[1:]), default=0)
    assert all(cells(each) <= max(width, longest) for each in screen.splitlines())


@pytest.mark.parametrize("width", [60, 40])
def test_results_are_whole_on_a_narrow_terminal(narrow: Any, tmp_path: Path, width: int) -> None:
    words = "猫と犬 and a text with more words than a narrow terminal has columns"
    screen = shown(narrow, ["run", "text-classification", "-m", "fake/echo", "-t", words], width)
    assert {"INPUT", "NAME", "SCORE"} <= set(screen.split())
    assert all(word in screen for word in words.split())
    assert all(cells(each) <= width for each in screen.splitlines())
    soundfile.write(tmp_path / "猫.wav", [0.0] * 1600, 16000)
    screen = shown(narrow, ["run", "automatic-speech-recognition", str(tmp_path / "猫.wav")], width)
    assert {"START", "END", "TEXT", "1.25"} <= set(screen.split())
    assert all(cells(each) <= width for each in screen.splitlines())


def test_the_list_has_every_command_with_a_table(narrow: Any) -> None:
    """A command that is added with a table is added here, too."""

    def with_tables(command: click.Command, path: str = "") -> set[str]:
        if isinstance(command, click.Group):
            context = click.Context(command, obj=App(narrow.catalog))
            names = [name for name in command.list_commands(context) if name not in ("greet", "demo")]
            inner = ((command.get_command(context, name), f"{path} {name}".strip()) for name in names)
            return set().union(*(with_tables(each, place) for each, place in inner if each is not None))
        formats = (getattr(each.type, "choices", ()) for each in command.params if "--output" in each.opts)
        return {path} if any("table" in each for each in formats) else set()

    known = {re.sub(r" (-|starter|text-).*", "", line) for line in LISTS}
    # These tables have two or three short columns, or need what only their own tests make.
    others = {"audit verify", "adapters evaluate", "adapters eval", "plugins check"}
    assert with_tables(cli) - others <= known
