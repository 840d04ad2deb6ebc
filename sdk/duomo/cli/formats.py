"""JSON and CSV on a stream."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable
from typing import IO, Any

import click


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON as we write it everywhere: readable, not escaped."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=indent)


def echo_json(value: Any, *, indent: int | None = None, file: IO[Any] | None = None) -> None:
    """Write a value as JSON to a file, or to standard output."""
    text = to_json(value, indent)
    click.echo(for_stdout(text) if file is None else text, file=file)


def for_stdout(text: str) -> str:
    """JSON text with its letters beyond ASCII escaped where standard output is not UTF-8, as JSON must be."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if text.isascii() or codecs.lookup(encoding).name == "utf-8":
        return text
    import json

    return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)


def write_csv(header: list[str], rows: Iterable[list[str]], file: IO[Any] | None = None) -> None:
    """CSV, one row at a time, headings in lower case; to standard output without a file."""
    import csv

    class Line:
        def write(self, text: str) -> int:
            click.echo(text.removesuffix("\r\n"), file=file)
            return len(text)

    # With this line end csv puts a lone \r in quotes as well; with \n alone it would break the line.
    writer = csv.writer(Line(), lineterminator="\r\n")
    writer.writerow([name.lower() for name in header])
    writer.writerows(rows)
