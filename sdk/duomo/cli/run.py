"""``duomo run``: a task on whatever the command line names."""

from __future__ import annotations

from typing import Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_run
from duomo.cli.jobs.options import RunOptions, options_of
from duomo.cli.stopping import told_to_end

HELP = """Run a task on files, folders, texts or standard input.

Results are a table on a terminal and JSON lines in a pipe; -o decides, wherever they go. INPUT is a path, a
folder, a glob, a URL or "-" for standard input; a text is given with -t. Standard input is read only for "-", or
when there is no input at all and it is not a terminal. TASK may be left out when -m names a model of one task.

\b
duomo run image-classification cat.jpg photos/ --top-k 3
duomo run text-classification -t "I love it" -t "I hate it"
duomo run automatic-speech-recognition "calls/*.wav" -o csv -O calls.csv
duomo run automatic-speech-recognition calls/ -o srt -O subtitles/
duomo run semantic-search -t "lost card" --param-file corpus=answers.txt
duomo run text-to-speech -t "Hello" -O hello.wav
duomo run object-detection --live rtsp://camera/1 --drop latest -o jsonl
duomo run automatic-speech-recognition call.wav -o jsonl |
    duomo run text-classification --field result.text --input-format jsonl -"""


@click.command("run", help=HELP)
@click.argument("args", nargs=-1, metavar="[TASK] [INPUT]...", shell_complete=complete_run)
@options_of(RunOptions)
@click.pass_context
@told_to_end()
def command(ctx: click.Context, /, **given: Any) -> None:
    """Run a task; the help is above."""
    from duomo.cli.jobs.streaming import stream
    from duomo.cli.jobs.task import TaskJob

    job = TaskJob(ctx.ensure_object(App), ctx, RunOptions(**given))
    if job.options.dry_run:
        job.show_plan()
    elif job.options.live and job.name == "automatic-speech-recognition":
        from duomo.cli.jobs.listening import transcribe

        transcribe(job)
    elif job.options.stream:
        stream(job)
    else:
        job.execute()
    ctx.exit(job.exit_code)
