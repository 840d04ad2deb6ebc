"""Outcomes in a file as they come: JSON lines, CSV, Parquet and more, each of which can go on after a run was killed.

    with open_writer("out.jsonl", runner.task.Result, resume=True) as writer:
        for outcome in runner.map(items, store="out.store"):
            writer.write(outcome)

A text file is made equal to what an uninterrupted run would write: what it has already is compared with
what is written, and kept as far as it agrees (see `GrowingFile`). Parquet has its index at the end, so it
is written beside its place and moved there when it is complete.
"""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.writers.base import Writer as Writer
    from duomo.writers.files import GrowingFile as GrowingFile
    from duomo.writers.formats import WRITERS as WRITERS, open_writer as open_writer
    from duomo.writers.frame import frame as frame
    from duomo.writers.html import HtmlWriter as HtmlWriter
    from duomo.writers.npy import NpyWriter as NpyWriter
    from duomo.writers.parquet import ParquetWriter as ParquetWriter
    from duomo.writers.subtitles import SrtWriter as SrtWriter, VttWriter as VttWriter
    from duomo.writers.text import (
        CsvWriter as CsvWriter,
        JsonlWriter as JsonlWriter,
        JsonWriter as JsonWriter,
        TextWriter as TextWriter,
    )

face(
    __name__,
    {
        "duomo.writers.base": "Writer",
        "duomo.writers.files": "GrowingFile",
        "duomo.writers.formats": "WRITERS open_writer",
        "duomo.writers.frame": "frame",
        "duomo.writers.html": "HtmlWriter",
        "duomo.writers.npy": "NpyWriter",
        "duomo.writers.parquet": "ParquetWriter",
        "duomo.writers.subtitles": "SrtWriter VttWriter",
        "duomo.writers.text": "CsvWriter JsonWriter JsonlWriter TextWriter",
    },
)
