"""JSON and CSV on a stream, types of JSON schemas as text, and searches by words."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click


def to_json(value: object, indent: int | None = None) -> str:
    """Write a value as JSON, readable and not escaped."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=indent)


def echo_json(value: object, *, indent: int | None = None) -> None:
    """Write a value as JSON to standard output."""
    click.echo(for_stdout(to_json(value, indent)))


def for_stdout(text: str) -> str:
    """Escape letters beyond ASCII in JSON text where standard output is not UTF-8, as JSON must be."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if text.isascii() or codecs.lookup(encoding).name == "utf-8":
        return text
    import json

    return "".join(char if char.isascii() else json.dumps(char)[1:-1] for char in text)


def write_csv(header: list[str], rows: Iterable[list[str]]) -> None:
    """Write CSV to standard output, one row at a time, headings in lower case."""
    import csv

    class Line:
        def write(self, text: str) -> int:
            click.echo(text.removesuffix("\r\n"))
            return len(text)

    # With this line end csv puts a lone \r in quotes as well; with \n alone it would break the line.
    writer = csv.writer(Line(), lineterminator="\r\n")
    writer.writerow([name.lower() for name in header])
    writer.writerows(rows)


def kind_of(field: Mapping[str, Any]) -> str:
    """Describe the type of a field of a JSON schema."""
    if "enum" in field:
        return "|".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " or ".join(kind_of(each) for each in field["anyOf"] if each.get("type") != "null")
    if field.get("type") == "array":
        return f"list of {kind_of(field['items'])}" if "items" in field else "list"
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    return str(field.get("type", "any"))


def has_words(query: str, *texts: str) -> bool:
    """Check that all words of a query are in the texts."""
    text = " ".join(texts).lower()
    return all(word in text for word in query.lower().split())
