"""Outcomes as Parquet."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Mapping
from typing import Any

from duomo.errors import RequirementMissing, UsageProblem
from duomo.outcome import Meta, Outcome
from duomo.tasks.base import Result
from duomo.tasks.encoding import Vector
from duomo.writers.base import WholeFileWriter, explain_os_errors
from duomo.writers.columns import without_none

PARQUET_ROWS = 64
"""Rows that are turned into Arrow's columns at a time."""
ROWS_WITHOUT_RESULT = 4096
"""Rows that are kept until one has a vector, whose length is that of all."""
PARQUET_BYTES = 32 * 1024**2
"""Memory of such columns at which they are written as a row group."""


class ParquetWriter(WholeFileWriter):
    """The columns of JSON lines, typed: ``index``, ``id``, ``ok``, and ``result``, ``error``, ``meta`` as structs."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        result: type[Result],
        *,
        resume: bool = False,
        fields: tuple[str, ...] = (),
        csv_safe: bool = False,
    ) -> None:
        del resume, csv_safe  # the file is always written whole, and its texts are texts
        if fields:
            raise UsageProblem("Parquet holds whole outcomes", fix="write .csv or .jsonl to choose fields")
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise RequirementMissing(
                "writing Parquet needs pyarrow", why="it is not installed", fix="pip install 'duomo[parquet]'"
            ) from None
        self._arrow = pyarrow
        self._result = result
        self._schema = _arrow_schema(pyarrow, result, {})
        self._vectors = [name for name, field in result.model_fields.items() if field.annotation is Vector]
        self._rows: list[dict[str, Any]] = []
        self._batches: list[Any] = []
        self._num_bytes = 0
        self._file: Any = None
        """Opened with the first rows: how long a vector is stands in the schema."""
        self.begin(path)

    def write(self, outcome: Outcome[Any]) -> None:
        row = dataclasses.replace(outcome, result=None).to_dict()
        row["result"] = None if outcome.result is None else outcome.result.model_dump()  # bytes stay bytes
        self._rows.append(row)
        known = self._file is not None or not self._vectors or outcome.result is not None
        if len(self._rows) >= (PARQUET_ROWS if known else ROWS_WITHOUT_RESULT):
            self._gather()

    def finish(self) -> None:
        self._gather()
        self._write_group()
        self._opened().close()

    def _gather(self) -> None:
        if self._rows:
            self._opened()
            try:
                batch = self._arrow.RecordBatch.from_pylist(self._rows, schema=self._schema)
            except UnicodeEncodeError:  # the name of a file need not be valid text, and errors and results quote it
                batch = self._arrow.RecordBatch.from_pylist(_as_text(self._rows), schema=self._schema)
            self._batches.append(batch)
            self._num_bytes += batch.nbytes
            self._rows = []
        if self._num_bytes >= PARQUET_BYTES:
            self._write_group()

    def _opened(self) -> Any:
        if self._file is None:
            results = [row["result"] for row in self._rows if row["result"] is not None]
            lengths = {name: len(results[0][name]) for name in self._vectors} if results else {}
            self._schema = _arrow_schema(self._arrow, self._result, lengths)
            self._file = self._arrow.parquet.ParquetWriter(self._sink, self._schema)
        return self._file

    def _write_group(self) -> None:
        if self._batches:
            table = self._arrow.Table.from_batches(self._batches)
            self._batches, self._num_bytes = [], 0
            with explain_os_errors(self.path):
                self._file.write_table(table)


def _as_text(value: object) -> object:
    """Make all strings in a value valid text."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {name: _as_text(part) for name, part in value.items()}
    return [_as_text(part) for part in value] if isinstance(value, list | tuple) else value


def _arrow_schema(arrow: Any, result: type[Result], lengths: Mapping[str, int]) -> Any:
    """Make the schema; vectors whose length is known have it as part of their type."""
    error = arrow.struct([(name, arrow.string()) for name in ("code", "what", "why", "fix")])
    meta = arrow.struct([(name, _arrow_type(arrow, kind)) for name, kind in typing.get_type_hints(Meta).items()])
    simple = [("index", arrow.int64()), ("id", arrow.string()), ("ok", arrow.bool_())]
    kinds = {name: _arrow_type(arrow, field.annotation) for name, field in result.model_fields.items()}
    kinds.update({name: arrow.list_(arrow.float32(), length) for name, length in lengths.items()})
    return arrow.schema([*simple, ("result", arrow.struct(list(kinds.items()))), ("error", error), ("meta", meta)])


def _arrow_type(arrow: Any, kind: Any) -> Any:
    """Find Arrow's type for the kind of a field."""
    kind = without_none(kind)
    inner = typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Result):
        return arrow.struct([(name, _arrow_type(arrow, field.annotation)) for name, field in kind.model_fields.items()])
    if typing.get_origin(kind) in (list, tuple):
        return arrow.list_(_arrow_type(arrow, inner[0]))
    if typing.get_origin(kind) is typing.Literal:
        return _arrow_type(arrow, type(inner[0]))
    if kind is Vector:
        return arrow.list_(arrow.float32())
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
