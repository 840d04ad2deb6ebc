"""``duomo doctor``: what is wrong with this installation, and how to fix it."""

from __future__ import annotations

import click

from duomo.cli.app import App
from duomo.cli.output import emit, output_option
from duomo.cli.plugins import catalog_regardless

_MARKS = {"ok": "ok", "warn": "warn", "fail": "FAIL"}


@click.command("doctor")
@output_option
@click.pass_obj
@click.pass_context
def command(ctx: click.Context, app: App, /, output: str) -> None:
    """What is wrong with this installation, and how to fix it.

    Exit code 1 when something must be fixed; warnings alone give 0.
    """
    from duomo.doctor import examine

    checks = [check._asdict() for check in examine(catalog_regardless(app))]
    columns = {"": lambda check: _MARKS.get(check["status"], "?"), "CHECK": "name", "DETAIL": "detail", "FIX": "fix"}
    emit(checks, columns, output, schema="duomo.check/1", whole=True)
    failed = sum(check["status"] == "fail" for check in checks)
    warned = sum(check["status"] == "warn" for check in checks)
    app.say(f"{len(checks)} checks: {failed} failed, {warned} with a warning")
    ctx.exit(1 if failed else 0)
