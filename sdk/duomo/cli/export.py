"""``duomo export``: a model as a folder that runs without torch."""

from __future__ import annotations

from pathlib import Path

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_models
from duomo.cli.formats import echo_json
from duomo.cli.numbers import Finite
from duomo.cli.output import settle
from duomo.cli.stopping import told_to_end


@click.command("export")
@click.argument("model", shell_complete=complete_models)
@click.option("-O", "--out", metavar="FOLDER", required=True, help="The folder to write, which must not exist yet.")
@click.option("--task", metavar="NAME", help="The task, for a model of several; its first when left out.")
@click.option("--format", "form", type=click.Choice(["onnx", "openvino"]), default="onnx", help="The runtime's format.")
@click.option("--int8", is_flag=True, help="Matrix products with 8-bit weights: smaller, and other results.")
@click.option(
    "--on",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A real input to compare on; may be given several times. For tasks on texts, a file with one a line.",
)
@click.option(
    "--tolerance",
    metavar="N",
    type=Finite(0),
    help="How far results may move; when left out 0.001, of images 0.005, with int8 0.1.",
)
@click.option("-o", "--output", type=click.Choice(["auto", "text", "json"]), default="auto", help="json for programs.")
@click.pass_context
@told_to_end()
def command(
    ctx: click.Context,
    /,
    model: str,
    out: str,
    task: str | None,
    form: str,
    int8: bool,
    on: tuple[Path, ...],
    tolerance: float | None,
    output: str,
) -> None:
    """Write MODEL as a folder that runs without torch.

    The folder is loaded and compared with the original on real input before it is given out; the difference and both
    speeds are in its duomo.json. It is a model for every executor and for the server: -m dir:FOLDER.

    \b
    duomo export nlp/minilm -O minilm/
    duomo export vision/efficientnet-lite0 -O lite0/ --format openvino --on cat.jpg --on dog.jpg
    duomo export nlp/minilm -O small/ --int8 --on texts.txt --tolerance 0.3
    """
    from duomo.counting import counted
    from duomo.data.rows import text_lines
    from duomo.export import export
    from duomo.inputs.source import check_file

    settle(ctx, output)
    app: App = ctx.obj
    items: list[object] = []
    for path in on:
        if path.suffix == ".txt":
            items += text_lines(check_file(path, "text"))
        else:
            items.append(path)
    app.say(f"exporting {model}")
    made = export(model, out, task=task, format=form, int8=int8, on=items, tolerance=tolerance, catalog=app.catalog)
    original, artefact = made.ms
    if output == "json":
        echo_json({"folder": str(made.folder), "bytes": made.bytes, **made.record}, indent=2)
        return
    click.echo(f"{made.folder}: {made.bytes / 1e6:.1f} MB, read by {made.record['model']}")
    click.echo(f"results moved by {made.difference:.2g} of their largest value")
    if made.truncated:
        longer = counted(made.truncated, "input is", "inputs are")
        click.echo(f"{longer} longer than the model reads: the part that it reads was compared")
    click.echo(f"{artefact:.3g} ms an input; {original:.3g} ms before")
    click.echo(f"use it: duomo run {made.record['task']} … -m {made.reference}")
