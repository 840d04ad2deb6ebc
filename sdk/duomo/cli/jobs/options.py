"""The options of jobs, typed: one field for each option of the command line, with the name that click gives it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from duomo.cli.complete import complete_executors, complete_models

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("auto", "table", "json", "jsonl", "csv", "text", "parquet", "srt", "vtt")


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobOptions:
    """What every job takes; the help of each stands beside its option, in `job_options` or in its command's file."""

    model: str | None = None
    executor: str = "inline"
    device: str = "auto"
    batch_size: int | None = None
    output: str = "auto"
    out: str | None = None
    fields: str = ""
    csv_safe: bool = False
    fail_fast: bool = False
    max_failed: int | None = None
    stats: str | None = None

    @property
    def chosen_fields(self) -> tuple[str, ...]:
        """The names in ``--fields``; empty when all are wanted."""
        return tuple(name.strip() for name in self.fields.split(",") if name.strip())

    @property
    def resuming(self) -> bool:
        """Whether a store keeps what is done."""
        return False


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions(JobOptions):
    """The options of ``duomo run``."""

    args: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    lists: tuple[str, ...] = ()
    recursive: bool = False
    patterns: tuple[str, ...] = ()
    parallel: str | None = None
    dtype: str = "auto"
    optimize: str = "none"
    top_k: int | None = None
    seed: int | None = None
    long: str | None = None
    params: tuple[str, ...] = ()
    dedupe: bool = False
    resume: bool = False
    retry_failed: bool = False
    force: bool = False
    stream: bool = False
    dry_run: bool = False
    input_format: str = "auto"
    field: str = ""
    null: bool = False
    whole: bool = False

    @property
    def resuming(self) -> bool:
        return self.resume or self.retry_failed or self.force


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaptOptions(JobOptions):
    """The options of ``duomo adapt``."""

    adapter: str = ""
    sources: tuple[str, ...] = ()
    artifacts: str | None = None
    log: str | None = None
    overrides: tuple[str, ...] = ()
    by: str = ""


_SHARED = (
    click.option(
        "-m", "--model", metavar="NAME", shell_complete=complete_models, help="plugin/thing, hf:org/name or dir:PATH."
    ),
    click.option(
        "-x", "--executor", metavar="NAME", default="inline", shell_complete=complete_executors, help="Where it runs."
    ),
    click.option(
        "-b", "--batch-size", metavar="N", type=click.IntRange(1), help="Items in one forward pass; the model's own."
    ),
    click.option(
        "-o",
        "--output",
        metavar="FORMAT|FILE",
        default="auto",
        envvar="DUOMO_OUTPUT",
        help=f"{', '.join(FORMATS)}, a plugin's format, or a file as with -O.",
    ),
    click.option(
        "-O",
        "--out",
        metavar="FILE|DIR",
        help="Write there, in the format of its suffix; a folder gets a file for each input.",
    ),
    click.option(
        "--fields", metavar="A,B", default="", show_default=False, help="Only these fields, such as id,text or meta.ms."
    ),
    click.option("--csv-safe", is_flag=True, help="Put ' before CSV cells that a spreadsheet would run as a formula."),
    click.option("--fail-fast/--keep-going", help="Stop at the first input that fails."),
    click.option(
        "--max-failed", metavar="N", type=click.IntRange(0), help="Stop when more inputs than this have failed."
    ),
    click.option("--stats", metavar="FILE", help="Write counts, rates and times of the whole run to FILE as JSON."),
)


def job_options(command: F) -> F:
    """Add the options of `JobOptions` to a command."""
    for option in reversed(_SHARED):
        command = option(command)
    return command
