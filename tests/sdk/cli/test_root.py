"""The root group: help, version, global options, plugin commands and what becomes of errors."""

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import click
import pytest

from duomo import __version__
from duomo.cli import COMMANDS, Root, cli
from duomo.cli.app import App, wants_color
from duomo.errors import DuomoError, PluginBroken
from duomo.hooks import Hooks, hookimpl
from duomo.specs import CommandSpec


def test_version_is_one_line(duomo: Any) -> None:
    assert duomo("--version").stdout == f"duomo {__version__}\n"


def test_help_lists_every_command_and_every_exit_code(duomo: Any) -> None:
    text = duomo("--help").stdout
    assert all(re.search(rf"^  {name} +\S", text, re.MULTILINE) for name in COMMANDS)
    assert all(re.search(rf"^ +{code} +\w", text, re.MULTILINE) for code in (0, 1, 2, 3, 4, 5, 130))


def test_the_line_in_the_list_is_the_first_line_of_the_commands_own_help() -> None:
    ctx = click.Context(cli, obj=App())
    for name, summary in COMMANDS.items():
        command = cli.get_command(ctx, name)
        assert command is not None
        own = (command.help or "").partition("\n")[0].partition(";")[0].rstrip(".")
        assert summary.split(",")[0].split(":")[0].rstrip(".") in own or own in summary, name


def test_every_command_has_help_for_itself_and_all_its_options() -> None:
    def walk(command: click.Command, path: str) -> None:
        assert command.help, path
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{path} {option.opts}"
        if isinstance(command, click.Group):
            ctx = click.Context(command, obj=App())
            for name in COMMANDS if isinstance(command, Root) else command.list_commands(ctx):
                inner = command.get_command(ctx, name)
                assert inner is not None
                walk(inner, f"{path} {name}")

    walk(cli, "duomo")


def test_plugin_commands_stand_apart_with_their_owner(duomo: Any) -> None:
    text = duomo("--help").stdout
    assert re.search(r"Plugin commands:\n  greet +say hello \[extras\]", text)
    assert duomo("greet", "Ada").stdout == "hello Ada\n"


def test_a_plugin_command_that_cannot_be_imported_says_whose_it_is(duomo: Any) -> None:
    class Bad(Hooks):
        @hookimpl
        def register_commands(self) -> list[CommandSpec]:
            return [CommandSpec("gone", "no_such_module:command", "nothing")]

    from duomo.testing.fakes import fake_catalog

    duomo.catalog = fake_catalog(bad=Bad())
    done = duomo("gone")
    assert done.exit_code == 5
    assert "command 'gone' of plugin 'bad' cannot be imported" in done.stderr
    assert "no_such_module" in done.stderr


def test_a_builtin_name_is_never_a_plugins(duomo: Any) -> None:
    class Greedy(Hooks):
        @hookimpl
        def register_commands(self) -> list[CommandSpec]:
            return [CommandSpec("run", "cli_fakes:greet", "mine now")]

    from duomo.testing.fakes import fake_catalog

    duomo.catalog = fake_catalog(greedy=Greedy())
    assert "Run a task" in duomo("run", "--help").stdout
    assert "mine now" not in duomo("--help").stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("modles", "list"), "Did you mean 'models'?"),
        (("greeet",), "Did you mean 'greet'?"),
        (("models", "lst"), "Did you mean 'list'?"),
        (("run", "--modle", "x"), "No such option '--modle'. Did you mean '--model'"),
        (("run", "--input-format", "jsn"), "Did you mean 'jsonl'?"),
        (
            ("run", "--input-format", "lines"),
            "--input-format: The format of standard input and files",
        ),
        (("run", "--max-failed", "no"), "--max-failed: Stop when more inputs than this have failed."),
        (("run", "text-generation", "--max-new-tokens", "9"), "duomo run … -p max_new_tokens=VALUE"),
        (
            ("text-classification", "-t", "a"),
            "'text-classification' is a task, not a command: duomo run text-classification",
        ),
        (("completion", "powershell"), "'bash', 'zsh', 'fish'"),
    ],
)
def test_a_wrong_command_line_gets_the_nearest_right_one(duomo: Any, args: tuple[str, ...], words: str) -> None:
    done = duomo(*args)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.startswith("error: ")
    assert "[E-USAGE]" in done.stderr


def fail(error: BaseException) -> Root:
    """A root whose command ``fail`` raises."""

    class Failing(Root):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            def callback() -> None:
                raise error

            return click.Command("fail", callback=callback)

    return Failing("duomo", params=cli.params, callback=cli.callback)


def invoke(error: BaseException, *args: str, app: App | None = None) -> Any:
    from click.testing import CliRunner

    return CliRunner().invoke(fail(error), [*args, "fail"], obj=app or App())


def test_an_error_says_what_why_and_how_to_fix_it() -> None:
    done = invoke(PluginBroken("it broke", why="old\nand rusty", fix="oil it\nor leave it"))
    assert done.exit_code == 5
    assert done.stderr == (
        "error: it broke  [E-PLUGIN-BROKEN]\n  why: old\n       and rusty\n  fix: oil it\n       or leave it\n"
    )
    assert done.stdout == ""


def test_where_json_is_expected_the_error_is_a_record_too() -> None:
    app = App()
    app.output = "jsonl"
    done = invoke(PluginBroken("it broke", why="rust", fix="oil"), app=app)
    assert json.loads(done.stdout) == {
        "schema": "duomo.error/1",
        "error": {"code": "E-PLUGIN-BROKEN", "what": "it broke", "why": "rust", "fix": "oil"},
        "exit_code": 5,
    }


def test_a_bug_is_called_one_and_shows_its_traceback_only_on_request() -> None:
    done = invoke(ZeroDivisionError("by zero"))
    assert done.exit_code == 1
    assert "unexpected ZeroDivisionError: by zero" in done.stderr
    assert "duomo env" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in invoke(ZeroDivisionError("by zero"), "--debug").stderr


def test_what_the_operating_system_refuses_is_not_called_a_bug() -> None:
    done = invoke(PermissionError(13, "Permission denied", "/etc/shadow"))
    assert done.exit_code == 1
    assert done.stderr.startswith("error: cannot read or write /etc/shadow")
    assert "why: Permission denied" in done.stderr


@pytest.mark.parametrize(
    ("error", "what", "fix"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files", "ulimit -n"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "Connection reset by peer", "--debug"),
        (OSError("the tokenizer has no vocabulary"), "the tokenizer has no vocabulary", "--debug"),
        (OSError(), "OSError", "--debug"),
        (OSError(errno.ENOSPC, "No space left on device"), "a file could not be written", "make room there"),
    ],
)
def test_what_names_no_file_is_not_blamed_on_standard_output(error: OSError, what: str, fix: str) -> None:
    app = App()
    app.output = "jsonl"
    done = invoke(error, app=app)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {what}")
    assert fix in done.stderr
    assert json.loads(done.stdout)["error"]["what"] == what, "it works, and has the record"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
def test_standard_output_that_takes_nothing_is_named() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "duomo", "tasks", "list"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output could not be written")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("run", "image-classification", "--topk", "3"), "No such option '--topk'. Did you mean '--top-k'?  ["),
        (("run", "--batchsize", "3"), "No such option '--batchsize'. Did you mean '--batch-size'?  ["),
        (("run", "--Out_Put", "csv"), "Did you mean '--output'"),
        (("run", "--fail_fast"), "Did you mean '--fail-fast'"),
        (("run", "--debgu"), "Did you mean '--debug'"),
        (("Plugin", "list"), "No such command 'Plugin'. Did you mean 'plugins'"),
        (("zzz",), "No such command 'zzz'  ["),
    ],
)
def test_the_nearest_name_stands_first(duomo: Any, args: tuple[str, ...], words: str) -> None:
    done = duomo(*args)
    assert done.exit_code == 2
    assert words in done.stderr


def test_every_error_of_the_tree_ends_with_a_documented_code() -> None:
    def tree(cls: type[DuomoError]) -> list[type[DuomoError]]:
        return [
            cls,
            *(each for sub in cls.__subclasses__() if sub.__module__ == "duomo.errors" for each in tree(sub)),
        ]

    for cls in tree(DuomoError):
        done = invoke(cls("what", why="why", fix="fix"))
        assert done.exit_code == cls.exit_code
        assert done.exit_code in (1, 2, 4, 5)


def test_ctrl_c_anywhere_is_130() -> None:
    done = invoke(KeyboardInterrupt())
    assert done.exit_code == 130
    assert "interrupted" in done.stderr


def test_global_options_last_as_long_as_the_command(
    duomo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUOMO_OFFLINE", "0")
    file = tmp_path / "mine.toml"
    assert duomo("--config", str(file), "config", "path").stdout == f"{file}\n"
    assert os.environ["DUOMO_CONFIG"] == os.devnull
    assert os.environ["DUOMO_OFFLINE"] == "0"


@pytest.mark.parametrize("args", [("--config", "no.toml", "tasks", "list"), ("tasks", "list", "--config", "no.toml")])
def test_a_configuration_that_is_not_there_is_no_empty_one(duomo: Any, args: tuple[str, ...]) -> None:
    done = duomo(*args)
    assert done.exit_code == 2
    assert "no configuration at 'no.toml'" in done.stderr


def test_a_broken_configuration_is_named_and_help_still_works(shell: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("not toml at all")
    from click.testing import CliRunner

    env = {"DUOMO_CONFIG": str(file)}
    listing = CliRunner(env=env).invoke(cli, ["models", "list"])
    assert listing.exit_code == 2
    assert f"the configuration '{file}' cannot be read" in listing.stderr
    helped = CliRunner(env=env).invoke(cli, ["--help"])
    assert helped.exit_code == 0
    assert "Commands:" in helped.stdout
    assert "warning: no plugins" in helped.stderr


def test_an_unknown_plugin_is_warned_about_once_and_quiet_is_quiet() -> None:
    from click.testing import CliRunner

    done = CliRunner().invoke(cli, ["--disable-plugin", "visoin", "tasks", "list"])
    assert done.exit_code == 0
    assert done.stderr.count("no plugin named 'visoin'") == 1
    assert "visoin" not in CliRunner().invoke(cli, ["-q", "--disable-plugin", "visoin", "tasks", "list"]).stderr


def test_without_plugins_the_tasks_are_still_there() -> None:
    from click.testing import CliRunner

    assert "image-classification" in CliRunner().invoke(cli, ["--no-plugins", "tasks", "list"]).stdout
    assert CliRunner().invoke(cli, ["--no-plugins", "models", "list"]).stdout == ""


def test_strict_plugins_stops_at_one_that_is_not_usable(duomo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from duomo.plugins.discovery import PluginRecord

    class Found(NamedTuple):
        plugins: Any = (
            PluginRecord("radar", "duomo-radar", "1", "", state="broken", error="no gdal", fix="pip install gdal"),
        )
        tasks: Any = MappingProxyType({})
        models: Any = ()

    monkeypatch.setattr("duomo.catalog.Catalog", lambda _selection: Found())
    done = CliRunner().invoke(cli, ["--strict-plugins", "tasks", "list"])
    assert done.exit_code == 5
    assert "plugin 'radar' is broken" in done.stderr
    assert CliRunner().invoke(cli, ["tasks", "list"]).exit_code == 0


@pytest.mark.parametrize(
    ("choice", "env", "wanted"),
    [
        ("auto", {}, None),
        ("auto", {"NO_COLOR": "1"}, False),
        ("auto", {"FORCE_COLOR": "1"}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_is_the_users_choice(
    monkeypatch: pytest.MonkeyPatch, choice: str, env: dict[str, str], wanted: bool | None
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert wants_color(choice) is wanted


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_no_mark_of_its_layout(duomo, name):
    assert "\\b" not in duomo(name, "--help").stdout


def test_help_of_a_group_cuts_no_sentence(duomo: Any) -> None:
    listed = [
        name for name in COMMANDS if isinstance(cli.get_command(click.Context(cli, obj=App()), name), click.Group)
    ]
    assert len(listed) == 7
    assert [name for name in listed if "...\n" in duomo(name, "--help").stdout.partition("Commands:")[2]] == []
