"""``duomo run``: a task on whatever the command line names."""

from __future__ import annotations

from typing import Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_executors, complete_models, complete_run
from duomo.cli.output import FORMATS

HELP = """Run a task on files, folders, texts or standard input.

Results are a table on a terminal and JSON lines in a pipe; -o decides, wherever they go. INPUT is a path, a
folder, a glob, a URL or "-" for standard input; a text is given with -t. Standard input is read only for "-", or
when there is no input at all and it is not a terminal. TASK may be left out when -m names a model of one task.

\b
duomo run image-classification cat.jpg photos/ --top-k 3
duomo run text-classification -t "I love it" -t "I hate it"
duomo run automatic-speech-recognition "calls/*.wav" -o csv -O calls.csv
duomo run text-to-speech -t "Hello" -O hello.wav
duomo run automatic-speech-recognition call.wav -o jsonl |
    duomo run text-classification --field result.text --input-format jsonl -"""


@click.command("run", help=HELP)
@click.argument("args", nargs=-1, metavar="[TASK] [INPUT]...", shell_complete=complete_run)
@click.option(
    "-m", "--model", metavar="NAME", shell_complete=complete_models, help="plugin/thing, hf:org/name or dir:PATH."
)
@click.option("-t", "--text", "texts", metavar="TEXT", multiple=True, help="A literal text; may be given often.")
@click.option("--from-file", "lists", metavar="LIST", multiple=True, help="A file with one path a line.")
@click.option("-r", "--recursive", is_flag=True, help="Look into folders in folders.")
@click.option(
    "--glob", "pattern", metavar="PATTERN", default="", show_default=False, help="File names to take from folders."
)
@click.option(
    "-x", "--executor", metavar="NAME", default="inline", shell_complete=complete_executors, help="Where it runs."
)
@click.option(
    "-d", "--device", metavar="NAME", default="auto", help="auto, cpu, cuda:0 …; several: a number, or cpu,cpu."
)
@click.option(
    "--parallel", metavar="DIMS", help="Copies and their devices, such as dp=2,tp=2; auto to have it planned."
)
@click.option(
    "-b", "--batch-size", metavar="N", type=click.IntRange(1), help="Items in one forward pass; the model's own."
)
@click.option("--dtype", metavar="NAME", default="auto", help="auto, float32, bfloat16 or float16.")
@click.option(
    "--optimize",
    metavar="MODE",
    default="none",
    help="A speed mode: none (exact), compile, bf16, int8, onnx or openvino.",
)
@click.option("--top-k", metavar="N", type=int, help="Short for -p top_k=N.")
@click.option("--seed", metavar="N", type=int, help="Short for -p seed=N.")
@click.option("--long", metavar="POLICY", help="Short for -p long=POLICY: error, truncate or window.")
@click.option(
    "-p", "--param", "params", metavar="KEY=VALUE", multiple=True, help="An option of the task; JSON or text."
)
@click.option(
    "-o",
    "--output",
    metavar="FORMAT",
    default="auto",
    envvar="DUOMO_OUTPUT",
    help=f"{', '.join(FORMATS)}, or a plugin's.",
)
@click.option(
    "-O",
    "--out",
    metavar="FILE|DIR",
    help="Write there, in the format of its suffix; a folder gets a file for each input.",
)
@click.option(
    "--fields", metavar="A,B", default="", show_default=False, help="Only these fields, such as id,text or meta.ms."
)
@click.option("--fail-fast/--keep-going", help="Stop at the first input that fails.")
@click.option("--max-failed", metavar="N", type=click.IntRange(0), help="Stop when more inputs than this have failed.")
@click.option("--dedupe", is_flag=True, help="Compute inputs of equal content once.")
@click.option("--stats", metavar="FILE", help="Write what the run came to as JSON: rates, times, failures, padding.")
@click.option("--resume", is_flag=True, help="Keep what is done in FILE.duomo, and go on with what is in it already.")
@click.option("--retry-failed", is_flag=True, help="Like --resume, and try again what failed.")
@click.option("--force", is_flag=True, help="Like --resume, and start anew where the model or an option has changed.")
@click.option("--stream", is_flag=True, help="Print a generated text as it is written.")
@click.option("--dry-run", is_flag=True, help="Only show what would run; nothing is written.")
@click.option(
    "--input-format",
    type=click.Choice(["auto", "text", "jsonl", "bytes"]),
    default="auto",
    help="Of standard input and files.",
)
@click.option(
    "--field",
    metavar="NAME",
    default="",
    show_default=False,
    help="The field of a JSON record to run on, such as result.text.",
)
@click.option("--null", is_flag=True, help="Texts on standard input and paths in lists end with NUL, not newline.")
@click.option("--whole", is_flag=True, help="Standard input is one text, not one a line.")
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Run a task; the help is above."""
    from duomo.cli.jobs.job import Run
    from duomo.cli.jobs.options import JobOptions
    from duomo.cli.jobs.streaming import stream

    app = ctx.find_object(App)
    assert app is not None
    run = Run(app, ctx, JobOptions(**given))
    if run.options.dry_run:
        run.show_plan()
    elif run.options.stream:
        stream(run)
    else:
        run.execute()
    ctx.exit(run.exit_code)
