"""``duomo run --stream``: the parts of each result as they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from duomo.cli.formats import to_json
from duomo.cli.jobs.items import Item
from duomo.cli.jobs.sinks import Console
from duomo.cli.jobs.task import TaskJob
from duomo.errors import UsageProblem
from duomo.outcome import Failure, ItemError
from duomo.runner import Runner
from duomo.writers.files import GrowingFile


def stream(job: TaskJob) -> None:
    """Write the parts of each result as they come; an input that fails costs no other its result."""
    place, in_json = job.place, job.output in ("json", "jsonl")
    try:
        with (
            job.load() as runner,
            closing(GrowingFile(str(place.out)) if place.is_file else Console(is_json=in_json)) as file,
        ):
            for index, item in enumerate(item for item in job.items if item is not None):
                error = _write(job, runner, file, index, item)
                if error is not None and job.options.fail_fast:
                    break
    except KeyboardInterrupt as stopped:
        job.stopped = stopped
    if place.is_file and job.summary.done:
        job.app.say(f"wrote {place.out}")
    job.finish()


def _write(job: TaskJob, runner: Runner[Any], file: GrowingFile | Console, index: int, item: Item) -> ItemError | None:
    """Write the parts of one result, and return what went wrong with it."""
    name = item.id or str(index)
    head = {"schema": "duomo.part/1", "index": index, "id": name}
    error, begun, in_json = None, False, job.output in ("json", "jsonl")
    for part in _parts(job, runner, item):
        is_error = isinstance(part, ItemError)
        error = part if is_error else error
        if in_json:
            said = {"part": None, "error": part.to_dict()} if is_error else {"part": part.model_dump(mode="json")}
            file.write(to_json({**head, **said}) + "\n")
        elif not is_error:
            begun = True
            file.write(part.text)
    if begun:
        file.write("\n")
    job.count(Failure(index, name, None, error, runner.meta))
    return error


def _parts(job: TaskJob, runner: Runner[Any], item: Item) -> Iterator[Any]:
    """Yield the parts of one result, and last the error that ended it early."""
    try:
        if isinstance(item.value, Exception):
            raise item.value
        yield from runner.stream(item.value, **job.params)
    except UsageProblem:  # the model does not stream: nothing that another input would change
        raise
    except Exception as error:
        yield ItemError.of(error)
