"""Which writer a file's suffix calls for."""

from __future__ import annotations

import os
from pathlib import Path

from duomo.errors import UsageProblem
from duomo.tasks.base import Result
from duomo.writers.base import Writer
from duomo.writers.parquet import ParquetWriter
from duomo.writers.text import CsvWriter, JsonlWriter

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
