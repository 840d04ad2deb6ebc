"""One call of ``duomo run``: what its options settle, the run itself, and what is said about it."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duomo.cli.app import App, describe
from duomo.cli.jobs.arguments import parse_params, split_task
from duomo.cli.jobs.options import JobOptions
from duomo.cli.output import FORMATS, emit, settle
from duomo.cli.tables import is_terminal
from duomo.errors import UsageProblem, nearest

if TYPE_CHECKING:
    from duomo.cli.jobs.progress import Progress
    from duomo.cli.jobs.results import View
    from duomo.cli.jobs.sinks import Shown
    from duomo.cli.jobs.sources import Item
    from duomo.execution.resuming.store import RunStore
    from duomo.outcome import ItemError, Outcome
    from duomo.runner import Runner

_MOST_ERRORS = 10


class Run:
    """One call of ``duomo run``, checked as far as possible before the model is loaded."""

    def __init__(self, app: App, ctx: click.Context, options: JobOptions) -> None:
        from duomo.catalog import resolve
        from duomo.cli.jobs.results import View
        from duomo.cli.jobs.sinks import SUFFIXES
        from duomo.cli.jobs.summary import Summary

        self.app, self.options = app, options
        out, named = options.out, options.output
        self.to_folder = out is not None and (out.endswith((os.sep, os.altsep or os.sep)) or os.path.isdir(out))
        suffix = os.path.splitext(out or "")[1].lower()
        if out is not None and named == "auto":
            named = SUFFIXES.get(suffix, "auto")
        self.renderer = None if named in (*FORMATS, "parquet") else self._renderer(named)
        self.may_be_blob = out is not None and named == "auto"
        if out is None:
            self.output = settle(ctx, named)
        else:
            self.output = named if named != "auto" else "json" if self.to_folder else "jsonl"
        self.task, paths = split_task(app, options.args, options.model)
        spec = app.catalog.task(self.task)
        self.task_class = resolve(spec.target, owner=f"task '{self.task}'")
        self.params = parse_params(options)
        self.task_class.Options.parse(self.params)
        self.view: View = View(self.task_class.Result, options.chosen_fields)
        self.resuming = options.resuming
        self._check_out(suffix)
        self.items = self._items(paths, spec.suffixes)
        self.summary = Summary()
        self.errors: list[ItemError] = []
        """The first ones, to be told about at the end."""
        self.stopped: BaseException | None = None
        self.complete = False
        """Whether all inputs were run, however they fared."""

    @property
    def exit_code(self) -> int:
        """0 when all worked, 3 when some did, 1 when none did, 130 when interrupted."""
        if isinstance(self.stopped, KeyboardInterrupt):
            return 130
        if not self.summary.failed:
            return 0
        return 3 if self.summary.ok else 1

    @property
    def _writes_blobs(self) -> bool:
        return self.may_be_blob and bool(self.view.blob) and not self.view.fields

    def execute(self) -> None:
        """Run all items and write their outcomes where they should go."""
        from duomo.cli.jobs.progress import Progress

        out, output = self.options.out, self.output
        if out is not None and self.to_folder:
            os.makedirs(out, exist_ok=True)
        written: list[str] = []
        # Where results go on as they come, they are the progress.
        at_the_end = output == "table" or out is not None
        try:
            with Progress(self.app, wanted=at_the_end, to_file=out is not None) as progress:
                progress.say(f"loading {self.options.model or self.task}")
                with self._open_store() as store, self.load() as runner:
                    self.summary.begin(self._count_items() if progress.is_shown else None)
                    written = self._write(self._shown(runner, store, progress))
                    self._write_summary(runner, progress)
        except KeyboardInterrupt as error:
            self.stopped = error
        if written and self.summary.done:
            self.app.say(f"wrote {written[0]}" + (f" and {len(written) - 1} more" if len(written) > 1 else ""))
        self.finish()

    def _write(self, shown: Iterator[Shown]) -> list[str]:
        """Write outcomes where they should go; the names of the files written."""
        from duomo.cli.jobs import sinks
        from duomo.writers.files import GrowingFile

        out = self.options.out
        if self._writes_blobs:
            assert out is not None
            return list(sinks.write_blobs(shown, self.view, out, many=self.to_folder))
        if self.to_folder:
            assert out is not None
            return list(sinks.write_each(shown, self.view, out, self.output))
        if self.output == "parquet":
            assert out is not None
            return [sinks.write_parquet(shown, self.task_class.Result, out, lambda: self.complete)]
        with sinks.open_out(out, resume=self.resuming) as file:
            if self.renderer is not None:
                sinks.render(shown, self.renderer, file)
            else:
                sinks.write(shown, self.view, self.output, file)
            if isinstance(file, GrowingFile) and self.complete:
                file.cut()
        return [out] if out not in (None, "-") else []

    def show_plan(self) -> None:
        """Say which model would run on what, without loading it."""
        from duomo.references import find_weights

        weights, reference = find_weights(self.task, self.options.model, self.app.catalog)
        labels = [item.label for item in self.items if item is not None]
        place = self.app.catalog.executor(self.options.executor)
        record = {
            "task": self.task,
            "model": reference,
            "plugin": self.app.catalog.plugin_of(weights.spec),
            "weights": str(weights.path) if weights.path else None,
            "executor": place.name,
            "device": self.options.device,
            "parallel": self.options.parallel,
            "dtype": self.options.dtype,
            "optimize": self.options.optimize,
            "batch_size": self.options.batch_size,
            "options": self.params,
            "out": self.options.out,
            "inputs": len(labels),
            "first_inputs": labels[:5],
        }
        columns = {"TASK": "task", "MODEL": "model", "EXECUTOR": "executor", "DEVICE": "device", "INPUTS": "inputs"}
        if self.options.out is not None:  # -o is the format of that file, which a dry run does not write
            columns["OUT"] = "out"
        output = self.output if self.options.out is None else settle(click.get_current_context(), "auto")
        emit([record], columns, output, schema="duomo.plan/1")

    def _check_out(self, suffix: str) -> None:
        """Refuse what a file's kind does not allow, and a place that cannot be written to."""
        from duomo.cli.jobs.sinks import SUFFIXES, check_place

        out = self.options.out
        for place in (None if self.to_folder else out, self.options.stats):
            if place not in (None, "-"):
                check_place(place)
        blob = f".{self.view.blob}" if self.view.blob else ""
        if self.may_be_blob and out != "-" and not self.to_folder and (not blob or suffix != blob):
            raise UsageProblem(
                f"'{out}' does not say in which format to write",
                why=f"its ending is none of {', '.join(filter(None, (blob, *SUFFIXES)))}",
                fix="-o FORMAT says it",
            )
        if self.options.stream:
            self._check_stream()
        if self.resuming and out in (None, "-"):
            raise UsageProblem(
                "there is no file to go on with", why="--resume needs to know where results go", fix="-O out.jsonl"
            )
        if self.output == "parquet" and (self.view.fields or self.to_folder):
            raise UsageProblem("Parquet holds whole outcomes, all in one file", fix="-O out.csv takes --fields")

    def _check_stream(self) -> None:
        """Refuse what a stream cannot do, rather than pass over it."""
        if self.to_folder or self.output not in ("table", "text", "json", "jsonl"):
            raise UsageProblem(
                "a stream is text or JSON lines, in one place",
                why=f"'{self.options.out}' is a folder" if self.to_folder else f"the format is {self.output}",
                fix="--stream -O out.txt, or leave out --stream",
            )
        if self.resuming:
            raise UsageProblem("a stream is not kept, so there is nothing to go on with", fix="leave out --stream")
        for name in ("batch_size", "max_failed", "dedupe", "stats", "fields"):
            if getattr(self.options, name) not in (None, False, ""):
                option = f"--{name.replace('_', '-')}"
                raise UsageProblem(
                    f"--stream does not take {option}",
                    why="it writes one input after the other, part by part",
                    fix=f"leave out {option} or --stream",
                )

    def _open_store(self) -> contextlib.AbstractContextManager[RunStore | None]:
        if not self.resuming:
            return contextlib.nullcontext()
        from duomo.execution.resuming.store import RunStore

        return RunStore(f"{Path(self.options.out or '')}.duomo", force=self.options.force)

    def load(self) -> Runner[Any]:
        """The model, where and how the options say."""
        from duomo.runner import load

        options = self.options
        many = "," in options.device or options.device.lstrip("+-").isdigit()
        return load(
            self.task,
            options.model,
            device="auto" if many else options.device,
            devices=options.device if many else None,
            parallel=options.parallel,
            dtype=options.dtype,
            optimize=options.optimize,
            executor=options.executor,
            catalog=self.app.catalog,
        )

    def _items(self, paths: list[str], suffixes: tuple[str, ...]) -> Iterator[Item | None]:
        """The inputs; the first is fetched, since a model should not be loaded for nothing."""
        from duomo.cli.jobs.sinks import check_apart, suffix_of
        from duomo.cli.jobs.sources import Reading, count, gather, names
        from duomo.inputs import TextOrImage

        options = self.options
        takes_text = ".txt" in suffixes or issubclass(self.task_class.Input, TextOrImage)
        if options.texts and not takes_text:
            raise UsageProblem(
                f"{self.task} takes no text",
                why=f"its input is {self.task_class.Input.__name__}",
                fix=self.app.catalog.task(self.task).example,
            )
        example = self.app.catalog.task(self.task).example
        if not (paths or options.lists or options.texts):
            if sys.stdin is None or is_terminal(sys.stdin):
                raise UsageProblem("there is nothing to run on", why="no input was named", fix=example)
            paths = ["-"]
        reading = Reading(
            suffixes,
            takes_text,
            options.recursive,
            options.pattern,
            options.input_format,
            options.field,
            options.null,
            options.whole,
        )
        suffix = "" if not self.to_folder else f".{self.view.blob}" if self._writes_blobs else suffix_of(self.output)
        for place in filter(None, (options.out, options.stats)):
            check_apart(place, itertools.chain(options.lists, names(paths, options.lists, reading)), suffix)
        self._count_items: Callable[[], int | None] = lambda: count(paths, options.lists, options.texts, reading)
        items = gather(paths, options.lists, options.texts, reading)
        first = next((item for item in items if item is not None), None)
        if first is None:
            raise UsageProblem("there is nothing to run on", why="standard input or the list is empty", fix=example)
        return itertools.chain([first], items)

    def _shown(self, runner: Runner[Any], store: RunStore | None, progress: Progress) -> Iterator[Shown]:
        """Outcomes as they come; ends early, with what was done so far, when something stops the run."""
        from duomo.cli.jobs.live import Live
        from duomo.cli.jobs.sinks import Shown
        from duomo.execution.base import FLUSH

        live = Live(self.summary, runner.executor)
        waiting: collections.deque[Item] = collections.deque()

        def values() -> Iterator[Any]:
            for item in self.items:
                if item is None:  # standard input has no more yet
                    yield FLUSH
                else:
                    waiting.append(item)
                    yield item.value

        try:
            outcomes = runner.map(
                values(),
                batch_size=self.options.batch_size,
                store=store,
                retry_failed=self.options.retry_failed,
                dedupe=self.options.dedupe,
                max_failed=self.options.max_failed,
                **self.params,
            )
            for outcome in outcomes:
                item = waiting.popleft()
                outcome = dataclasses.replace(outcome, id=item.id or str(outcome.index))
                self.count(outcome)
                progress.say(live.text)
                yield Shown(item.label, outcome)
                if outcome.error is not None and self.options.fail_fast:
                    return
            self.complete = True
        except (KeyboardInterrupt, Exception) as error:
            self.stopped = error
        finally:
            progress.stop()

    def count(self, outcome: Outcome[Any]) -> None:
        """Take an outcome into the summary, and its error where it is among the first."""
        self.summary.add(outcome)
        if outcome.error is not None and len(self.errors) < _MOST_ERRORS:
            self.errors.append(outcome.error)

    def _write_summary(self, runner: Runner[Any], progress: Progress) -> None:
        """The closing line where progress was shown, and the file that ``--stats`` asks for."""
        from duomo.cli.jobs.summary import summary_line

        record = self.summary.record(runner.executor.stats())
        if progress.was_shown and self.summary.done > 1:
            self.app.say(summary_line(record))
        if self.options.stats:
            with open(self.options.stats, "w", encoding="utf-8") as file:
                json.dump(record, file, indent=1)
                file.write("\n")

    def finish(self) -> None:
        """Say on standard error what failed and what stopped the run; raise what is no item's own fault."""
        in_json = self.output in ("json", "jsonl") and self.options.out is None
        for error in self.errors:
            if not in_json:
                click.echo(describe(error), err=True, color=self.app.color)
            if self.app.debug:
                click.echo(error.traceback, err=True, nl=False)
        done = self.summary.done
        if self.errors and done > 1:
            retry = "; --retry-failed tries them again" if self.resuming else ""
            self.app.say(f"{self.summary.failed} of {done} inputs failed{retry}")
        if isinstance(self.stopped, KeyboardInterrupt):
            again = "; the same command goes on from here" if self.resuming else ""
            self.app.say(f"interrupted after {done} input{'s' if done != 1 else ''}{again}")
        elif self.stopped is not None:
            raise self.stopped

    def _renderer(self, name: str) -> Any:
        from duomo.catalog import resolve

        known = self.app.catalog.renderers
        if name not in known:
            near = nearest(name, [*FORMATS, *known])
            raise UsageProblem(
                f"no output format '{name}'",
                why=f"there are: {', '.join([*FORMATS, *known])}",
                fix=f"-o {near[0] if near else 'auto'}",
            )
        return resolve(known[name].target, owner=f"renderer '{name}'")
