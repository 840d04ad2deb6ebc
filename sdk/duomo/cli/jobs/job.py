"""One job of the command line: it runs items through a model, writes the outcomes and reports what failed."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from duomo.cli.app import App, describe
from duomo.cli.jobs.live import Live
from duomo.cli.jobs.options import JobOptions
from duomo.cli.jobs.places import Place, check_apart, check_distinct, check_place
from duomo.cli.jobs.progress import Progress
from duomo.cli.jobs.results import View
from duomo.cli.jobs.sinks import Sink
from duomo.cli.jobs.summary import Summary, summary_line
from duomo.cli.output import settle
from duomo.cli.stopping import code_of
from duomo.errors import CannotWrite, UsageProblem
from duomo.execution.stats import Stats
from duomo.outcome import ItemError, Outcome
from duomo.writers.base import explain_os_errors

if TYPE_CHECKING:
    from duomo.cli.jobs.following import LiveInput
    from duomo.execution.base import Executor

MOST_ERRORS = 10
"""Errors that are described one by one at the end."""
O = TypeVar("O", bound=JobOptions)  # noqa: E741 - the field's letter for options


class Job(ABC, Generic[O]):
    """What ``run`` and ``adapt`` have in common; a subclass says what is loaded and what the items are.

    Args:
        app: the voice and the catalog.
        ctx: the command's context.
        options: what the command line says, checked as far as possible before a model is loaded.
    """

    name: str
    """The task or adapter."""
    noun = "inputs"
    """The word for items in what is said."""
    executor: Executor | None = None
    """The place of the loaded model, where there is one."""

    given: object = None
    """What the outcome that came last is of, where that is at hand."""

    def __init__(self, app: App, ctx: click.Context, options: O) -> None:
        self.app, self.options = app, options
        self.place = Place.of(options.output, options.out, app.catalog)
        self.output = self.place.format
        if self.place.out is None:
            self.output = settle(ctx, self.output)
        elif self.output == "auto":
            self.output = "json" if self.place.is_folder else "jsonl"
        self.summary = Summary()
        self.errors: dict[str, ItemError] = {}
        """The first ones by the id of their item, which are described at the end."""
        self.stopped: BaseException | None = None
        self.complete = False
        """Whether all items were run, whatever their outcomes."""
        self.live: LiveInput | None = None
        """The live sources, where there are some."""
        if options.live and self.output == "table":
            self.output = "text"  # a table is drawn at the end
        if options.csv_safe and self.output != "csv":
            what = f"--csv-safe is about CSV, and the format is {self.output}"
            raise UsageProblem(what, why="nothing else is opened in a spreadsheet", fix="-o csv, or leave it out")
        if options.drop != "all" and not options.live:
            what = "--drop is about live sources, and none is followed"
            raise UsageProblem(what, why="no other input comes too fast", fix="leave it out, or --live SOURCE")

    @abstractmethod
    def start(self, stack: ExitStack) -> Iterator[Outcome[Any]]:
        """Load what is needed, to be closed with `stack`, and give the outcomes, lazily and in order."""

    def count_items(self) -> int | None:
        """Count the items, where that is possible without reading one twice."""
        return None

    def describe_counts(self) -> str:
        """Describe how items ended, for the closing line; empty when there is nothing to say."""
        done = self.summary.done
        retry = "; --retry-failed tries them again" if self.options.resuming else ""
        return f"{self.summary.failed} of {done} {self.noun} failed{retry}" if self.errors and done > 1 else ""

    def settle_sink(self, view: View, inputs: Callable[[], Iterable[str]]) -> None:
        """Settle how results are written. Raises `UsageProblem` where they cannot be, or an input would be lost.

        Args:
            view: how one result is shown.
            inputs: gives the names of all that is read.
        """
        self.place.check_shows(self.name)
        options = self.options
        self.sink = Sink(
            self.place,
            view,
            self.output,
            options.chosen_fields,
            resume=options.resuming,
            csv_safe=options.csv_safe,
            given=lambda _: self.given,
        )
        self.sink.check()
        for name in options.files.values():
            check_place(name)
        written = {**({} if self.place.out is None else {"-O": self.place.out}), **options.files}
        check_distinct(written)
        for out in written.values():
            check_apart(out, inputs(), self.sink.suffix)

    @property
    def exit_code(self) -> int:
        """0 when all worked, 3 when some did, 1 when none did, 130 when interrupted, 143 or 129 by a signal."""
        if isinstance(self.stopped, KeyboardInterrupt):
            return code_of(self.stopped)
        if not self.summary.failed:
            return 0
        return 3 if self.summary.ok else 1

    def execute(self) -> None:
        """Run all items and write their outcomes where they should go."""
        out = self.place.out
        if out is not None and self.place.is_folder:
            os.makedirs(out, exist_ok=True)
        # Where results go on as they come, they are the progress.
        at_the_end = self.output == "table" or out is not None
        written: list[str] = []
        try:
            with Progress(self.app, wanted=at_the_end, to_file=out is not None) as progress, ExitStack() as stack:
                progress.say(f"loading {self.options.model or self.name}")
                outcomes = self.start(stack)
                self.summary.begin(self.count_items() if progress.is_shown else None)
                written = self._write(self._counted(outcomes, progress))
                self._write_summary(progress)
        except KeyboardInterrupt as error:
            self.stopped = error
        if written and self.summary.done:
            self.app.say(f"wrote {written[0]}" + (f" and {len(written) - 1} more" if len(written) > 1 else ""))
        self.finish()

    def count(self, outcome: Outcome[Any]) -> None:
        """Take an outcome into the summary, and its error where it is among the first."""
        self.summary.add(outcome)
        if outcome.error is not None and len(self.errors) < MOST_ERRORS:
            self.errors.setdefault(outcome.id, outcome.error)

    def finish(self) -> None:
        """Say on standard error what failed and what stopped the job; raise what is not an item's own fault."""
        in_json = self.output in ("json", "jsonl") and self.place.out is None
        one = self.noun.removesuffix("s")
        for name, error in self.errors.items():
            if not in_json:
                told = self.summary.done == 1 or f"{os.path.basename(name)}'" in error.what
                which = "" if told else f"{one} {name}"
                click.echo(describe(error, which), err=True, color=self.app.color)
            if self.app.debug:
                click.echo(error.traceback, err=True, nl=False)
        words = self.describe_counts()
        if words:
            self.app.say(words)
        if self.live is not None:
            self.app.say(self.live.summary())
            if isinstance(self.stopped, KeyboardInterrupt):
                self.stopped = None  # the way to end it
        done = self.summary.done
        if isinstance(self.stopped, KeyboardInterrupt):
            again = "; the same command goes on from here" if self.options.resuming else ""
            self.app.say(f"interrupted after {done} {self.noun if done != 1 else one}{again}")
        elif self.stopped is not None:
            raise self.stopped

    def _write(self, outcomes: Iterator[Outcome[Any]]) -> list[str]:
        """Write outcomes where they should go, and give the names of the files."""
        writer = self.sink.open()
        try:
            for outcome in outcomes:
                writer.write(outcome)
        except BaseException:
            with suppress(CannotWrite, OSError):  # what ended the job is what the user should hear of
                writer.close(complete=False)
            raise
        writer.close(complete=self.complete)
        return writer.files

    def _counted(self, outcomes: Iterator[Outcome[Any]], progress: Progress) -> Iterator[Outcome[Any]]:
        """Count outcomes as they come; end early, with what was done so far, when something stops the job."""
        live = Live(self.summary, self.executor)
        try:
            for outcome in outcomes:
                self.count(outcome)
                if self.live is not None:
                    self.live.add(outcome.meta)
                progress.say(live.text)
                yield outcome
                if outcome.error is not None and self.options.fail_fast:
                    return
            self.complete = True
        except (KeyboardInterrupt, Exception) as error:
            self.stopped = error
        finally:
            progress.stop()

    def _write_summary(self, progress: Progress) -> None:
        """Say the closing line where progress was shown, and write the file that ``--stats`` asks for."""
        record = self.summary.record(self.executor.stats() if self.executor is not None else Stats())
        if progress.was_shown and self.summary.done > 1:
            self.app.say(summary_line(record))
        if self.options.stats is not None:
            path = Path(self.options.stats)
            with explain_os_errors(path):
                path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
