"""One input of a command line, and how rows of JSON become inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from duomo.counting import a_type
from duomo.data.rows import parse_json
from duomo.errors import BadInput
from duomo.execution.items import id_of
from duomo.writers.columns import dig


class Item(NamedTuple):
    """One input: what goes to the task, or the error that it is already."""

    label: str
    """What a person knows it by: the path, or the text itself."""
    value: Any
    id: str = ""
    """Its id in the outcome; empty to take the runner's."""


def from_jsonl(name: str, lines: Iterable[bytes | None], field: str) -> Iterator[Item | None]:
    """Yield an item a line; None where the next line has not been written yet."""
    number = 0
    for line in lines:
        number += line is not None
        if line is None or line.strip():
            yield from_json(f"{name}:{number}", line, field) if line else None


def from_json(place: str, line: bytes, field: str) -> Item:
    """Make an item of one JSON value."""
    try:
        return from_record(place, parse_json(line), field)
    except ValueError as error:
        return Item(place, BadInput(f"{place} is not JSON", why=str(error), fix="write one JSON value a line"), place)


def from_record(place: str, record: Any, field: str) -> Item:
    """Make an item of a row, or of a field of it."""
    # What an earlier `duomo run` wrote keeps its id, so that a result can be followed through the chain.
    label = id_of(record) or place
    if not field:
        return Item(label, record, label)
    try:
        value = dig(record, field)
        what, fix = f"the field '{field}' of {place} is empty", "fill it in, or leave the row out"
    except KeyError:
        value = None
        what, fix = f"{place} has no field '{field}'", "--field NAME, with dots"
    if value is None:
        failed = record.get("error") if isinstance(record, dict) else None
        why = f"it has: {', '.join(record)}" if isinstance(record, dict) else f"it is {a_type(record)}"
        if isinstance(failed, dict):
            why = f"the step before failed: {failed.get('what', '')}"
        return Item(label, BadInput(what, why=why, fix=fix), label)
    return Item(label, value, label)


def from_json_file(name: str, content: bytes, field: str) -> Iterator[Item]:
    """Yield an item for each element of a JSON array; anything else, a chat included, is one item."""
    try:
        value = parse_json(content)
    except ValueError as error:
        fix = "name it .jsonl where each line is a JSON value, and .txt where it is a text"
        yield Item(name, BadInput(f"'{name}' is not JSON", why=str(error), fix=fix), name)
        return
    if not isinstance(value, list) or (value and all(isinstance(each, dict) and "role" in each for each in value)):
        yield from_record(name, value, field)
    elif not value:
        yield Item(name, BadInput(f"'{name}' is an empty list", fix="leave it out"), name)
    else:
        for number, record in enumerate(value, 1):
            yield from_record(f"{name}:{number}", record, field)
