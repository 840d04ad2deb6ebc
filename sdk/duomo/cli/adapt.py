"""``duomo adapt``: an industry adapter on records, with findings, decisions and an audit log."""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from duomo.cli.app import App, describe
from duomo.cli.complete import complete_adapters, complete_executors, complete_models
from duomo.cli.output import FORMATS, settle
from duomo.errors import UsageProblem

if TYPE_CHECKING:
    from duomo.adapters.adapter import Adapter
    from duomo.adapters.audit import AuditLog
    from duomo.adapters.findings import Override
    from duomo.cli.jobs.results import View
    from duomo.cli.jobs.sinks import Shown

_MOST_ERRORS = 10
HELP = """Run an industry adapter on records.

SRC is whatever the adapter reads (duomo adapters show ADAPTER): a table as .csv, .jsonl or .parquet, a folder of
images, or "-" for JSON lines on standard input. A record that cannot be used, or that a finding stops, costs no
other record its result. Results support a decision; they do not make it.

\b
duomo adapt finance/credit-score applications.csv -a fitted/ -o scores.jsonl
duomo adapt finance/credit-score applications.csv -a fitted/ --audit decisions.log
duomo adapt medical/dicom-gateway scans/ --override PHI.PIXEL="checked by eye, ticket 41" --audit gateway.log"""


@click.command("adapt", help=HELP)
@click.argument("adapter", shell_complete=complete_adapters)
@click.argument("sources", nargs=-1, required=True, metavar="SRC...")
@click.option("-m", "--model", metavar="NAME", shell_complete=complete_models, help="The model of the adapter's task.")
@click.option(
    "-x", "--executor", metavar="NAME", default="inline", shell_complete=complete_executors, help="Where it runs."
)
@click.option("-d", "--device", metavar="NAME", default="auto", help="auto, cpu, cuda:0 …")
@click.option("-b", "--batch-size", metavar="N", type=click.IntRange(1), help="Records scored together at most.")
@click.option("-a", "--artifacts", metavar="DIR", help="What Adapter.save wrote: calibrator, policy and the like.")
@click.option("--audit", "log", metavar="LOG", help="Append a line a record to this hash-chained log.")
@click.option(
    "--override",
    "overrides",
    metavar="CODE=REASON",
    multiple=True,
    help="Go on despite a finding that stops records; needs --audit.",
)
@click.option("--by", metavar="NAME", default="", show_default=False, help="Who answers for the overrides.")
@click.option("--max-failed", metavar="N", type=click.IntRange(0), help="Stop when more records than this have failed.")
@click.option("--fields", metavar="A,B", default="", show_default=False, help="Only these, such as id,payload.pd.")
@click.option(
    "-o", "--output", metavar="FORMAT|FILE", default="auto", envvar="DUOMO_OUTPUT", help=f"{', '.join(FORMATS)}."
)
@click.option("-O", "--out", metavar="FILE", help="Write there, in the format of its suffix.")
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Run an adapter; the help is above."""
    from duomo.adapters.adapting import adapt
    from duomo.adapters.audit import AuditLog
    from duomo.cli.audit import SECRET_VARIABLE
    from duomo.cli.jobs import sinks

    app = ctx.find_object(App)
    assert app is not None
    output, out = _place(ctx, given["output"], given["out"])
    if out is not None:
        sinks.check_apart(out, given["sources"])
    overrides = [_override(each, given["by"]) for each in given["overrides"]]
    if overrides and not given["log"]:
        raise UsageProblem(
            "an override needs an audit log", why="going on despite a finding must leave a trace", fix="--audit LOG"
        )
    with ExitStack() as stack:
        adapter = stack.enter_context(
            adapt(
                given["adapter"],
                model=given["model"],
                executor=given["executor"],
                device=given["device"],
                artifacts=given["artifacts"],
                catalog=app.catalog,
            )
        )
        # All are opened before the first is read: a name that is mistyped costs no half of a run.
        items = itertools.chain.from_iterable([_items(adapter, source) for source in given["sources"]])
        secret = os.environ.get(SECRET_VARIABLE, "").encode() or None
        log = stack.enter_context(AuditLog(given["log"], secret=secret)) if given["log"] else None
        view = _view(adapter, given["fields"], output)
        run = _Run(app, adapter, in_json=output in ("json", "jsonl") and out is None)
        file = stack.enter_context(sinks.open_out(out))
        sinks.write(run.shown(items, log, overrides, given), view, output, file)
    ctx.exit(run.finish())


class _Run:
    """Counts what records came to, while they pass."""

    def __init__(self, app: App, adapter: Adapter[Any, Any], *, in_json: bool) -> None:
        self.app, self.adapter, self.in_json = app, adapter, in_json
        self.counts: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        self.stopped: Exception | None = None

    def shown(
        self, items: Iterator[Any], log: AuditLog | None, overrides: list[Override], given: dict[str, Any]
    ) -> Iterator[Shown]:
        """Outcomes as they come; ends early, with what was done so far, when something stops the run."""
        from duomo.cli.jobs.sinks import Shown

        try:
            for outcome in self.adapter.map(
                items,
                audit=log,
                overrides=overrides,
                batch_size=given["batch_size"],
                max_failed=given["max_failed"],
            ):
                self._count(outcome)
                yield Shown(outcome.id, outcome)
        except Exception as error:
            self.stopped = error

    def _count(self, outcome: Any) -> None:
        if outcome.error is not None:
            self.counts["failed"] += 1
            if not self.in_json and self.counts["failed"] <= _MOST_ERRORS:
                click.echo(describe(outcome.error), err=True, color=self.app.color)
            return
        decision = outcome.result.decision
        self.counts[decision.outcome if decision is not None else "done"] += 1
        self.findings.update(each.code for each in outcome.result.findings)

    def finish(self) -> int:
        """Say what it came to; 0 when all records have a result, 3 when some have, 1 when none has."""
        total = self.counts.total()
        parts = [f"{count} {name}" for name, count in sorted(self.counts.items())]
        found = ", ".join(f"{code} {count}" for code, count in sorted(self.findings.items()))
        if total or self.stopped is None:
            self.app.say(f"{total} records: {', '.join(parts) or 'none'}" + (f"; found {found}" if found else ""))
        if total and self.adapter.spec.disclaimer:
            self.app.say(self.adapter.spec.disclaimer)
        if self.stopped is not None:
            raise self.stopped
        if not self.counts["failed"]:
            return 0
        return 3 if self.counts["failed"] < total else 1


def _items(adapter: Adapter[Any, Any], source: str) -> Iterator[Any]:
    if source != "-":
        return iter(adapter.read(source))
    from duomo.data.rows import json_lines

    if sys.stdin is None:
        raise UsageProblem("standard input is closed", fix="name a file")
    return json_lines(sys.stdin.buffer, "standard input")


def _view(adapter: Adapter[Any, Any], fields: str, output: str) -> View:
    """JSON has everything; a table has decision, score and the plain fields of the verdict."""
    from duomo.adapters.results import DomainResult
    from duomo.cli.jobs.results import View

    chosen = tuple(name.strip() for name in fields.split(",") if name.strip())
    if not chosen and output not in ("json", "jsonl"):
        plain = [name for name, field in adapter.Output.model_fields.items() if field.annotation in _PLAIN]
        chosen = (
            *("id", "decision.outcome", "decision.reason", "score.kind", "score.value"),
            *(f"payload.{name}" for name in plain),
            "error.code" if output == "table" else "error.what",  # a table is too narrow, and the words are said aloud
        )
    return View(DomainResult[adapter.Output], chosen)  # type: ignore[name-defined]


_PLAIN = (str, int, float, bool, str | None, int | None, float | None, bool | None)


def _place(ctx: click.Context, output: str, out: str | None) -> tuple[str, str | None]:
    """Format and file; ``-o out.jsonl`` is as good as ``-O out.jsonl``."""
    from duomo.cli.jobs.sinks import SUFFIXES, check_place

    if output not in FORMATS:
        if Path(output).suffix not in SUFFIXES or out is not None:
            raise UsageProblem(
                f"no output format '{output}'", why=f"there are: {', '.join(FORMATS)}, or a file", fix="-o out.jsonl"
            )
        output, out = "auto", output
    if out is not None and out != "-":
        check_place(out)
        by_name = SUFFIXES.get(Path(out).suffix, "jsonl")
        if by_name == "parquet":
            raise UsageProblem("adapters do not write Parquet", why="a result is a tree", fix="-O out.jsonl")
        output = by_name if output == "auto" else output
        return output, out
    return settle(ctx, output), None


def _override(text: str, by: str) -> Override:
    from duomo.adapters.findings import Override, check_override

    code, equals, reason = text.partition("=")
    if not equals or not reason.strip():
        raise UsageProblem(
            f"the override '{text}' has no reason", why="somebody has to answer for it", fix='--override CODE="why"'
        )
    override = Override(code, reason.strip(), by)
    check_override(override)  # before a model is loaded
    return override
