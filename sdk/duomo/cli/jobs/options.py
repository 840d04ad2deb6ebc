"""The options of jobs: each is one typed field, which the command line takes its option from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import click

from duomo.cli.complete import complete_executors, complete_models
from duomo.errors import UsageProblem

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("auto", "table", "json", "jsonl", "csv", "text", "parquet", "npy", "html", "srt", "vtt")


def option(names: str, metavar: str, help: str, default: object = None, **settings: Any) -> Any:
    """Make a field that is an option too; `names` are split at spaces, and `settings` go to `click.option`."""
    return dataclasses.field(
        default=default, metadata={"names": names.split(), "metavar": metavar or None, "help": help, **settings}
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobOptions:
    """What every job takes."""

    model: str | None = option(
        "-m --model", "NAME", "plugin/thing, hf:org/name or dir:PATH.", shell_complete=complete_models, once=True
    )
    executor: str = option("-x --executor", "NAME", "Where it runs.", "inline", shell_complete=complete_executors)
    device: str = option("-d --device", "NAME", "auto, cpu, cuda:0 …; for run also a number, or cpu,cpu.", "auto")
    batch_size: int | None = option(
        "-b --batch-size", "N", "Items in one forward pass; as the model says when left out.", type=click.IntRange(1)
    )
    output: str = option(
        "-o --output",
        "FORMAT|FILE",
        f"{', '.join(FORMATS)}, a plugin's format, or a file as with -O.",
        "auto",
        envvar="DUOMO_OUTPUT",
    )
    out: str | None = option(
        "-O --out",
        "FILE|DIR",
        "Write there, in the format of its suffix; a folder gets a file for each input.",
        once=True,
    )
    fields: str | None = option("--fields", "A,B", "Only these fields, such as id,text or meta.ms.", once=True)
    csv_safe: bool = option("--csv-safe", "", "Put ' before CSV cells that a spreadsheet runs as a formula.", False)
    fail_fast: bool = option("--fail-fast/--keep-going", "", "Stop at the first input that fails.", False)
    max_failed: int | None = option(
        "--max-failed", "N", "Stop when more inputs than this have failed.", type=click.IntRange(0)
    )
    live: tuple[str, ...] = option(
        "--live",
        "SOURCE",
        "Follow a live source until Ctrl-C: mic:, tail:PATH, folder:PATH, video:PATH, recording:PATH, rtsp://…, "
        "mqtt://HOST/TOPIC or ws://…; may be given several times.",
        (),
    )
    drop: str = option(
        "--drop", "POLICY", "What to compute of inputs that come too fast: all, latest or every=N.", "all"
    )
    stats: str | None = option(
        "--stats", "FILE", "Write counts, rates and times of the whole run to FILE as JSON.", once=True
    )

    @property
    def chosen_fields(self) -> tuple[str, ...]:
        """The names in ``--fields``; empty when all are wanted. Raises `UsageProblem` where it names none."""
        names = tuple(name.strip() for name in (self.fields or "").split(",") if name.strip())
        if self.fields is not None and not names:
            raise UsageProblem("--fields names no field", fix="--fields id,ok; leave it out for all of them")
        return names

    @property
    def files(self) -> dict[str, str]:
        """The files that are written besides the results, by their option."""
        return {} if self.stats is None else {"--stats": self.stats}

    @property
    def resuming(self) -> bool:
        """Whether a store keeps what is done."""
        return False


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions(JobOptions):
    """The options of ``duomo run``."""

    args: tuple[str, ...] = ()
    texts: tuple[str, ...] = option("-t --text", "TEXT", "A text to compute; may be given several times.", ())
    pairs: tuple[tuple[str, str], ...] = option(
        "--pair", "A B", "Two texts or files that are one input, such as a question and its text.", (), nargs=2
    )
    lists: tuple[str, ...] = option("--from-file", "LIST", "A file with one path a line.", ())
    recursive: bool = option("-r --recursive", "", "Look into folders in folders.", False)
    patterns: tuple[str, ...] = option(
        "--glob", "PATTERN", "File names to take from folders; may be given several times.", ()
    )
    parallel: str | None = option(
        "--parallel", "DIMS", "Copies and their devices, such as dp=2,tp=2; auto to have it planned."
    )
    dtype: str = option("--dtype", "NAME", "auto, float32, bfloat16 or float16.", "auto")
    optimize: str = option(
        "--optimize", "MODE", "A speed mode: none (exact), compile, bf16, int8, onnx or openvino.", "none"
    )
    top_k: int | None = option("--top-k", "N", "Short for -p top_k=N.", type=int)
    seed: int | None = option("--seed", "N", "Short for -p seed=N.", type=int)
    long: str | None = option("--long", "POLICY", "Short for -p long=POLICY: error, truncate or window.")
    params: tuple[str, ...] = option("-p --param", "KEY=VALUE", "An option of the task; JSON or text.", ())
    param_files: tuple[str, ...] = option(
        "--param-file", "KEY=FILE", "An option of the task whose values are the lines of FILE, such as a corpus.", ()
    )
    dedupe: bool = option("--dedupe", "", "Compute inputs of equal content once.", False)
    resume: bool = option("--resume", "", "Keep what is done in FILE.duomo, and go on with what is in it.", False)
    retry_failed: bool = option("--retry-failed", "", "Like --resume, and try again what failed.", False)
    force: bool = option(
        "--force", "", "Like --resume, and start over where the model or an option has changed.", False
    )
    stream: bool = option("--stream", "", "Print a generated text as it is written.", False)
    dry_run: bool = option("--dry-run", "", "Only show what would run; nothing is written.", False)
    input_format: str = option(
        "--input-format", "",
        "The format of standard input and files: text has an input a line, jsonl and csv a record; bytes are one.",
        "auto",
        type=click.Choice(["auto", "text", "jsonl", "csv", "bytes"]),
    )  # fmt: skip
    field: str = option(
        "--field", "NAME", "The field of a record or column of a CSV, such as result.text.", "", once=True
    )
    null: bool = option("--null", "", "Texts on standard input and paths in lists end with NUL, not newline.", False)
    whole: bool = option("--whole", "", "Standard input is one text, not one a line.", False)

    @property
    def resuming(self) -> bool:
        return self.resume or self.retry_failed or self.force


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaptOptions(JobOptions):
    """The options of ``duomo adapt``."""

    adapter: str = ""
    sources: tuple[str, ...] = ()
    artifacts: str | None = option(
        "-a --artifacts", "DIR", "What Adapter.save wrote: calibrator, policy and the like.", once=True
    )
    log: str | None = option("--audit", "LOG", "Append a line a record to this hash-chained log.", once=True)
    overrides: tuple[str, ...] = option(
        "--override", "CODE=REASON", "Go on despite a finding that stops records; needs --audit.", ()
    )
    by: str = option("--by", "NAME", "Who answers for the overrides.", "")

    @property
    def files(self) -> dict[str, str]:
        return super().files if self.log is None else {**super().files, "--audit": self.log}


def one_of(default: object) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], object]:
    """Make a callback that refuses two values, where both would be meant and click takes the last."""

    def one(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> object:
        if len(set(values)) > 1:
            names = " and ".join(map(repr, dict.fromkeys(values)))
            raise click.UsageError(f"{parameter.opts[0]} takes one value, and is given {names}", ctx)
        return values[0] if values else default

    return one


def column_options(command: F) -> F:
    """Give a command the columns of labelled rows: ``--label`` and ``--input``."""
    inputs = click.option(
        "--input", "input_", metavar="COLUMN", help="The column of the inputs, if its name is not a usual one."
    )
    labels = click.option(
        "--label",
        metavar="COLUMN",
        multiple=True,
        callback=one_of("label"),
        help="The column of the labels; label when left out.",
    )
    return labels(inputs(command))


def options_of(cls: type[JobOptions]) -> Callable[[F], F]:
    """Make a decorator that gives a command the options of a class: its own first, then those of all jobs."""
    fields = sorted(dataclasses.fields(cls), key=lambda field: field.name not in cls.__annotations__)

    def add(command: F) -> F:
        for field in reversed([field for field in fields if field.metadata]):
            settings = dict(field.metadata)
            names = settings.pop("names")
            if settings.pop("once", False):
                settings |= {"multiple": True, "callback": one_of(field.default)}
            elif isinstance(field.default, tuple):
                settings["multiple"] = True
            else:
                settings |= {"default": field.default, "show_default": field.default != ""}
            if isinstance(field.default, bool):
                settings["is_flag"] = True
            command = click.option(*names, field.name, **settings)(command)
        return command

    return add
