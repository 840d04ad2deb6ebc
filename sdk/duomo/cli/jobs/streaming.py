"""``duomo run --stream``: the parts of each result as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from duomo.cli.formats import echo_json
from duomo.errors import UsageProblem

if TYPE_CHECKING:
    from duomo.cli.jobs.job import Run
    from duomo.cli.jobs.sources import Item
    from duomo.runner import Runner


def stream(run: Run) -> None:
    """Write the parts of each result as they come; an input that fails costs no other its result."""
    from duomo.cli.jobs.sinks import open_out
    from duomo.outcome import ItemError, Outcome

    out, in_json = run.options.out, run.output in ("json", "jsonl")
    try:
        with run.load() as runner, open_out(out) as file:
            for index, item in enumerate(item for item in run.items if item is not None):
                name = item.id or str(index)
                head = {"schema": "duomo.part/1", "index": index, "id": name}
                error, begun = None, False
                for part in _parts(run, runner, item):
                    if isinstance(part, ItemError):
                        error = part
                        if in_json:
                            echo_json({**head, "part": None, "error": part.to_dict()}, file=file)
                    elif in_json:
                        echo_json({**head, "part": part.model_dump(mode="json")}, file=file)
                    else:
                        begun = True
                        click.echo(part.text, file=file, nl=False)
                if begun:
                    click.echo(file=file)
                run.count(Outcome(index, name, None, error, runner.meta))
                if error is not None and run.options.fail_fast:
                    break
    except KeyboardInterrupt as stopped:
        run.stopped = stopped
    if out not in (None, "-") and run.summary.done:
        run.app.say(f"wrote {out}")
    run.finish()


def _parts(run: Run, runner: Runner[Any], item: Item) -> Iterator[Any]:
    """The parts of one result, and last what kept it from its end."""
    from duomo.outcome import ItemError

    try:
        if isinstance(item.value, Exception):
            raise item.value
        yield from runner.stream(item.value, **run.params)
    except UsageProblem:  # the model does not stream: nothing that another input would change
        raise
    except Exception as error:
        yield ItemError.of(error)
