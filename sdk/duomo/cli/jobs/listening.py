"""``duomo run automatic-speech-recognition --live``: partial and final transcripts as someone speaks."""

from __future__ import annotations

import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import click

from duomo.cli.formats import to_json
from duomo.cli.jobs.sinks import Console
from duomo.cli.jobs.task import TaskJob
from duomo.cli.tables import is_terminal
from duomo.errors import UsageProblem
from duomo.writers.files import GrowingFile

if TYPE_CHECKING:
    from duomo.live import SpeechEvent


def transcribe(job: TaskJob) -> None:
    """Write events as they come: each a line of JSON, or the finals as text; a terminal shows the partial, too."""
    from duomo.live import Listener, listen
    from duomo.runner import load

    place, in_json = job.place, job.output in ("json", "jsonl")
    if place.is_folder or job.output not in ("text", "json", "jsonl"):
        raise UsageProblem(
            "a live transcript is text or JSON lines, in one place",
            why=f"'{place.out}' is a folder" if place.is_folder else f"the format is {job.output}",
            fix="-o jsonl, or -O transcript.txt",
        )
    assert job.live is not None
    settings: dict[str, Any] = dict(job.params)
    try:
        with ExitStack() as stack:
            arrivals = job.live.arrivals(stack)
            recognize = stack.enter_context(job.load())
            detect = stack.enter_context(load("voice-activity-detection", catalog=job.app.catalog))
            file = stack.enter_context(
                closing(GrowingFile(str(place.out)) if place.is_file else Console(is_json=in_json))
            )
            shown = not in_json and is_terminal(sys.stderr)
            for event in listen(Listener(recognize, detect, **settings), arrivals):
                _write(event, file, in_json, shown)
    except KeyboardInterrupt:
        pass  # the way to end it
    job.app.say(job.live.summary())


def _write(event: SpeechEvent, file: GrowingFile | Console, in_json: bool, shown: bool) -> None:
    """Write one event: in JSON each, as text the finals; where the partial is `shown`, over the one before."""
    if in_json:
        file.write(to_json({"schema": "duomo.speech/1", **event.model_dump()}) + "\n")
    elif event.kind == "final":
        if shown:
            click.echo("\r\x1b[K", err=True, nl=False)
        file.write(event.text + "\n")
    elif event.kind == "partial" and shown:
        click.echo(f"\r\x1b[K{event.text[-76:]}", err=True, nl=False)
