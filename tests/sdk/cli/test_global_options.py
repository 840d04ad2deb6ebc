"""Global options hold wherever they stand, and for plugins' commands too."""

import logging
from typing import Any

import click
import pytest

from duomo.cli import COMMANDS, cli
from duomo.cli.app import App
from duomo.config import is_offline
from duomo.testing.fakes import EchoModel

CLASSIFY = ("run", "text-classification", "-t", "a")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the network is off, asked at each forward pass."""
    monkeypatch.setenv("DUOMO_OFFLINE", "0")
    seen: list[bool] = []
    forward = EchoModel.forward
    monkeypatch.setattr(EchoModel, "forward", lambda self, batch: seen.append(is_offline()) or forward(self, batch))
    return seen


@pytest.mark.parametrize(
    "args", [("--offline", *CLASSIFY), ("run", "--offline", *CLASSIFY[1:]), (*CLASSIFY, "--offline")]
)
def test_an_option_works_before_and_behind_the_command_and_no_longer(
    duomo: Any, offline: list[bool], args: tuple[str, ...]
) -> None:
    assert duomo(*args).exit_code == 0
    assert duomo(*CLASSIFY).exit_code == 0
    assert offline == [True, False]


def test_options_with_values_and_of_groups_work_behind_the_command(duomo: Any, tmp_path: Any) -> None:
    assert "\x1b[" in duomo("tasks", "show", "ner", "--color", "always").stdout
    assert "\x1b[" not in duomo("tasks", "--color", "never", "show", "ner").stdout
    assert duomo("config", "path", "--config", f"{tmp_path}/mine.toml").stdout == f"{tmp_path}/mine.toml\n"
    assert "in preprocess" in duomo(*CLASSIFY[:-1], "poison", "-o", "text", "--debug").stderr
    assert duomo(*CLASSIFY[:-1], "poison", "-t", "a", "-o", "text", "-q").stderr.count("inputs failed") == 0


def test_a_value_that_looks_like_a_global_option_stays_a_value(duomo: Any, offline: list[bool]) -> None:
    [line] = duomo.json(*CLASSIFY[:-1], "--offline")
    assert line["result"]["labels"][0]["name"] == "--offline"
    assert offline == [False]


def test_a_commands_own_option_is_its_own(duomo: Any) -> None:
    assert [line["name"] for line in duomo.json("tasks", "list", "-q", "retrieval vision", "-o", "jsonl")] == []
    assert duomo("models", "list", "-q", "echo", "--quiet", "-o", "text").stdout.splitlines()[0] == "fake/echo"


def test_help_does_not_repeat_them(duomo: Any) -> None:
    ctx = click.Context(cli, obj=App())
    for name in COMMANDS:
        for _ in range(2):
            command = cli.get_command(ctx, name)
        assert command is not None
        names = [each for option in command.params for each in option.opts]
        assert len(names) == len(set(names)), "asked twice, added once"
        assert "--no-plugins" not in duomo(name, "--help").stdout


def test_options_hold_before_a_plugins_command_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    seen: list[bool] = []
    monkeypatch.setattr(App, "plugin_command", lambda self, _name: seen.append(self.no_plugins))
    monkeypatch.setattr(App, "plugin_commands", lambda _self: {})
    CliRunner().invoke(cli, ["--no-plugins", "greet"])
    assert seen == [True]


def test_quiet_holds_for_what_is_logged_and_ends_with_the_command(duomo: Any) -> None:
    before = logging.getLogger("duomo").level
    assert duomo("-q", "tasks", "list").exit_code == 0
    assert duomo("-v", "tasks", "list").exit_code == 0
    assert logging.getLogger("duomo").level == before
