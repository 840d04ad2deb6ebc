"""Which writer a format or a file's suffix calls for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from duomo.errors import UsageProblem
from duomo.tasks.base import Result
from duomo.writers.base import Writer
from duomo.writers.html import HtmlWriter
from duomo.writers.npy import NpyWriter
from duomo.writers.parquet import ParquetWriter
from duomo.writers.subtitles import SrtWriter, VttWriter
from duomo.writers.text import CsvWriter, JsonlWriter, JsonWriter, TextWriter

WRITERS: dict[str, type[TextWriter] | type[ParquetWriter] | type[NpyWriter]] = {
    ".jsonl": JsonlWriter,
    ".ndjson": JsonlWriter,
    ".json": JsonWriter,
    ".csv": CsvWriter,
    ".parquet": ParquetWriter,
    ".npy": NpyWriter,
    ".html": HtmlWriter,
    ".srt": SrtWriter,
    ".vtt": VttWriter,
}


def open_writer(path: str | os.PathLike[str], result: type[Result], *, resume: bool = False, **options: Any) -> Writer:
    """Open the writer that a file's suffix calls for.

    Args:
        path: ends in ``.jsonl``, ``.ndjson``, ``.json``, ``.csv``, ``.parquet``, ``.npy``, ``.html``, ``.srt`` or
            ``.vtt``.
        result: the result class of the task.
        resume: go on with a file that an earlier run has begun; otherwise it is replaced.
        options: ``fields`` and ``csv_safe``, as `TextWriter` takes them; ``items`` for a page, as `HtmlWriter` does.

    Raises:
        UsageProblem: no writer has this suffix, or the format cannot hold such a result.
        RequirementMissing: Parquet without pyarrow.
        CannotWrite: the place is read-only or not there, or the file to go on with has other columns.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        raise UsageProblem(
            f"'{os.fspath(path)}' does not say in which format to write",
            why=f"its ending is none of {', '.join(WRITERS)}",
            fix="name it out.jsonl, out.csv or out.parquet",
        )
    return WRITERS[suffix](path, result, resume=resume, **options)
