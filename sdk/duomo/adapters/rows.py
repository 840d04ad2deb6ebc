"""From files to rows, and from a row to a record: CSV, JSON lines and Parquet, one row at a time."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

from duomo.adapters.faults import first_of
from duomo.adapters.findings import Finding, find
from duomo.adapters.records import Record, Source, pseudonym
from duomo.errors import BadInput, DuomoError, InputMissing, InputUnreadable, UsageProblem, nearest

if TYPE_CHECKING:
    from duomo.adapters.adapter import Adapter


def read_rows(source: str | os.PathLike[str]) -> Iterator[Any]:
    """Rows of a ``.csv``, ``.jsonl`` or ``.parquet`` file as dicts, or the error of a row that is lost.

    Cells of a CSV are texts, and an empty one is None. Raises `InputMissing`, `InputUnreadable` or `UsageProblem`.
    """
    path = Path(source)
    read = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}.get(path.suffix.lower())
    if not path.is_file():
        raise InputMissing(f"no file '{path}'", why="rows are read from a file", fix="check the name")
    if read is None:
        raise UsageProblem(
            f"'{path.name}' has no known format", why="rows come from .csv, .jsonl or .parquet", fix="convert it"
        )
    return read(path)


def accept(adapter: Adapter[Any, Any], item: Any, position: int) -> Record[Any]:
    """An item of `Adapter.map` as a record: what is one already passes, and what is lost raises its error."""
    if isinstance(item, DuomoError):
        raise item
    return item if isinstance(item, Record) else adapter.record(item, position)


def to_record(adapter: Adapter[Any, Any], value: Any, position: int) -> Record[Any]:
    """A row by the adapter's `Input` and field names."""
    if not isinstance(value, Mapping):
        if adapter.Input is None or isinstance(value, adapter.Input):
            return Record(value, key=str(position))
        raise BadInput(
            f"record {position} is a {type(value).__name__}",
            why=f"'{adapter.spec.name}' takes a row (a dict), a Record, or a {adapter.Input.__name__}",
            fix=f"duomo adapters show {adapter.spec.name}",
        )
    row = dict(value)
    name = row.get(adapter.key_field) if adapter.key_field else None
    key = str(position) if name is None else str(name)  # an empty cell names nobody
    if adapter.is_private and name is not None:
        key = pseudonym(key, adapter.secret)
    group = row.get(adapter.group_field) if adapter.group_field else None
    if group is not None:
        group = pseudonym(str(group), adapter.secret) if adapter.is_private else str(group)
    protected = {name: row.pop(name) for name in adapter.protected if name in row}
    label = row.pop(adapter.label_field, None) if adapter.label_field else None
    time = _time(row.get(adapter.time_field), key, adapter.time_field) if adapter.time_field else None
    payload, findings = _payload(adapter, row, key)
    return Record(
        payload, key, group, time, protected=protected, label=label, source=Source(format="row"), findings=findings
    )


def _payload(adapter: Adapter[Any, Any], row: dict[str, Any], key: str) -> tuple[Any, tuple[Finding, ...]]:
    cls = adapter.Input
    if cls is None:
        return row, ()
    if not (isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)):
        return cls(**row), ()
    # An empty cell is no value: fields with a default take it, the others are missing.
    row = {name: each for name, each in row.items() if each is not None}
    known = _names(cls)
    try:
        payload = cls.model_validate({name: each for name, each in row.items() if known is None or name in known})
    except pydantic.ValidationError as error:
        raise _refused(error, tuple(row), key) from None
    slips = _slips(cls, frozenset(row))
    return payload, tuple(find("INPUT.MISSING_COLUMN", text, field=field, record=key, severity="warn")
                          for field, text in slips)  # fmt: skip


def _refused(error: pydantic.ValidationError, columns: tuple[str, ...], key: str) -> BadInput:
    """The first thing that is wrong with a row, without its value: it may be about a person."""
    kind, field, words = first_of(error)
    field = field or "the record"
    if kind == "missing":
        near = nearest(field, columns, 1)
        return BadInput(
            f"INPUT.MISSING_COLUMN: record '{key}' has no '{field}'",
            why=f"the closest column is '{near[0]}'" if near else "the adapter cannot do without it",
            fix=f"rename '{near[0]}' to '{field}'" if near else f"add a column '{field}'",
        )
    return BadInput(f"record '{key}': '{field}' cannot be used", why=words, fix=f"correct '{field}'")


@functools.cache
def _names(cls: type[pydantic.BaseModel]) -> frozenset[str] | None:
    """The columns a payload is made of; a table may have others. None for a class that takes all."""
    if cls.model_config.get("extra") == "allow":
        return None
    return frozenset(cls.model_fields) | frozenset(_aliases(cls).values())


def _aliases(cls: type[pydantic.BaseModel]) -> dict[str, str]:
    """Field → the column it is read from, where that has another name."""
    found = {name: field.validation_alias for name, field in cls.model_fields.items()}
    return {name: alias for name, alias in found.items() if isinstance(alias, str)}


@functools.lru_cache(maxsize=256)
def _slips(cls: type[pydantic.BaseModel], columns: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Optional fields that are absent while a column of nearly the same name is there and used by nobody."""
    aliases = _aliases(cls)
    absent = {name for name in cls.model_fields if name not in columns and aliases.get(name) not in columns}
    unused = columns - set(cls.model_fields) - set(aliases.values())
    found = [(field, nearest(field, unused, 1)) for field in sorted(absent)] if unused else []
    return tuple((field, f"no '{field}'; is '{near[0]}' meant?") for field, near in found if near)


def _time(value: Any, key: str, field: str) -> dt.datetime | None:
    if value is None or isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    try:
        return dt.datetime.fromisoformat(str(value))
    except ValueError:
        raise BadInput(
            f"record '{key}': '{field}' is no time",
            why="times are written as 2026-03-01T12:00:00",
            fix=f"correct '{field}'",
        ) from None


def _csv(path: Path) -> Iterator[Any]:
    # A byte that is no UTF-8 is kept as a lone surrogate: it costs its own row, not the rest of the file.
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        rows = csv.DictReader(file)
        number = 1
        try:
            _check_header(rows.fieldnames or (), path.name)
            for number, row in enumerate(rows, 2):
                if None in row or None in row.values():
                    width = len(rows.fieldnames or ())
                    yield BadInput(
                        f"INPUT.UNREADABLE: row {number} has more or fewer cells than the header",
                        why=f"the header has {width}",
                        fix="put texts with commas in quotes",
                    )
                elif not _is_text(row.values()):
                    yield BadInput(
                        f"INPUT.UNREADABLE: row {number} is not UTF-8",
                        why="a byte in it is no text in that encoding",
                        fix="save the file as UTF-8",
                    )
                else:
                    yield {name: cell if cell != "" else None for name, cell in row.items()}
        except csv.Error as error:
            # The rest cannot be trusted, but what came before stands.
            yield _unreadable(path.name, f"row {number}: {type(error).__name__}")


def _check_header(names: Sequence[str], file: str) -> None:
    if not _is_text(names):
        raise InputUnreadable(f"INPUT.UNREADABLE: the header of '{file}' is not UTF-8", fix="save the file as UTF-8")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(
            f"'{file}' has two columns '{twice}'", why="which of them is meant cannot be told", fix="rename one"
        )


def _is_text(cells: Iterable[str]) -> bool:
    text = "".join(cells)
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _jsonl(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        yield from json_lines(file, path.name)


def json_lines(lines: Iterable[bytes], name: str) -> Iterator[Any]:
    """A row for each line of JSON, or the error of one that is none."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield (
            row
            if isinstance(row, dict)
            else BadInput(
                f"INPUT.UNREADABLE: a line of '{name}' is lost",
                why=f"line {number} is no JSON object",
                fix="one object a line",
            )
        )


def _parquet(path: Path) -> Iterator[Any]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError:
        from duomo.errors import RequirementMissing

        raise RequirementMissing("Parquet needs pyarrow", why="not installed", fix="pip install pyarrow") from None
    try:
        for batch in parquet.ParquetFile(path).iter_batches(1024):
            yield from batch.to_pylist()
    except ArrowInvalid as error:
        yield _unreadable(path.name, type(error).__name__)


def _unreadable(name: str, why: str) -> InputUnreadable:
    return InputUnreadable(f"INPUT.UNREADABLE: '{name}' cannot be read further", why=why, fix="check the file")
