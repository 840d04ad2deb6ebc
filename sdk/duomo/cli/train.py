"""``duomo train``: labelled rows to a model folder."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_models
from duomo.cli.formats import echo_json
from duomo.cli.jobs.options import column_options
from duomo.cli.numbers import Finite
from duomo.cli.output import settle
from duomo.cli.stopping import told_to_end
from duomo.counting import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from duomo.data.examples import Finding
    from duomo.training.checking import Checked
    from duomo.training.fit import Fit
    from duomo.training.fitting import Progress as At
    from duomo.training.intervals import Interval

SHOWN = 10


@click.command("train")
@click.argument("task")
@click.argument("data")
@click.option("-O", "--out", metavar="FOLDER", help="Where the trained model is written; --check needs none.")
@click.option(
    "-m", "--model", metavar="NAME", shell_complete=complete_models, help="What to start from; the task's default."
)
@click.option("--pretrain", is_flag=True, help="Start from random numbers, with the task's first architecture.")
@click.option("--architecture", metavar="NAME", default="", help="Start from random numbers: llama, bert, cnn, mlp …")
@click.option("--size", metavar="NAME", default="", help="Size of that architecture; the smallest when left out.")
@column_options
@click.option("--train", metavar="WHAT", default="head", help="head, all, lora, or a number of upper layers.")
@click.option(
    "--validation",
    metavar="SHARE|DATA",
    default="0.2",
    help="Share of the rows that is held out, or other data to score on.",
)
@click.option("--epochs", metavar="N", type=int, help="Times that each row is read; 3 when left out.")
@click.option("--batch", metavar="N", type=int, help="Rows of one update; 16 when left out.")
@click.option(
    "--lr",
    metavar="RATE",
    type=Finite(0, min_open=True),
    help="Highest learning rate; 1e-3 for a head, 5e-5 otherwise.",
)
@click.option("--seed", metavar="N", type=int, help="Seed of the order, of dropout and of new layers; 0 when left out.")
@click.option("--max-failed", metavar="N", type=int, help="Most rows that may be unusable; 20 when left out.")
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Another setting, such as clip=null.",
)
@click.option("-d", "--device", metavar="NAME", default="auto", help="auto, cpu, cuda:0 …; several: cpu,cpu.")
@click.option("--parallel", metavar="DIMS", help="dp=2: copies; tp=2: shared layers; pp=2: stages; or dp=2,tp=2.")
@click.option("--shard", is_flag=True, help="Copies share out parameters and the optimiser's state.")
@click.option("-x", "--executor", metavar="NAME", default="local", help="Where the processes run: local or ray.")
@click.option("--resume", is_flag=True, help="Go on with a training that was stopped.")
@click.option("--check", is_flag=True, help="Read and check the rows, and take no step.")
@click.option("-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json for programs.")
@click.pass_context
@told_to_end()
def command(ctx: click.Context, /, task: str, data: str, out: str | None, output: str, **given: Any) -> None:
    """Train a model on rows with labels.

    DATA is a file of rows, or a folder with a class for each folder in it. FOLDER is then a model:
    duomo run TASK -m dir:FOLDER. Beside it lie card.md with the scores, log.jsonl and the rows it finds hardest.

    \b
    duomo train text-classification reviews.csv --label stars -O stars/
    duomo train image-classification birds/ --train 2 --epochs 10 -O birds-model/
    duomo train text-classification reviews.csv --label stars --check
    duomo train tabular-classification churn.csv --label left -O churn/
    duomo train text-generation corpus/ --architecture llama --size small -O tiny-llama/
    """
    from pathlib import Path

    from duomo.training.fitting import finetune
    from duomo.training.pretraining import pretrain
    from duomo.training.request import Request

    settle(ctx, output)
    app: App = ctx.obj
    is_new = bool(given["pretrain"] or given["architecture"] or given["size"])
    if is_new and given["model"] is not None:
        raise click.UsageError(
            "--model says where to start, and --pretrain, --architecture and --size start without weights"
        )
    if is_new and ctx.get_parameter_source("train") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--train chooses layers of a trained model, and a new one is trained whole")
    what = {
        "task": task, "data": data, "label": given["label"], "input": given["input_"], "model": given["model"],
        "train": _train(given["train"]), "validation": _validation(given["validation"]), "device": given["device"],
        "recipe": _recipe(given),
    }  # fmt: skip
    if given["check"]:
        from duomo.training.checking import check

        scratch = (given["architecture"], given["size"]) if is_new else None
        _show_checked(check(Request(**what, out=Path(out or ""), scratch=scratch), app.catalog), output)
        return
    if out is None:
        raise click.MissingParameter(ctx=ctx, param_type="option", param_hint="'-O' / '--out'")
    several = {"devices": what["device"]} if "," in given["device"] else {}
    what |= {"parallel": given["parallel"], "shard": given["shard"], "executor": given["executor"], **several}
    if is_new:
        for name in ("model", "train"):
            del what[name]
        what |= {"architecture": given["architecture"], "size": given["size"]}
    with _followed(app, Path(out)) as step:
        fit = (pretrain if is_new else finetune)(
            **what, out=out, resume=given["resume"], catalog=app.catalog, on_step=step
        )
    if output == "json":
        echo_json(fit.to_dict(), indent=2)
    else:
        _show_fit(fit)


@contextlib.contextmanager
def _followed(app: App, out: Path) -> Iterator[Callable[[At], None]]:
    """Show each step of a training, and say how to go on with one that is stopped."""
    shown = _Shown(app)
    try:
        yield shown.step
    except KeyboardInterrupt:
        shown.close()
        if (out / "checkpoints").is_dir():
            app.say(f"the same command with --resume goes on with what is in '{out}'")
        raise
    finally:
        shown.close()


class _Shown:
    """A line on standard error that follows a training."""

    def __init__(self, app: App) -> None:
        from duomo.cli.jobs.progress import Progress

        self._app = app
        self._progress = Progress(app, wanted=True, to_file=True)
        self._progress.__enter__()
        self._epoch = 0
        self._began: float | None = None
        self._first = 0

    def step(self, at: At) -> None:
        """Show where it is."""
        if self._began is None:
            self._began, self._first = time.perf_counter(), at.step
        self._progress.say(lambda: self._line(at))
        is_new, self._epoch = at.epoch != self._epoch, at.epoch
        if self._app.verbose > 1 or (self._app.verbose and (is_new or at.step == at.total)):
            self._app.say(self._line(at))

    def _line(self, at: At) -> str:
        seconds = time.perf_counter() - (self._began or 0.0)
        done = max(1, at.step - self._first)
        left = seconds / done * (at.total - at.step)
        scores = "".join(f" · {name} {value:.3f}" for name, value in at.scores.items() if name != "loss")
        rate = f"{at.rows / max(seconds, 1e-6):,.0f} rows/s"
        where = f"epoch {at.epoch}/{at.epochs} · step {at.step}/{at.total}"
        return f"{where} · loss {at.loss:.4f}{scores} · {rate} · {left:.0f} s left"

    def close(self) -> None:
        """Clear the line."""
        self._progress.stop()


def _train(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _validation(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _recipe(given: dict[str, Any]) -> Any:
    import json

    from duomo.errors import UsageProblem
    from duomo.training.recipe import Recipe

    values = {name: given[name] for name in ("epochs", "batch", "lr", "seed", "max_failed") if given[name] is not None}
    for setting in given["settings"]:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageProblem(
                f"'{setting}' is not NAME=VALUE", why="a setting of the recipe has both", fix="--set schedule=cosine"
            )
        if name in values:
            option = f"--{name.replace('_', '-')}"
            why = f"by {option} and by --set" if given.get(name) is not None else "--set says it two times"
            raise UsageProblem(f"the setting '{name}' is given twice", why=why, fix="leave out one of them")
        values[name] = text
        for read in (json.loads, float):  # a person writes .1, too
            with contextlib.suppress(ValueError):
                values[name] = read(text)
                break
    return Recipe(**values)


def _show_checked(checked: Checked, output: str) -> None:
    if output == "json":
        record = checked._asdict()
        record["findings"] = [each._asdict() for each in checked.findings]
        record["left_out"] = [vars(each) for each in checked.left_out]
        echo_json(record, indent=2)
        return
    trained = counted(checked.trained, "row")
    click.echo(f"{trained} to train on, {checked.held_out:,} held out, {len(checked.left_out):,} left out")
    if checked.labels:
        click.echo(f"labels: {', '.join(checked.labels)}")
    _show_findings(checked.findings)
    for left in checked.left_out[:SHOWN]:
        click.echo(f"left out: {left.id}: {left.what}")


def _show_findings(findings: Iterable[Finding], *, err: bool = False) -> None:
    for finding in findings:
        click.echo(f"{finding.level}: {finding.what}", err=err)
        for name, text in (("why", finding.why), ("fix", finding.fix), ("rows", ", ".join(finding.rows))):
            if text:
                click.echo(f"  {name}: {text}", err=err)


def _show_fit(fit: Fit) -> None:
    show_scores(fit.metrics)
    rows = fit.rows
    click.echo(f"{counted(rows.trained, 'row')} trained, {rows.validated:,} held out, {len(rows.left_out):,} left out")
    _show_findings(fit.findings, err=True)
    for left in rows.left_out[:SHOWN]:
        click.echo(f"left out: {left.id}: {left.what}", err=True)
    click.echo(f"duomo run {fit.task} -m dir:{fit.folder} …", file=sys.stdout)


def show_scores(scores: dict[str, Interval]) -> None:
    """Print scores with their intervals."""
    for name, each in scores.items():
        click.echo(f"{name:<20} {each.shown}  ({each.bounds}, of {each.num_rows:,})")
