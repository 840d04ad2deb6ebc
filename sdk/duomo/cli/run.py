"""``duomo run``: a task on whatever the command line names."""

from __future__ import annotations

from typing import Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_run
from duomo.cli.jobs.options import RunOptions, job_options

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
@click.option("-t", "--text", "texts", metavar="TEXT", multiple=True, help="A literal text; may be given often.")
@click.option(
    "--pair",
    "pairs",
    metavar="A B",
    nargs=2,
    multiple=True,
    help="Two texts or files that are one input, such as a question and the text that answers it.",
)
@click.option("--from-file", "lists", metavar="LIST", multiple=True, help="A file with one path a line.")
@click.option("-r", "--recursive", is_flag=True, help="Look into folders in folders.")
@click.option(
    "--glob",
    "patterns",
    metavar="PATTERN",
    multiple=True,
    help="File names to take from folders; may be given often.",
)
@click.option(
    "-d", "--device", metavar="NAME", default="auto", help="auto, cpu, cuda:0 …; several: a number, or cpu,cpu."
)
@click.option(
    "--parallel", metavar="DIMS", help="Copies and their devices, such as dp=2,tp=2; auto to have it planned."
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
@job_options
@click.option("--dedupe", is_flag=True, help="Compute inputs of equal content once.")
@click.option("--resume", is_flag=True, help="Keep what is done in FILE.duomo, and go on with what is in it already.")
@click.option("--retry-failed", is_flag=True, help="Like --resume, and try again what failed.")
@click.option("--force", is_flag=True, help="Like --resume, and start anew where the model or an option has changed.")
@click.option("--stream", is_flag=True, help="Print a generated text as it is written.")
@click.option("--dry-run", is_flag=True, help="Only show what would run; nothing is written.")
@click.option(
    "--input-format",
    type=click.Choice(["auto", "text", "jsonl", "csv", "bytes"]),
    default="auto",
    help="Of standard input and files.",
)
@click.option(
    "--field",
    metavar="NAME",
    default="",
    show_default=False,
    help="The field of a JSON record or column of a CSV to run on, such as result.text.",
)
@click.option("--null", is_flag=True, help="Texts on standard input and paths in lists end with NUL, not newline.")
@click.option("--whole", is_flag=True, help="Standard input is one text, not one a line.")
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Run a task; the help is above."""
    from duomo.cli.jobs.streaming import stream
    from duomo.cli.jobs.task import TaskJob

    app = ctx.find_object(App)
    assert app is not None
    job = TaskJob(app, ctx, RunOptions(**given))
    if job.options.dry_run:
        job.show_plan()
    elif job.options.stream:
        stream(job)
    else:
        job.execute()
    ctx.exit(job.exit_code)
