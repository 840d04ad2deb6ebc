"""The job of ``duomo adapt``: an industry adapter on records."""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import click

from duomo.adapters.adapting import adapt, adapter_class, find_adapter
from duomo.adapters.audit import AuditLog
from duomo.adapters.findings import Override, check_override
from duomo.adapters.results import DomainResult
from duomo.cli.app import App
from duomo.cli.audit import SECRET_VARIABLE
from duomo.cli.jobs.following import LiveInput, record_of
from duomo.cli.jobs.job import Job
from duomo.cli.jobs.options import AdaptOptions
from duomo.cli.jobs.results import View
from duomo.counting import counted
from duomo.data.rows import json_lines
from duomo.errors import UsageProblem
from duomo.outcome import Outcome

_PLAIN = (str, int, float, bool, str | None, int | None, float | None, bool | None)


class RecordsJob(Job[AdaptOptions]):
    """One call of ``duomo adapt``, checked as far as possible before a model is loaded."""

    noun = "records"

    def __init__(self, app: App, ctx: click.Context, options: AdaptOptions) -> None:
        super().__init__(app, ctx, options)
        self.overrides = [_override(each, options.by) for each in options.overrides]
        if self.overrides and not options.log:
            raise UsageProblem(
                "an override needs an audit log", why="going on despite a finding must leave a trace", fix="--audit LOG"
            )
        if self.output == "parquet":
            raise UsageProblem("adapters do not write Parquet", why="a result is a tree", fix="-O out.jsonl")
        self.spec = find_adapter(options.adapter, app.catalog)
        self.name = self.spec.name
        self.counts: Counter[str] = Counter()
        """Records by what was decided."""
        self.findings: Counter[str] = Counter()
        if bool(options.sources) == bool(options.live):
            raise UsageProblem(
                "records and a live source are both named" if options.live else "there is nothing to read",
                why="a run reads files or follows a live source"
                if options.live
                else "no file and no live source is named",
                fix=f"duomo adapt {options.adapter} SRC, or --live SOURCE",
            )
        if options.live:
            self.live = LiveInput(options.live, options.drop, (), record_of)
        self.settle_sink(self._view(), lambda: options.sources)

    def start(self, stack: ExitStack) -> Iterator[Outcome[Any]]:
        options = self.options
        arrivals = self.live.arrivals(stack) if self.live is not None else None
        adapter = stack.enter_context(
            adapt(
                options.adapter,
                model=options.model,
                executor=options.executor,
                device=options.device,
                artifacts=options.artifacts,
                catalog=self.app.catalog,
            )
        )
        # All are opened before the first is read: a name that is mistyped costs no half of a run.
        records = [_stdin() if source == "-" else iter(adapter.read(source)) for source in options.sources]
        secret = os.environ.get(SECRET_VARIABLE, "").encode() or None
        log = stack.enter_context(AuditLog(options.log, secret=secret)) if options.log is not None else None
        self.executor = adapter.runner.executor if adapter.runner is not None else None
        if arrivals is not None:
            from duomo.live import follow

            limits = {"batch_size": options.batch_size, "max_failed": options.max_failed}
            return follow(adapter, arrivals, audit=log, overrides=self.overrides, **limits)
        return adapter.map(
            itertools.chain.from_iterable(records),
            audit=log,
            overrides=self.overrides,
            batch_size=options.batch_size,
            max_failed=options.max_failed,
        )

    def count(self, outcome: Outcome[Any]) -> None:
        super().count(outcome)
        if outcome.error is not None:
            self.counts["failed"] += 1
            return
        assert outcome.result is not None
        decision = outcome.result.decision
        self.counts[decision.outcome if decision is not None else "done"] += 1
        self.findings.update(each.code for each in outcome.result.findings)

    def describe_counts(self) -> str:
        done = self.summary.done
        if not done and self.stopped is not None:
            return ""
        parts = ", ".join(f"{count:,} {name}" for name, count in sorted(self.counts.items()))
        found = ", ".join(f"{code} {count:,}" for code, count in sorted(self.findings.items()))
        words = f"{counted(done, 'record')}: {parts or 'none'}" + (f"; found {found}" if found else "")
        return f"{words}\n{self.spec.disclaimer}" if done and self.spec.disclaimer else words

    def _view(self) -> View:
        """Choose what a table shows: decision, score and the plain fields of the verdict; JSON and CSV have all."""
        payload = adapter_class(self.spec).Output
        chosen = self.options.chosen_fields
        if not chosen and self.output in ("table", "text"):
            plain = [name for name, field in payload.model_fields.items() if field.annotation in _PLAIN]
            chosen = (
                *("id", "decision.outcome", "decision.reason", "score.kind", "score.value"),
                *(f"payload.{name}" for name in plain),
                "error.code" if self.output == "table" else "error.what",  # a table is too narrow for the words
            )
        return View(DomainResult[payload], chosen)  # type: ignore[valid-type]


def _stdin() -> Iterator[Any]:
    if sys.stdin is None:
        raise UsageProblem("standard input is closed", fix="name a file")
    return (row for _, row in json_lines(sys.stdin.buffer, "standard input"))


def _override(text: str, by: str) -> Override:
    code, equals, reason = text.partition("=")
    if not equals or not reason.strip():
        raise UsageProblem(
            f"the override '{text}' has no reason", why="someone has to answer for it", fix='--override CODE="why"'
        )
    override = Override(code, reason.strip(), by)
    check_override(override)  # before a model is loaded
    return override
