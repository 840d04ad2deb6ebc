"""Outcomes in a file as they come: JSON lines, CSV and Parquet, each of which can go on after a run was killed.

    with open_writer("out.jsonl", runner.task.Result, resume=True) as writer:
        for outcome in runner.map(items, store="out.store"):
            writer.write(outcome)

A text file is made equal to what an uninterrupted run would write: what it has already is compared with
what is written, and kept as far as it agrees (see `GrowingFile`). Parquet has its index at the end, so it
is written beside its place and moved there when it is complete.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from duomo.errors import CannotWrite, RequirementMissing, UsageProblem
from duomo.outcome import Meta, Outcome
from duomo.tasks.base import Result

PARQUET_ROWS = 64
"""Rows are turned into Arrow's columns in so many at a time …"""
PARQUET_BYTES = 32 * 1024**2
"""… and written as a row group when they take so much memory."""


class Writer(ABC):
    """Writes outcomes; use it in a ``with``. Raises `CannotWrite` when the disk is full or the place read-only."""

    @abstractmethod
    def write(self, outcome: Outcome[Any]) -> None:
        """Add the next outcome."""

    @abstractmethod
    def close(self, *, complete: bool = True) -> None:
        """End the file; `complete` says whether all outcomes of the run are in it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            with contextlib.suppress(CannotWrite):  # what ended the run is what the user should hear of
                self.close(complete=False)


class GrowingFile:
    """A text file that is written from its beginning, and keeps of an earlier one what agrees with that.

    Whatever is written is compared with what the file has at that place, and passed over when it is the
    same. Where they differ first (a line torn by a kill, an item that was tried again), the file is cut
    there and written on. So it never has a row twice, and never less than the rows both agree on.
    """

    def __init__(self, path: str | os.PathLike[str], *, resume: bool = False) -> None:
        self.path = Path(path)
        self._behind = resume and self.path.exists()
        """Whether more of the earlier file may lie ahead."""
        with _explained(self.path):
            self._file = open(self.path, "r+b" if self._behind else "wb")  # noqa: SIM115 - closed by close()

    def write(self, text: str | bytes) -> int:
        """Write on, or find it written; what is written is with the operating system at once."""
        # A file's name need not be valid text; what becomes of its bad bytes, \udcff, is how JSON writes them.
        data = text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")
        with _explained(self.path):
            if self._behind:
                data = self._differing(data)
            if data:
                self._file.write(data)
                self._file.flush()
        return len(text)

    def flush(self) -> None:
        """Nothing: `write` holds nothing back."""

    def cut(self) -> None:
        """Say that no more will come: what an earlier run wrote beyond this place is cut off."""
        with _explained(self.path):
            if self._behind:
                self._file.truncate(self._file.tell())

    def close(self) -> None:
        """Close it; after a run that did not come to its end, rows of an earlier one stay."""
        with _explained(self.path):
            self._file.close()

    def _differing(self, data: bytes) -> bytes:
        """Nothing where the file has `data` at this place; else `data`, and the file is cut off here."""
        start = self._file.tell()
        if self._file.read(len(data)) == data:
            return b""
        self._file.seek(start)
        self._file.truncate()
        self._behind = False
        return data


class JsonlWriter(Writer):
    """One JSON object a line, as `Outcome.to_json` gives it."""

    def __init__(self, path: str | os.PathLike[str], result: type[Result], *, resume: bool = False) -> None:
        del result  # the lines say all themselves
        self._file = GrowingFile(path, resume=resume)

    def write(self, outcome: Outcome[Any]) -> None:
        self._file.write(outcome.to_json() + "\n")

    def close(self, *, complete: bool = True) -> None:
        if complete:
            self._file.cut()
        self._file.close()


class CsvWriter(Writer):
    """One line an item, by RFC 4180, under headings that the result class alone decides.

    Results in results become columns of their own (``box.xmin``); lists are JSON in one cell. A result
    with a best part (``top``) has its fields as columns first, since that is what a spreadsheet wants.
    """

    def __init__(self, path: str | os.PathLike[str], result: type[Result], *, resume: bool = False) -> None:
        self._columns = [name for name, _ in _columns(result)]
        self._top = [f"top.{name}" for name, _ in _columns(_class_of_top(result))]
        self._line = io.StringIO()
        # With this line end csv puts both \r and \n in quotes; with \n alone a lone \r would break the line.
        self._csv = csv.writer(self._line, lineterminator="\r\n")
        self._file = GrowingFile(path, resume=resume)
        self._write_row(["index", "id", "ok", *self._top, *self._columns, "error.code", "error.what", "model", "ms"])

    def write(self, outcome: Outcome[Any]) -> None:
        record = outcome.to_dict()
        values = {"top": None, **(record["result"] or {})}
        if self._top and outcome.result is not None:
            with contextlib.suppress(IndexError):  # nothing found has no best
                values["top"] = json.loads(outcome.result.top.model_dump_json())
        error = record["error"] or {"code": None, "what": None}
        cells = [_dig(values, name) for name in [*self._top, *self._columns]]
        meta = record["meta"]
        row = [outcome.index, outcome.id, outcome.ok, *cells, error["code"], error["what"], meta["model"], meta["ms"]]
        self._write_row([_cell(value) for value in row])

    def close(self, *, complete: bool = True) -> None:
        if complete:
            self._file.cut()
        self._file.close()

    def _write_row(self, row: list[str]) -> None:
        self._csv.writerow(row)
        self._file.write(self._line.getvalue())
        self._line.seek(0)
        self._line.truncate()


class ParquetWriter(Writer):
    """The columns of the JSON lines, typed: ``index``, ``id``, ``ok`` and the structs ``result``, ``error``, ``meta``.

    Until it is complete the file is ``NAME.partial`` beside its place; that is what a run that did not
    come to its end leaves, and a finished file of an earlier run stays as it was.
    """

    def __init__(self, path: str | os.PathLike[str], result: type[Result], *, resume: bool = False) -> None:
        del resume  # it is written anew, from the store
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise RequirementMissing(
                "writing Parquet needs pyarrow", why="it is not installed", fix="pip install 'duomo[parquet]'"
            ) from None
        self._arrow = pyarrow
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        """The file until it is complete."""
        self._schema = _arrow_schema(pyarrow, result)
        self._rows: list[dict[str, Any]] = []
        self._batches: list[Any] = []
        self._num_bytes = 0
        with _explained(self.path):
            self._sink = open(self.partial, "wb")  # noqa: SIM115 - closed by close()
            self._file = pyarrow.parquet.ParquetWriter(self._sink, self._schema)

    def write(self, outcome: Outcome[Any]) -> None:
        row = dataclasses.replace(outcome, result=None).to_dict()
        row["result"] = None if outcome.result is None else outcome.result.model_dump()  # bytes stay bytes
        self._rows.append(row)
        if len(self._rows) == PARQUET_ROWS:
            self._gather()

    def close(self, *, complete: bool = True) -> None:
        with _explained(self.path):
            with self._sink:
                self._gather()
                self._write_group()
                self._file.close()
            if complete:
                os.replace(self.partial, self.path)

    def _gather(self) -> None:
        if self._rows:
            try:
                batch = self._arrow.RecordBatch.from_pylist(self._rows, schema=self._schema)
            except UnicodeEncodeError:  # the name of a file need not be valid text, and errors and results quote it
                batch = self._arrow.RecordBatch.from_pylist(_as_text(self._rows), schema=self._schema)
            self._batches.append(batch)
            self._num_bytes += batch.nbytes
            self._rows = []
        if self._num_bytes >= PARQUET_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        if self._batches:
            table = self._arrow.Table.from_batches(self._batches)
            self._batches, self._num_bytes = [], 0
            with _explained(self.path):
                self._file.write_table(table)


WRITERS: dict[str, type[JsonlWriter] | type[CsvWriter] | type[ParquetWriter]] = {
    ".jsonl": JsonlWriter,
    ".ndjson": JsonlWriter,
    ".csv": CsvWriter,
    ".parquet": ParquetWriter,
}


def open_writer(path: str | os.PathLike[str], result: type[Result], *, resume: bool = False) -> Writer:
    """The writer that a file's suffix calls for.

    Args:
        path: ends in ``.jsonl``, ``.ndjson``, ``.csv`` or ``.parquet``.
        result: the result class of the task.
        resume: go on with a file that an earlier run has begun; otherwise it is replaced.

    Raises:
        UsageProblem: no writer has this suffix.
        RequirementMissing: Parquet without pyarrow.
        CannotWrite: the place is read-only or not there.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise UsageProblem(
            f"'{os.fspath(path)}' does not say in which format to write",
            why=f"its ending is none of {', '.join(WRITERS)}",
            fix="name it out.jsonl, out.csv or out.parquet",
        )
    return WRITERS[suffix](path, result, resume=resume)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite(
            f"'{path}' cannot be written",
            why=error.strerror or str(error),
            fix="make room or choose another place; with a store, the same call goes on where this one ended",
        ) from error


def _columns(cls: type[Result] | None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and kind of each field, those of results in results in their place."""
    for name, field in cls.model_fields.items() if cls is not None else ():
        kind = _without_none(field.annotation)
        if isinstance(kind, type) and issubclass(kind, Result):
            yield from _columns(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, kind


def _class_of_top(result: type[Result]) -> type[Result] | None:
    top = getattr(result, "top", None)
    kind = typing.get_type_hints(top.fget).get("return") if isinstance(top, property) else None
    return kind if isinstance(kind, type) and issubclass(kind, Result) else None


def _without_none(kind: Any) -> Any:
    """The kind behind ``X | None``."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [each for each in typing.get_args(kind) if each is not type(None)]
        return rest[0] if len(rest) == 1 else kind
    return kind


def _dig(values: Any, name: str) -> Any:
    for part in name.split("."):
        values = None if values is None else values.get(part)
    return values


def _cell(value: Any) -> str:
    """Text as it is, nothing for None, everything else as in JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _as_text(value: Any) -> Any:
    """The same value with all its strings valid text."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {name: _as_text(part) for name, part in value.items()}
    return [_as_text(part) for part in value] if isinstance(value, list | tuple) else value


def _arrow_schema(arrow: Any, result: type[Result]) -> Any:
    error = arrow.struct([(name, arrow.string()) for name in ("code", "what", "why", "fix")])
    meta = arrow.struct([(name, _arrow_type(arrow, kind)) for name, kind in typing.get_type_hints(Meta).items()])
    simple = [("index", arrow.int64()), ("id", arrow.string()), ("ok", arrow.bool_())]
    return arrow.schema([*simple, ("result", _arrow_type(arrow, result)), ("error", error), ("meta", meta)])


def _arrow_type(arrow: Any, kind: Any) -> Any:
    """Arrow's type for the kind of a field."""
    kind = _without_none(kind)
    inner = typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Result):
        return arrow.struct([(name, _arrow_type(arrow, field.annotation)) for name, field in kind.model_fields.items()])
    if typing.get_origin(kind) in (list, tuple):
        return arrow.list_(_arrow_type(arrow, inner[0]))
    if typing.get_origin(kind) is typing.Literal:
        return _arrow_type(arrow, type(inner[0]))
    simple = {
        bool: arrow.bool_(),
        int: arrow.int64(),
        float: arrow.float64(),
        str: arrow.string(),
        bytes: arrow.binary(),
    }
    if kind not in simple:
        raise UsageProblem(
            f"a field of kind {kind} has no Parquet type", why="it is not of one kind", fix="write .jsonl instead"
        )
    return simple[kind]
