"""Vectors as one NumPy array."""

from __future__ import annotations

import os
from typing import Any

from duomo.counting import with_article
from duomo.errors import UsageProblem
from duomo.outcome import Outcome
from duomo.tasks.base import Result
from duomo.tasks.encoding import Vector
from duomo.writers.base import WholeFileWriter, explain_os_errors


class NpyWriter(WholeFileWriter):
    """A float32 array of shape (items, dim) that ``numpy.load`` reads; the row of an item without a result is NaN."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        result: type[Result],
        *,
        resume: bool = False,
        fields: tuple[str, ...] = (),
        csv_safe: bool = False,
    ) -> None:
        del resume, csv_safe  # the file is always written whole, and has no texts
        self._field = check_npy(result)
        if fields:
            raise UsageProblem("an .npy file holds vectors alone", fix="write .csv or .jsonl to choose fields")
        self._dim: int | None = None
        self._num_rows = 0
        self.begin(path)

    def write(self, outcome: Outcome[Any]) -> None:
        import numpy as np

        vector = None if outcome.result is None else getattr(outcome.result, self._field)
        with explain_os_errors(self.path):
            if vector is not None and self._dim is None:
                self._dim = len(vector)
                self._write_header()
                self._sink.write(np.full((self._num_rows, self._dim), np.nan, "<f4").tobytes())
            if self._dim is not None:
                row = np.full(self._dim, np.nan) if vector is None else vector
                self._sink.write(row.astype("<f4").tobytes())
        self._num_rows += 1

    def finish(self) -> None:
        self._sink.seek(0)
        self._write_header()

    def _write_header(self) -> None:
        """Write the header, of one length whatever the number of rows: NumPy leaves room for it to grow."""
        from numpy.lib import format as npy

        shape = (self._num_rows, self._dim or 0)
        npy.write_array_header_1_0(self._sink, {"descr": "<f4", "fortran_order": False, "shape": shape})


def check_npy(result: type[Result]) -> str:
    """Return the name of the field that holds the vector. Raises `UsageProblem` for a result class without one."""
    for name, field in result.model_fields.items():
        if field.annotation is Vector:
            return name
    raise UsageProblem(
        f"{with_article(result.__name__)} cannot be written as .npy",
        why="it has no vector",
        fix="write .jsonl or .parquet; .npy is for feature-extraction and other embeddings",
    )
