"""docs/cli.md is what the commands say of themselves, and no page gives a command an option that it has not."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import click

from duomo.cli import cli
from duomo.cli.app import App

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
SPEAKING = ("*.md", "docs/**/*.md", "docs/*.txt", "deploy/**/*", "examples/**/*.py", "plugins/**/*.py", "sdk/**/*.py")
"""Where commands are named."""


def test_the_page_of_the_command_line_is_current() -> None:
    spec = importlib.util.spec_from_file_location("make_cli", DOCS / "make_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == (DOCS / "cli.md").read_text("utf-8"), "make docs"


def named(text: str, context: click.Context) -> Iterator[tuple[str, click.Command, set[str]]]:
    """Each command line in a text, with the command and the long options that it gives."""
    for line in re.findall(r"\bduomo ((?:(?!\bduomo )[^\n`|])+)", text.replace("\\\n", " ")):
        command: click.Command = cli
        for word in line.split():
            inner = command.get_command(context, word) if isinstance(command, click.Group) else None
            command = inner or command
        if command is not cli:
            yield line, command, set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", line))


def test_pages_helps_and_messages_name_no_option_that_a_command_lacks() -> None:
    count = 0
    context = click.Context(cli, obj=App())
    for place in sorted({each for pattern in SPEAKING for each in ROOT.glob(pattern) if each.is_file()}):
        for line, command, options in named(place.read_text("utf-8", "replace"), context):
            known = {name for each in (*command.params, *cli.params) for name in (*each.opts, *each.secondary_opts)}
            count += len(options)
            assert options <= known | {"--help"}, f"{place.relative_to(ROOT)}: {line}"
    assert count > 150
