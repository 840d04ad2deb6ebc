"""Outcomes as lines of text: JSON lines and CSV."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from typing import Any

from duomo.outcome import Outcome
from duomo.tasks.base import Result
from duomo.writers.base import Writer
from duomo.writers.columns import cell, class_of_top, columns, dig
from duomo.writers.files import GrowingFile


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
        self._columns = [name for name, _ in columns(result)]
        self._top = [f"top.{name}" for name, _ in columns(class_of_top(result))]
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
        cells = [dig(values, name) for name in [*self._top, *self._columns]]
        meta = record["meta"]
        row = [outcome.index, outcome.id, outcome.ok, *cells, error["code"], error["what"], meta["model"], meta["ms"]]
        self._write_row([cell(value) for value in row])

    def close(self, *, complete: bool = True) -> None:
        if complete:
            self._file.cut()
        self._file.close()

    def _write_row(self, row: list[str]) -> None:
        self._csv.writerow(row)
        self._file.write(self._line.getvalue())
        self._line.seek(0)
        self._line.truncate()
