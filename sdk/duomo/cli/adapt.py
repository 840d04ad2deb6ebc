"""``duomo adapt``: an industry adapter on records, with findings, decisions and an audit log."""

from __future__ import annotations

from typing import Any

import click

from duomo.cli.app import App
from duomo.cli.complete import complete_adapters
from duomo.cli.jobs.options import AdaptOptions, options_of
from duomo.cli.stopping import told_to_end

HELP = """Run an industry adapter on records.

SRC is whatever the adapter reads (duomo adapters show ADAPTER): a table as .csv, .jsonl or .parquet, a folder of
images, or "-" for JSON lines on standard input. A record that cannot be used, or that a finding stops, costs no
other record its result. Results support a decision; they do not make it.

\b
duomo adapt finance/credit-score applications.csv -a fitted/ -o scores.jsonl
duomo adapt finance/credit-score applications.csv -a fitted/ --audit decisions.log
duomo adapt ops/sensor-anomaly -a fitted/ --live mqtt://broker/plant/+/sensors -o jsonl
duomo adapt medical/dicom-gateway scans/ --override PHI.PIXEL="checked by eye, ticket 41" --audit gateway.log"""


@click.command("adapt", help=HELP)
@click.argument("adapter", shell_complete=complete_adapters)
@click.argument("sources", nargs=-1, metavar="[SRC]...")
@options_of(AdaptOptions)
@click.pass_context
@told_to_end()
def command(ctx: click.Context, /, **given: Any) -> None:
    """Run an adapter; the help is above."""
    from duomo.cli.jobs.records import RecordsJob

    job = RecordsJob(ctx.ensure_object(App), ctx, AdaptOptions(**given))
    job.execute()
    ctx.exit(job.exit_code)
