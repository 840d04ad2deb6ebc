"""The job of ``duomo run``: a task on whatever the command line names."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import glob
import itertools
import os
import sys
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duomo.cli.app import App
from duomo.cli.jobs.arguments import as_text, parse_params, split_task
from duomo.cli.jobs.following import LiveInput, decoder
from duomo.cli.jobs.items import Item
from duomo.cli.jobs.job import Job
from duomo.cli.jobs.options import RunOptions
from duomo.cli.jobs.results import View
from duomo.cli.jobs.sources import Sources
from duomo.cli.output import emit, settle
from duomo.cli.tables import is_terminal
from duomo.errors import UsageProblem
from duomo.execution.base import FLUSH
from duomo.inputs import Table, TextOrImage
from duomo.inputs.pair import Parts
from duomo.resolving import resolve

if TYPE_CHECKING:
    from duomo.execution.resuming.store import RunStore
    from duomo.outcome import Outcome
    from duomo.runner import Runner


class TaskJob(Job[RunOptions]):
    """One call of ``duomo run``, checked as far as possible before the model is loaded."""

    def __init__(self, app: App, ctx: click.Context, options: RunOptions) -> None:
        super().__init__(app, ctx, options)
        self.name, paths = split_task(app, options.args, options.model)
        self.spec = app.catalog.task(self.name)
        self.task_class = resolve(self.spec.target, owner=f"task '{self.name}'")
        self.params = parse_params(options, self.task_class.Options)
        """The task's own options."""
        self.task_class.Options.parse(self.params)
        if options.live:
            self._check_live(paths)
            self.live = LiveInput(
                options.live,
                options.drop,
                self.spec.suffixes,
                decoder(self.task_class.Input, options.field, options.input_format),
            )
        self.sources = Sources() if self.live is not None else self._sources(paths)
        self.settle_sink(View(self.task_class.Result, options.chosen_fields), self.sources.names)
        if options.stream:
            self._check_stream()
        if options.resuming and not self.place.is_file and not self.place.is_folder:
            raise UsageProblem(
                "there is no file to go on with", why="--resume needs to know where results go", fix="-O out.jsonl"
            )
        self.items = iter(()) if self.live is not None else self._first_fetched(self.sources.items())

    def start(self, stack: contextlib.ExitStack) -> Iterator[Outcome[Any]]:
        store = None
        if self.options.resuming:
            from duomo.execution.resuming.store import RunStore

            store = stack.enter_context(RunStore(f"{Path(str(self.place.out))}.duomo", force=self.options.force))
        # Before the model: what is not there costs no loading.
        arrivals = self.live.arrivals(stack) if self.live is not None else None
        runner = stack.enter_context(self.load())
        self.executor = runner.executor
        if arrivals is not None:
            from duomo.live import follow

            options = self.options
            limits = {"batch_size": options.batch_size, "dedupe": options.dedupe, "max_failed": options.max_failed}
            return follow(runner, arrivals, **limits, **self.params)
        return self._outcomes(runner, store)

    def count_items(self) -> int | None:
        return self.sources.count() if self.live is None else None

    def load(self) -> Runner[Any]:
        """Load the model, where and how the options say."""
        from duomo.runner import load

        options = self.options
        many = "," in options.device or options.device.lstrip("+-").isdecimal()
        return load(
            self.name,
            options.model,
            device="auto" if many else options.device,
            devices=options.device if many else None,
            parallel=options.parallel,
            dtype=options.dtype,
            optimize=options.optimize,
            executor=options.executor,
            catalog=self.app.catalog,
        )

    def show_plan(self) -> None:
        """Say which model would run on what, without loading it."""
        from duomo.references import find_weights

        options = self.options
        weights, reference = find_weights(self.name, options.model, self.app.catalog)
        labels = [item.label for item in self.items if item is not None]
        record = {
            "task": self.name,
            "model": reference,
            "plugin": self.app.catalog.plugin_of(weights.spec),
            "weights": str(weights.path) if weights.path else None,
            "executor": self.app.catalog.executor(options.executor).name,
            "device": options.device,
            "parallel": options.parallel,
            "dtype": options.dtype,
            "optimize": options.optimize,
            "batch_size": options.batch_size,
            "options": self.params,
            "out": self.place.out,
            "inputs": len(labels),
            "first_inputs": labels[:5],
        }
        columns = {"TASK": "task", "MODEL": "model", "EXECUTOR": "executor", "DEVICE": "device", "INPUTS": "inputs"}
        output = self.output
        if self.place.out is not None:  # -o is the format of that file, which a dry run does not write
            columns["OUT"] = "out"
            output = settle(click.get_current_context(), "auto")
        emit([record], columns, output, schema="duomo.plan/1")

    def _sources(self, paths: list[str]) -> Sources:
        options, spec = self.options, self.spec
        takes_text = ".txt" in spec.suffixes or issubclass(self.task_class.Input, TextOrImage)
        if options.texts and not takes_text:
            raise UsageProblem(
                f"{self.name} takes no text", why=f"its input is {self.task_class.Input.__name__}", fix=spec.example
            )
        if not (paths or options.lists or options.texts or options.pairs):
            if sys.stdin is None or is_terminal(sys.stdin):
                raise UsageProblem("there is nothing to run on", why="no input was named", fix=spec.example)
            paths = ["-"]
        sources = Sources(
            paths,
            options.lists,
            tuple(map(as_text, options.texts)),
            [(first, _second(self.task_class.Input, second)) for first, second in options.pairs],
            suffixes=spec.suffixes,
            takes_text=takes_text,
            recursive=options.recursive,
            patterns=options.patterns,
            format=options.input_format,
            field=options.field,
            null=options.null,
            whole=options.whole,
        )
        _check_parts(options, paths)
        if options.field and not sources.may_have_rows:
            raise UsageProblem(
                "--field names a part of a row, and no input has rows",
                why="rows are those of .jsonl, .json, .csv, .tsv and .parquet files and of standard input",
                fix="leave out --field; --input-format jsonl or csv says that a file of another name has rows",
            )
        return sources

    def _first_fetched(self, items: Iterator[Item | None]) -> Iterator[Item | None]:
        """Give the same items with the first one fetched, so that no model is loaded for nothing."""
        first = next((item for item in items if item is not None), None)
        if first is None:
            raise UsageProblem(
                "there is nothing to run on", why="standard input or the list is empty", fix=self.spec.example
            )
        return itertools.chain([first], items)

    def _outcomes(self, runner: Runner[Any], store: RunStore | None) -> Iterator[Outcome[Any]]:
        waiting: collections.deque[Item] = collections.deque()
        by_label = self.output == "table" and not self.sink.view.fields

        def values() -> Iterator[Any]:
            for item in self.items:
                if item is None:  # standard input has no more yet
                    yield FLUSH
                else:
                    waiting.append(item)
                    yield item.value

        options = self.options
        for outcome in runner.map(
            values(),
            batch_size=options.batch_size,
            store=store,
            retry_failed=options.retry_failed,
            dedupe=options.dedupe,
            max_failed=options.max_failed,
            **self.params,
        ):
            item = waiting.popleft()
            self.given = item.value
            yield dataclasses.replace(outcome, id=item.label if by_label else item.id or str(outcome.index))

    def _check_live(self, paths: list[str]) -> None:
        """Refuse what a live run cannot do, rather than pass over it."""
        options = self.options
        others = [*paths, *options.lists, *options.texts, *options.pairs]
        if others:
            raise UsageProblem(
                "live sources and ordinary inputs do not go together",
                why=f"{others[0]!r} is an ordinary input",
                fix="run it without --live",
            )
        for name in ("resume", "retry_failed", "force", "stream", "dry_run"):
            if getattr(options, name):
                given = f"--{name.replace('_', '-')}"
                raise UsageProblem(
                    f"--live does not take {given}", why="a live source does not come again", fix=f"leave out {given}"
                )
        for given, about in (
            ("--whole", options.whole),
            ("--null", options.null),
            ("--recursive", options.recursive),
            ("--glob", options.patterns),
        ):
            if about:
                why = "it is about files and standard input"
                raise UsageProblem(f"--live does not take {given}", why=why, fix=f"leave out {given}")

    def _check_stream(self) -> None:
        """Refuse what a stream cannot do, rather than pass over it."""
        if self.place.is_folder or self.output not in ("table", "text", "json", "jsonl"):
            raise UsageProblem(
                "a stream is text or JSON lines, in one place",
                why=f"'{self.place.out}' is a folder" if self.place.is_folder else f"the format is {self.output}",
                fix="--stream -O out.txt, or leave out --stream",
            )
        if self.options.resuming:
            raise UsageProblem("a stream is not kept, so there is nothing to go on with", fix="leave out --stream")
        for name in ("batch_size", "max_failed", "dedupe", "stats", "fields"):
            if getattr(self.options, name) not in (None, False, ""):
                option = f"--{name.replace('_', '-')}"
                raise UsageProblem(
                    f"--stream does not take {option}",
                    why="it writes one input after the other, part by part",
                    fix=f"leave out {option} or --stream",
                )


def _second(kind: type[Any], given: str) -> Any:
    """Read the second of a pair as its input has it: a list of one where it takes a list, the file of a table."""
    part = [*kind.WIRE.values()][1] if issubclass(kind, Parts) else None
    if part is Table:
        return Path(given)
    return [given] if typing.get_origin(part) is list else given


def _check_parts(options: RunOptions, paths: Sequence[str]) -> None:
    """Raise `UsageProblem` for ``--glob``, ``--whole`` and ``--null`` where they are about nothing that is read."""
    if options.patterns and not (options.lists or any(os.path.isdir(path) or glob.has_magic(path) for path in paths)):
        raise UsageProblem(
            "--glob chooses files of a folder, and no folder is named",
            why="a file that is named is read, whatever its name",
            fix="name the folder, or leave out --glob",
        )
    if options.whole and not (options.lists or "-" in paths):
        raise UsageProblem(
            "--whole is about standard input, which is not read",
            why="a file of text is one input anyway",
            fix="leave out --whole, or name - among the inputs",
        )
    lines = "-" in paths and options.input_format == "auto" and not (options.field or options.whole)
    if options.null and not (options.lists or options.input_format == "text" or lines):
        raise UsageProblem(
            "--null is about texts on standard input and paths in a list, and neither is read",
            why="only these are told apart by lines or by NUL",
            fix="leave out --null; --input-format text reads the texts of a file, --from-file LIST the paths of a list",
        )
