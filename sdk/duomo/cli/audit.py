"""``duomo audit``: whether a log of decisions is as it was written."""

from __future__ import annotations

import os

import click

from duomo.cli.app import App
from duomo.cli.groups import Group
from duomo.cli.output import emit, output_option
from duomo.counting import counted
from duomo.errors import UsageProblem

SECRET_VARIABLE = "DUOMO_AUDIT_KEY"


@click.group("audit", cls=Group)
def command() -> None:
    """Verify the log that an adapter writes."""


@command.command("verify")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...", type=click.Path())
@click.option(
    "--head", metavar="HASH", default="", show_default=False, help="The last hash that was kept somewhere else."
)
@output_option
@click.pass_obj
@click.pass_context
def verify_log(ctx: click.Context, app: App, /, logs: tuple[str, ...], head: str, output: str) -> None:
    """Walk the chain of hashes, and name the first line that was edited, removed, moved or cut off.

    A log with keyed hashes is verified with the key in DUOMO_AUDIT_KEY.
    """
    from duomo.adapters.audit import verify

    if head and len(logs) > 1:
        raise UsageProblem("--head is of one log", why=f"{len(logs)} were named", fix="verify each with its own")
    secret = os.environ.get(SECRET_VARIABLE, "").encode() or None
    verdicts = {log: verify(log, head=head, secret=secret) for log in logs}
    records = [{"log": log, "ok": each.ok, **each._asdict()} for log, each in verdicts.items()]
    columns = {"LOG": "log", "OK": "ok", "LINES": "lines", "PROBLEM": "problem", "HEAD": "head"}
    emit(records, columns, output, schema="duomo.audit/1")
    broken = {log: each for log, each in verdicts.items() if not each.ok}
    for log, each in broken.items():
        app.say(f"{log}: {each.problem}; {counted(each.lines, 'line before is', 'lines before are')} sound")
    for log, each in verdicts.items():
        if each.doubt:
            app.warn(f"{log}: {each.doubt}")
    ctx.exit(1 if broken else 0)
