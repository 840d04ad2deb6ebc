"""``duomo evaluate``: how good a model is on rows with labels."""

from __future__ import annotations

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_models
from duomo.cli.formats import echo_json
from duomo.cli.jobs.options import column_options
from duomo.cli.output import settle
from duomo.counting import counted


@click.command("evaluate")
@click.argument("task")
@click.argument("data")
@click.option(
    "-m", "--model", metavar="NAME", required=True, shell_complete=complete_models, help="dir:FOLDER, or a name."
)
@column_options
@click.option("-d", "--device", metavar="NAME", default="auto", help="auto, cpu, cuda:0 …")
@click.option("-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json for programs.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    task: str,
    data: str,
    model: str,
    label: str,
    input_: str | None,
    device: str,
    output: str,
) -> None:
    """Score a model on rows with labels.

    Each score has the interval in which it lies with 95 % confidence.

    \b
    duomo evaluate text-classification test.csv --label stars -m dir:stars/
    """
    from duomo.cli.train import show_scores
    from duomo.training.checking import evaluate
    from duomo.training.journal import json_safe

    settle(ctx, output)
    app: App = ctx.obj
    found = evaluate(task, data, model=model, label=label, input=input_, device=device, catalog=app.catalog)
    if output == "json":
        scores = {name: each._asdict() for name, each in found.scores.items()}
        left = [vars(each) for each in found.left_out]
        counts = {"rows": found.num_rows, "truncated": found.truncated, "cut_off": found.cut_off}
        echo_json(json_safe({"task": task, "model": model, **counts, "scores": scores, "left_out": left}), indent=2)
        return
    show_scores(found.scores)
    if found.truncated:
        longer = counted(found.truncated, "input is", "inputs are")
        click.echo(f"{longer} longer than the model reads: the beginning is used", err=True)
    if found.cut_off:
        click.echo(f"the label of {counted(found.cut_off, 'row')} lies behind it, and counts as none", err=True)
    for each in found.left_out[:10]:
        click.echo(f"left out: {each.id}: {each.what}", err=True)
