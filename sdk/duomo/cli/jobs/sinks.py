"""Where results go: standard output or a file, in one of the formats, or a folder with a file for each input."""

from __future__ import annotations

import dataclasses
import itertools
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from duomo.catalog import Catalog, resolve
from duomo.cli.formats import for_stdout
from duomo.cli.jobs.options import FORMATS
from duomo.cli.jobs.results import View
from duomo.cli.tables import cells, cut, is_terminal, table, table_width
from duomo.errors import UsageProblem, nearest
from duomo.outcome import Outcome
from duomo.tasks.base import Result
from duomo.writers.base import Writer, explain_os_errors
from duomo.writers.formats import WRITERS
from duomo.writers.parquet import ParquetWriter
from duomo.writers.subtitles import SubtitleWriter, check_subtitles
from duomo.writers.text import TextWriter

SUFFIXES = {**{suffix: suffix[1:] for suffix in WRITERS}, ".ndjson": "jsonl", ".txt": "text"}
Renderer = Callable[[list[dict[str, Any]]], str | bytes]
_LABEL_CELLS = 30
_STEM_BYTES = 200
"""Bytes of a file's name; most file systems take 255, and a number and a suffix follow."""


@dataclasses.dataclass(frozen=True)
class Place:
    """What ``-o`` and ``-O`` say together."""

    format: str
    """A built-in format or a renderer's name; ``auto`` where neither option says it."""
    out: str | None = None
    """The file or folder; None for standard output."""
    renderer: Renderer | None = None

    @classmethod
    def of(cls, output: str, out: str | None, catalog: Catalog) -> Place:
        """Read both options. Raises `UsageProblem` for a format that nobody has."""
        known = [*FORMATS, *catalog.renderers]
        suffix = os.path.splitext(output)[1]
        if out is None and output not in known and (suffix or _is_folder(output)):
            output, out = "auto", output
        if output not in known:
            near = nearest(output, known)
            raise UsageProblem(
                f"no output format '{output}'",
                why=f"there are: {', '.join(known)}, or a file such as out.jsonl",
                fix=f"-o {near[0] if near else 'auto'}",
            )
        if out is not None and output == "auto":
            output = SUFFIXES.get(os.path.splitext(out)[1].lower(), "auto")
        spec = catalog.renderers.get(output)
        return cls(output, out, resolve(spec.target, owner=f"renderer '{output}'") if spec is not None else None)

    @property
    def is_folder(self) -> bool:
        """Whether each input gets a file of its own."""
        return self.out is not None and _is_folder(self.out)

    @property
    def is_file(self) -> bool:
        """Whether all results go to one file."""
        return self.out not in (None, "-") and not self.is_folder


@dataclasses.dataclass(frozen=True)
class Sink:
    """How the outcomes of one job are written."""

    place: Place
    view: View
    output: str
    """The format, settled."""
    fields: tuple[str, ...] = ()
    resume: bool = False
    csv_safe: bool = False

    def check(self) -> None:
        """Raise `UsageProblem` for what a file's kind does not allow, and for a place that cannot be written to."""
        out, is_file = str(self.place.out), self.place.is_file
        if is_file:
            check_place(out)
        blob = f".{self.view.blob}" if self.view.blob else ""
        if is_file and self.place.format == "auto" and not (blob and out.lower().endswith(blob)):
            raise UsageProblem(
                f"'{out}' does not say in which format to write",
                why=f"its ending is none of {', '.join(filter(None, (blob, *SUFFIXES)))}",
                fix="-o FORMAT says it",
            )
        if self.output == "parquet" and (self.fields or not is_file):
            raise UsageProblem("Parquet holds whole outcomes, all in one file", fix="-O out.csv takes --fields")
        if self.output in ("srt", "vtt"):
            check_subtitles(self.view.result)

    @property
    def writes_blobs(self) -> bool:
        """Whether each result holds a whole file, which is written as it is."""
        return self.place.format == "auto" and self.place.out is not None and bool(self.view.blob) and not self.fields

    def open(self) -> Writer:
        """Open the writer that puts outcomes where they should go."""
        if self.writes_blobs:
            return _BlobWriter(self.view, str(self.place.out), to_folder=self.place.is_folder)
        if self.place.is_folder:
            return _FolderWriter(self)
        if self.place.is_file:
            return self.at(str(self.place.out), resume=self.resume)
        return self.at(Console(is_json=self.output in ("json", "jsonl")))

    def at(self, place: str | Console, *, resume: bool = False) -> Writer:
        """Open a writer of this format on a file or on standard output."""
        if self.place.renderer is not None:
            return _RenderedWriter(place, self.view.result, resume=resume, renderer=self.place.renderer)
        own = {"text": _PlainWriter, "table": _TableWriter}.get(self.output)
        if own is not None:
            return own(place, self.view.result, resume=resume, view=self.view)
        cls = WRITERS[f".{self.output}"]
        if issubclass(cls, ParquetWriter):
            return cls(str(place), self.view.result, fields=self.fields)
        return cls(place, self.view.result, resume=resume, fields=self.fields, csv_safe=self.csv_safe)

    @property
    def suffix(self) -> str:
        """The ending of files in a folder; empty where results do not go to one. Raises `UsageProblem`."""
        if not self.place.is_folder:
            return ""
        if self.writes_blobs:
            return f".{self.view.blob}"
        for suffix, form in SUFFIXES.items():
            if form == self.output:
                return suffix
        known = ", ".join(dict.fromkeys(SUFFIXES.values()))
        raise UsageProblem(
            f"a folder takes no '{self.output}'", why=f"its files are one of {known}", fix="-o json, or -O FILE"
        )


class Console:
    """Standard output, as writers of text use a file."""

    def __init__(self, *, is_json: bool = False) -> None:
        self._is_json = is_json

    def write(self, text: str | bytes) -> int:
        """Write at once."""
        click.echo(for_stdout(text) if self._is_json and isinstance(text, str) else text, nl=False)
        return len(text)

    def cut(self) -> None:
        """Do nothing: no earlier run has written here."""

    def close(self) -> None:
        """Do nothing: standard output stays open."""


class _PlainWriter(TextWriter):
    """The text of each result, or its rows with tabs between the values."""

    def __init__(self, place: str | Console, result: type[Result], *, view: View, resume: bool) -> None:
        super().__init__(place, result, resume=resume)
        self._view = view

    def write(self, outcome: Outcome[Any]) -> None:
        if outcome.result is not None:
            self._file.write(self._view.text(outcome.to_dict(), outcome.result) + "\n")


class _TableWriter(_PlainWriter):
    """A table for people, written at the end."""

    def __init__(self, place: str | Console, result: type[Result], *, view: View, resume: bool) -> None:
        super().__init__(place, result, view=view, resume=resume)
        self._rows: list[list[str]] = []

    def write(self, outcome: Outcome[Any]) -> None:
        record = outcome.to_dict()
        if self._view.fields:
            self._rows += self._view.table_rows(record)
            return
        label = os.path.basename(outcome.id) if cells(outcome.id) > _LABEL_CELLS else outcome.id
        rows = self._view.table_rows(record)
        if outcome.result is None:
            rows = [["error", *[""] * (len(self._view.columns) - 1)]]
        labels = [cut(label or outcome.id, _LABEL_CELLS), *[""] * len(rows)]
        self._rows += [[first, *row] for first, row in zip(labels, rows, strict=False)]

    def close(self, *, complete: bool = True) -> None:
        if self._rows:
            header = [name.upper() for name in self._view.columns]
            header = header if self._view.fields else ["INPUT", *header]
            text = table(header, self._rows, width=None if self.files else table_width(), wrap=True) + "\n"
            self._file.write(click.unstyle(text) if self.files else text)
        super().close(complete=complete)


class _RenderedWriter(TextWriter):
    """What a plugin's renderer makes of all outcomes together. Raises `UsageProblem` for bytes on a terminal."""

    def __init__(self, place: str | Console, result: type[Result], *, renderer: Renderer, resume: bool) -> None:
        super().__init__(place, result, resume=resume)
        self._render = renderer
        self._records: list[dict[str, Any]] = []

    def write(self, outcome: Outcome[Any]) -> None:
        self._records.append(outcome.to_dict())

    def close(self, *, complete: bool = True) -> None:
        drawn = self._render(self._records)
        if isinstance(drawn, bytes) and not self.files and is_terminal(sys.stdout):
            raise UsageProblem("this output is not text", fix="-O FILE writes it to a file")
        self._file.write(drawn if isinstance(drawn, bytes) else drawn + "\n")
        super().close(complete=complete)


class _BlobWriter(Writer):
    """The file that is in each result: a recording as .wav.

    Args:
        view: has the name of the field, which is the file's suffix as well.
        out: a file for a single result, a folder, or ``-`` for standard output.
        to_folder: whether `out` is a folder.
    """

    def __init__(self, view: View, out: str, *, to_folder: bool) -> None:
        self._field, self._out = str(view.blob), out
        self._names = _FreeNames(f".{view.blob}") if to_folder else None
        self.files = []

    def write(self, outcome: Outcome[Any]) -> None:
        if outcome.result is None:
            return
        data = getattr(outcome.result, self._field)
        if self._out == "-":
            sys.stdout.buffer.write(data)
            return
        if self.files and self._names is None:
            raise UsageProblem(
                f"'{self._out}' is one file, and there are several results",
                why="the first is in it",
                fix="-O FOLDER/",
            )
        path = Path(self._out) / self._names.next(outcome) if self._names is not None else Path(self._out)
        with explain_os_errors(path):
            path.write_bytes(data)
        self.files.append(str(path))

    def close(self, *, complete: bool = True) -> None:
        """Do nothing: each file was closed."""


class _FolderWriter(Writer):
    """Each outcome in a file of its own."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._names = _FreeNames(sink.suffix)
        self.files = []

    def write(self, outcome: Outcome[Any]) -> None:
        path = str(Path(str(self._sink.place.out)) / self._names.next(outcome))
        if outcome.result is None and issubclass(WRITERS.get(self._sink.suffix, Writer), SubtitleWriter):
            return  # there is no way to write an error in it
        with self._sink.at(path) as writer:
            writer.write(outcome)
        self.files.append(path)

    def close(self, *, complete: bool = True) -> None:
        """Do nothing: each file was closed."""


class _FreeNames:
    """File names after the inputs' own, each once."""

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        self._given: set[str] = set()
        self._counts: dict[str, int] = {}

    def next(self, outcome: Outcome[Any]) -> str:
        """Make the name for an outcome."""
        # An id may be anything, in a record of JSON: too long for a name, or with what no name may have.
        stem = Path(outcome.id.replace("\0", "")).stem.strip("-")
        stem = stem.encode("utf-8", "backslashreplace")[:_STEM_BYTES].decode("utf-8", "ignore")
        stem = stem or str(outcome.index)
        for count in itertools.count(self._counts.get(stem, 0) + 1):
            name = stem + (f"-{count}" if count > 1 else "") + self._suffix
            if name not in self._given:  # by another input's own name: a-2.txt
                break
        self._counts[stem] = count
        self._given.add(name)
        return name


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
        suffix: the ending of the files that go to a folder.
    """
    to_folder = os.path.isdir(out)
    if not (to_folder or os.path.isfile(out)):
        return
    place = os.stat(out)
    for name in inputs if not to_folder else (name for name in inputs if name.endswith(suffix)):
        with suppress(OSError, ValueError):  # what cannot be found is reported when its turn comes
            read: str | int = (os.path.dirname(name) or ".") if to_folder else 0 if name == "-" else name
            if os.path.samestat(place, os.stat(read)):
                why = "it is standard input" if name == "-" else f"the input '{name}' is the same file"
                raise UsageProblem(
                    f"'{out}' would be written over while it is read",
                    why=f"the input '{name}' lies there, and results are {suffix} too" if to_folder else why,
                    fix="name another folder" if to_folder else "name another file",
                )


def _is_folder(out: str) -> bool:
    return out.endswith((os.sep, os.altsep or os.sep)) or os.path.isdir(out)
