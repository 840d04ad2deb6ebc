"""How commands show records: a table for people, JSON, CSV or text for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from duomo.cli.app import App
from duomo.cli.formats import echo_json, write_csv
from duomo.cli.tables import is_terminal, table, table_width

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMATS = ("auto", "table", "json", "jsonl", "csv", "text")
Record = Mapping[str, Any]
Columns = Mapping[str, Any]
"""Heading → the record's key, or a function of the record that gives the cell."""
F = TypeVar("F", bound=Callable[..., Any])


def output_option(command: F) -> F:
    """Add ``-o/--output`` to a command that calls `emit`; the value it gets is never ``auto``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="auto",
        envvar="DUOMO_OUTPUT",
        callback=lambda ctx, _option, value: settle(ctx, value),
        help="auto is a table on a terminal and jsonl in a pipe.",
    )(command)


def settle(ctx: click.Context, chosen: str) -> str:
    """Choose the format that ``auto`` means here; errors of this call follow it."""
    if chosen == "auto":
        chosen = "table" if is_terminal(sys.stdout) else "jsonl"
    app = ctx.find_object(App)
    if app is not None:
        app.output = chosen
    return chosen


def emit(
    records: Iterable[Record],
    columns: Columns,
    output: str,
    *,
    schema: str,
    empty: str = "nothing",
    whole: bool = False,
) -> None:
    """Show records on standard output.

    Args:
        records: JSON-safe; read lazily, and with ``jsonl``, ``csv`` and ``text`` shown one by one.
        columns: of a table and of CSV; the first one is what ``text`` shows, and all where it is a mark, without a
            heading, which alone says nothing.
        output: as `output_option` gives it.
        schema: name and version of the records' shape, such as ``duomo.model/1``; put first in JSON.
        empty: said on standard error where a table or text would have no rows.
        whole: no cell of a table is cut: what does not fit stands below its row.
    """
    if output == "jsonl":
        for record in records:
            echo_json({"schema": schema, **record})
    elif output == "json":
        echo_json([{"schema": schema, **record} for record in records], indent=2)
    elif output == "csv":
        write_csv(list(columns), ([cell(record, each) for each in columns.values()] for record in records))
    elif output == "text":
        shown = 0
        for record in records:
            click.echo(_in_a_line(record, columns))
            shown += 1
        if not shown:
            _say(empty)
    else:
        rows = [[cell(record, each) for each in columns.values()] for record in records]
        if not rows:
            _say(empty)
            return
        click.echo(table(list(columns), rows, width=table_width(), whole=whole))


def _in_a_line(record: Record, columns: Columns) -> str:
    first, *others = (cell(record, each) for each in columns.values())
    return first if next(iter(columns)) else f"{first} {': '.join(filter(None, others))}"


def _say(words: str) -> None:
    ctx = click.get_current_context(silent=True)
    app = (ctx.find_object(App) if ctx is not None else None) or App()
    app.say(words)


def cell(record: Mapping[str, Any], column: str | Callable[[Any], Any]) -> str:
    """Format one cell as text: nothing for None, ``yes`` and ``no``, lists joined by commas."""
    value = column(record) if callable(column) else record[column]
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return str(value)
