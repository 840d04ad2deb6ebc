"""Outcomes as text: JSON lines, one JSON list, and CSV."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from typing import TYPE_CHECKING, Any, Protocol

from duomo.errors import CannotWrite
from duomo.outcome import Outcome, result_json
from duomo.tasks.base import Result
from duomo.writers.base import Writer
from duomo.writers.columns import cell, class_of_top, columns, find, full_names
from duomo.writers.files import GrowingFile

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet takes a cell that begins with one of these for a formula; the last four are the full-width signs."""


class TextFile(Protocol):
    """What text goes to: a `GrowingFile`, or a stream that looks like one."""

    def write(self, text: str | bytes, /) -> int: ...
    def cut(self) -> None: ...
    def close(self) -> None: ...


class TextWriter(Writer):
    """Base class of the writers of text.

    Args:
        place: the path of a file, or an open one.
        result: the result class of the task.
        resume: go on with what an earlier run has written to the path.
        fields: dotted names such as ``id`` or ``labels.0.name``, to write these only.
        csv_safe: write cells that a spreadsheet would take for a formula with ``'`` before them.
    """

    def __init__(
        self,
        place: str | os.PathLike[str] | TextFile,
        result: type[Result],
        *,
        resume: bool = False,
        fields: tuple[str, ...] = (),
        csv_safe: bool = False,
    ) -> None:
        self._fields = dict(zip(fields, full_names(fields, result), strict=True))
        self._result = result
        self._resume, self._csv_safe = resume, csv_safe
        self.files = [os.fspath(place)] if isinstance(place, str | os.PathLike) else []
        self._kept: list[Any] = []
        """What is written only at the end."""
        self._prepare()
        self._file: TextFile = GrowingFile(place, resume=resume) if isinstance(place, str | os.PathLike) else place
        self._begin()

    def close(self, *, complete: bool = True) -> None:
        try:
            if complete:
                self._file.cut()
        finally:
            self._file.close()

    def _prepare(self) -> None:
        """Refuse, before the file is touched, what this format cannot do."""

    def _begin(self) -> None:
        """Write what stands before the first outcome."""

    def _record(self, outcome: Outcome[Any]) -> dict[str, Any]:
        """Make a dict of an outcome: whole, or the chosen fields."""
        record = outcome.to_dict()
        return {name: find(record, path) for name, path in self._fields.items()} if self._fields else record


class JsonlWriter(TextWriter):
    """One JSON object a line, as `Outcome.to_json` gives it."""

    def write(self, outcome: Outcome[Any]) -> None:
        line = _to_json(self._record(outcome)) if self._fields else outcome.to_json()
        self._file.write(line + "\n")


class JsonWriter(TextWriter):
    """All outcomes as one JSON list, written when the writer is closed."""

    def write(self, outcome: Outcome[Any]) -> None:
        self._kept.append(self._record(outcome))

    def close(self, *, complete: bool = True) -> None:
        self._file.write(_to_json(self._kept, indent=2) + "\n")
        super().close(complete=complete)


class CsvWriter(TextWriter):
    """One line an item, by RFC 4180, under headings that the result class alone decides.

    Results in results become columns of their own (``box.xmin``); lists are JSON in one cell. A result
    with a best part (``top``) has its fields as columns first, since that is what a spreadsheet wants.
    With `fields` those are the columns.
    """

    def _prepare(self) -> None:
        self._top = [f"top.{name}" for name, _ in columns(class_of_top(self._result))]
        self._columns = [*self._top, *(name for name, _ in columns(self._result))]
        self._line = io.StringIO()
        # With this line end csv puts both \r and \n in quotes; with \n alone a lone \r would break the line.
        self._csv = csv.writer(self._line, lineterminator="\r\n")
        self._heading = self._row(
            self._fields or ["index", "id", "ok", *self._columns, "error.code", "error.what", "model", "ms"]
        )
        if self._resume and self.files and os.path.exists(self.files[0]):
            _check_heading(self.files[0], self._heading)

    def _begin(self) -> None:
        self._file.write(self._heading)

    def write(self, outcome: Outcome[Any]) -> None:
        self._file.write(self._row(map(_safe_cell if self._csv_safe else cell, self._values(outcome))))

    def _values(self, outcome: Outcome[Any]) -> list[Any]:
        record = self._record(outcome)
        if self._fields:
            return list(record.values())
        values = {"top": None, **(record["result"] or {})}
        if self._top and outcome.result is not None:
            with contextlib.suppress(IndexError):  # nothing found has no best
                values["top"] = json.loads(result_json(outcome.result.top))
        cells = [find(values, name) for name in self._columns]
        error, meta = outcome.error, outcome.meta
        ends = [error and error.code, error and error.what, meta.model, meta.ms]
        return [outcome.index, outcome.id, outcome.ok, *cells, *ends]

    def _row(self, cells: Iterable[object]) -> str:
        self._line.seek(0)
        self._line.truncate()
        self._csv.writerow(cells)
        return self._line.getvalue()


def _safe_cell(value: object) -> str:
    text = cell(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA_STARTS) else text


def _check_heading(path: str, heading: str) -> None:
    """Raise `CannotWrite` for a file with another heading; one that a kill cut off is the same."""
    with open(path, "rb") as file:
        found = file.read(len(heading.encode()))
    if heading.encode().startswith(found):
        return
    first = found.decode("utf-8", "replace").splitlines()[0]
    same = first == heading.rstrip()
    raise CannotWrite(
        f"'{path}' has other columns than this run writes",
        why="its lines end in another way" if same else f"it begins with '{first[:60]}', not '{heading.rstrip()[:60]}'",
        fix="move it away and run the same command: with a store nothing is computed again",
    )


def _to_json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
