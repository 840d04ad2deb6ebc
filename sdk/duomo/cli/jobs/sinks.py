"""Where results go: standard output or a file, in one of the formats, or a folder with a file for each input."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import click

from duomo.cli.formats import echo_json, echo_json_text, write_csv
from duomo.cli.jobs.results import View, plain
from duomo.cli.tables import cells, cut, is_terminal, table, table_width
from duomo.errors import UsageProblem
from duomo.outcome import Outcome
from duomo.tasks.base import Result
from duomo.writers.files import GrowingFile
from duomo.writers.parquet import ParquetWriter

SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".txt": "text",
    ".parquet": "parquet",
}
_LABEL_CELLS = 30
_STEM_BYTES = 200
"""Of a file's name; most file systems take 255, and a number and a suffix follow."""


@dataclasses.dataclass(frozen=True)
class Shown:
    """One outcome on its way out."""

    label: str
    outcome: Outcome[Any]

    @functools.cached_property
    def record(self) -> dict[str, Any]:
        """The outcome as a dict; JSON lines do without."""
        return self.outcome.to_dict()

    @property
    def result(self) -> Any:
        """The result object, or None."""
        return self.outcome.result


def write(shown: Iterable[Shown], view: View, output: str, file: IO[Any] | None = None) -> None:
    """Write outcomes to an open file, or to standard output; all formats but table and json go on as they come."""
    if output == "jsonl":
        for each in shown:
            if view.fields:
                echo_json(view.record(each.record), file=file)
            else:
                echo_json_text(each.outcome.to_json(), file)
    elif output == "json":
        echo_json([view.record(each.record) for each in shown], indent=2, file=file)
    elif output == "csv":
        header = list(view.columns) if view.fields else ["id", *view.columns, "error"]
        write_csv(header, _csv_rows(shown, view), file)
    elif output == "text":
        for each in shown:
            if each.result is not None:
                click.echo(view.text(each.record, each.result), file=file)
    else:
        rows = [row for each in shown for row in _table_rows(each, view)]
        if rows:
            header = [name.upper() for name in view.columns]
            header = header if view.fields else ["INPUT", *header]
            click.echo(table(header, rows, width=table_width() if file is None else None, wrap=True), file=file)


def render(
    shown: Iterable[Shown], renderer: Callable[[list[dict[str, Any]]], str | bytes], file: IO[Any] | None
) -> None:
    """Write what a plugin's renderer makes of all outcomes together. Raises `UsageProblem` for bytes on a terminal."""
    drawn = renderer([each.record for each in shown])
    if isinstance(drawn, bytes) and file is None and is_terminal(sys.stdout):
        raise UsageProblem("this output is not text", fix="-O FILE writes it to a file")
    click.echo(drawn, file=file, nl=isinstance(drawn, str))


def write_blobs(shown: Iterable[Shown], view: View, out: str, *, many: bool) -> Iterator[str]:
    """Write the file that is in each result (a recording as .wav) and give the names of those written.

    Args:
        shown: the outcomes.
        view: with the name of the field, which is the file's suffix as well.
        out: a file for a single result, a folder, or ``-`` for standard output.
        many: whether `out` is a folder.
    """
    assert view.blob is not None
    names = _FreeNames(f".{view.blob}")
    for number, each in enumerate(each for each in shown if each.result is not None):
        data = getattr(each.result, view.blob)
        if out == "-":
            sys.stdout.buffer.write(data)
            continue
        if number and not many:
            raise UsageProblem(
                f"'{out}' is one file, and there are several results", why="the first is in it", fix="-O FOLDER/"
            )
        path = Path(out) / names.next(each) if many else Path(out)
        path.write_bytes(data)
        yield str(path)


def write_parquet(shown: Iterable[Shown], result: type[Result], out: str, is_complete: Callable[[], bool]) -> str:
    """Write outcomes to a Parquet file and give its name; another one while not all of the run's are in it."""
    writer = ParquetWriter(out, result)
    try:
        for each in shown:
            writer.write(each.outcome)
    finally:
        writer.close(complete=is_complete())
    return out if is_complete() else str(writer.partial)


def write_each(shown: Iterable[Shown], view: View, folder: str, output: str) -> Iterator[str]:
    """Write each outcome to a file of its own in a folder and give the names of those written."""
    names = _FreeNames(suffix_of(output))
    for each in shown:
        path = Path(folder) / names.next(each)
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            write([each], view, "json" if output == "json" else output, file)
        yield str(path)


def suffix_of(output: str) -> str:
    """The usual ending of a file in a format. Raises `UsageProblem` for a format that has none."""
    for suffix, form in SUFFIXES.items():
        if form == output:
            return suffix
    known = ", ".join(dict.fromkeys(SUFFIXES.values()))
    raise UsageProblem(f"a folder takes no '{output}'", why=f"its files are one of {known}", fix="-o json, or -O FILE")


def check_place(out: str) -> None:
    """Raise `UsageProblem` where no file can be written; to be called before a model is loaded."""
    folder = Path(out).absolute().parent
    if os.path.isdir(out):
        raise UsageProblem(f"cannot write '{out}'", why="it is a folder", fix="name a file")
    if not os.access(out if os.path.exists(out) else folder, os.W_OK):
        why = "it may not be written to" if os.path.exists(out) else f"there is no writable folder {folder}"
        raise UsageProblem(f"cannot write '{out}'", why=why, fix="name a file in a folder of yours")


def check_apart(out: str, inputs: Iterable[str], suffix: str = "") -> None:
    """Raise `UsageProblem` where what is read would be written over.

    Args:
        out: a file, or a folder that files go to.
        inputs: the names of what is read.
        suffix: of the files that go to a folder.
    """
    to_folder = os.path.isdir(out)
    if not (to_folder or os.path.isfile(out)):
        return
    place = os.stat(out)
    for name in inputs if not to_folder else (name for name in inputs if name.endswith(suffix)):
        with suppress(OSError, ValueError):  # what cannot be found is said when its turn comes
            read: str | int = (os.path.dirname(name) or ".") if to_folder else 0 if name == "-" else name
            if os.path.samestat(place, os.stat(read)):
                why = "it is standard input" if name == "-" else f"the input '{name}' is the same file"
                raise UsageProblem(
                    f"'{out}' would be written over while it is read",
                    why=f"the input '{name}' lies there, and results are {suffix} too" if to_folder else why,
                    fix="name another folder" if to_folder else "name another file",
                )


@contextmanager
def open_out(out: str | None, *, resume: bool = False) -> Iterator[Any]:
    """The file to write to, or None for standard output."""
    if out is None or out == "-":
        yield None
        return
    with closing(GrowingFile(out, resume=resume)) as file:
        yield file


class _FreeNames:
    """File names after the inputs' own, each once."""

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        self._given: set[str] = set()
        self._counts: dict[str, int] = {}

    def next(self, shown: Shown) -> str:
        # An id may be anything, in a record of JSON: too long for a name, or with what no name may have.
        stem = Path(shown.outcome.id.replace("\0", "")).stem.strip("-")
        stem = stem.encode("utf-8", "backslashreplace")[:_STEM_BYTES].decode("utf-8", "ignore")
        stem = stem or str(shown.outcome.index)
        for count in itertools.count(self._counts.get(stem, 0) + 1):
            name = stem + (f"-{count}" if count > 1 else "") + self._suffix
            if name not in self._given:  # by another input's own name: a-2.txt
                break
        self._counts[stem] = count
        self._given.add(name)
        return name


def _csv_rows(shown: Iterable[Shown], view: View) -> Iterator[list[str]]:
    for each in shown:
        if view.fields:
            yield from ([plain(value) for value in row] for row in view.rows(each.record))
            continue
        error = each.record["error"]["what"] if each.result is None else ""
        # Who found nothing (silence, no face) has a row as well: no item is left out.
        for row in list(view.rows(each.record)) or [[None] * len(view.columns)]:
            yield [each.record["id"], *(plain(value) for value in row), error]


def _table_rows(shown: Shown, view: View) -> list[list[str]]:
    if view.fields:
        return view.table_rows(shown.record)
    label = os.path.basename(shown.label) if cells(shown.label) > _LABEL_CELLS else shown.label
    label = cut(label or shown.label, _LABEL_CELLS)
    if shown.result is None:
        return [[label, "error", *[""] * (len(view.columns) - 1)]]
    rows = view.table_rows(shown.record)
    return [[label if number == 0 else "", *row] for number, row in enumerate(rows)]
