"""Where results go: standard output or a file, in one of the formats, or a folder with a file for each input."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import sys
import unicodedata
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
from duomo.writers.base import Writer, explain_os_errors
from duomo.writers.formats import WRITERS
from duomo.writers.html import HtmlWriter
from duomo.writers.npy import check_npy
from duomo.writers.subtitles import check_subtitles
from duomo.writers.text import TextWriter

SUFFIXES = {**{suffix: suffix[1:] for suffix in WRITERS}, ".ndjson": "jsonl", ".txt": "text"}
Renderer = Callable[[list[dict[str, Any]]], str | bytes]
_LABEL_CELLS = 30
_STEM_BYTES = 200
"""Bytes of a file's name; most file systems take 255, and a number and a suffix follow."""
_DEVICE = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, whatever their suffix."""


@dataclasses.dataclass(frozen=True)
class Place:
    """What ``-o`` and ``-O`` say together."""

    format: str
    """A built-in format or a renderer's name; ``auto`` where neither option says it."""
    out: str | None
    """The file or folder; None for standard output."""
    renderer: Renderer | None

    @classmethod
    def of(cls, output: str, out: str | None, catalog: Catalog) -> Place:
        """Read both options. Raises `UsageProblem` for a format that does not exist."""
        known = [*FORMATS, *catalog.renderers]
        if out is None and output not in known and (os.path.splitext(output)[1] or _is_folder(output)):
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
    fields: tuple[str, ...]
    resume: bool
    csv_safe: bool
    given: Callable[[], object]
    """Gives what the outcome that is written is of; None where that is not at hand."""

    def check(self) -> None:
        """Raise `UsageProblem` for what a file's kind does not allow, and for a place that cannot be written to."""
        out, is_file = str(self.place.out), self.place.is_file
        if is_file:
            check_place(out)
        if self.place.out in (None, "-") and sys.stdout is None:
            raise UsageProblem("standard output is closed", why="results would go there", fix="-O FILE")
        blob = f".{self.view.blob}" if self.view.blob else ""
        if is_file and self.place.format == "auto" and not (blob and out.lower().endswith(blob)):
            raise UsageProblem(
                f"'{out}' does not say in which format to write",
                why=f"its ending is none of {', '.join(filter(None, (blob, *SUFFIXES)))}",
                fix="-o FORMAT says it",
            )
        if self.output == "parquet" and (self.fields or not is_file):
            fix = "-O out.csv takes --fields" if self.fields else "-O out.parquet"
            raise UsageProblem("Parquet holds whole outcomes, all in one file", fix=fix)
        if self.output == "npy":
            check_npy(self.view.result)
            if self.fields or not is_file:
                raise UsageProblem("an .npy file holds the vectors of all inputs and nothing else", fix="-O out.npy")
        if self.output in ("srt", "vtt"):
            check_subtitles(self.view.result)

    @property
    def writes_blobs(self) -> bool:
        """Whether each result holds a whole file, which is written as it is."""
        return self.place.format == "auto" and self.place.out is not None and bool(self.view.blob) and not self.fields

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

    def open(self) -> Writer:
        """Open the writer that puts outcomes where they should go."""
        if self.place.is_folder:
            return _FolderWriter(self)
        if self.place.is_file or self.writes_blobs:
            return self.at(str(self.place.out), resume=self.resume)
        return self.at(Console(is_json=self.output in ("json", "jsonl")))

    def at(self, place: str | Console, *, resume: bool = False) -> Writer:
        """Open a writer of this format on a file or on standard output."""
        if self.writes_blobs:
            return _BlobWriter(str(self.view.blob), str(place))
        own = {"text": _PlainWriter, "table": _TableWriter}.get(self.output)
        if own is not None or self.place.renderer is not None:
            return (own or _RenderedWriter)(self, place, resume=resume)
        writer = WRITERS[f".{self.output}"](
            place,  # type: ignore[arg-type]  # Parquet and .npy go to a file only, as `check` makes sure of
            self.view.result,
            resume=resume,
            fields=self.fields,
            csv_safe=self.csv_safe,
        )
        if isinstance(writer, HtmlWriter):
            writer.given = self.given
        return writer


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


class _SinkWriter(TextWriter):
    """Base class of the formats for people and of plugins' renderers."""

    def __init__(self, sink: Sink, place: str | Console, *, resume: bool) -> None:
        super().__init__(place, sink.view.result, resume=resume)
        self._sink, self._view = sink, sink.view


class _PlainWriter(_SinkWriter):
    """The text of each result, or its rows with tabs between the values."""

    def write(self, outcome: Outcome[Any]) -> None:
        if outcome.result is not None:
            self._file.write(self._view.text(outcome.to_dict(), outcome.result) + "\n")


class _TableWriter(_SinkWriter):
    """A table for people, written at the end."""

    def write(self, outcome: Outcome[Any]) -> None:
        rows = self._view.table_rows(outcome.to_dict())
        if not self._view.fields:
            if outcome.result is None:
                rows = [["error", *[""] * (len(self._view.columns) - 1)]]
            label = os.path.basename(outcome.id) if cells(outcome.id) > _LABEL_CELLS else outcome.id
            labels = [cut(label or outcome.id, _LABEL_CELLS), *[""] * len(rows)]
            rows = [[first, *row] for first, row in zip(labels, rows, strict=False)]
        self._kept += rows

    def close(self, *, complete: bool = True) -> None:
        if self._kept:
            header = [name.upper() for name in self._view.columns]
            header = header if self._view.fields else ["INPUT", *header]
            text = table(header, self._kept, width=None if self.files else table_width(), wrap=True) + "\n"
            self._file.write(click.unstyle(text) if self.files else text)
        super().close(complete=complete)


class _RenderedWriter(_SinkWriter):
    """What a plugin's renderer makes of all outcomes together. Raises `UsageProblem` for bytes on a terminal."""

    def write(self, outcome: Outcome[Any]) -> None:
        self._kept.append(outcome.to_dict())

    def close(self, *, complete: bool = True) -> None:
        assert self._sink.place.renderer is not None
        drawn = self._sink.place.renderer(self._kept)
        if isinstance(drawn, bytes) and not self.files and is_terminal(sys.stdout):
            raise UsageProblem("this output is not text", fix="-O FILE writes it to a file")
        self._file.write(drawn if isinstance(drawn, bytes) else drawn + "\n")
        super().close(complete=complete)


class _BlobWriter(Writer):
    """The file that is in a result, such as an audio clip; `out` is a file for a single one, or ``-``."""

    def __init__(self, field: str, out: str) -> None:
        self._field, self._out, self.files = field, out, []

    def write(self, outcome: Outcome[Any]) -> None:
        if outcome.result is None:
            return
        data = getattr(outcome.result, self._field)
        if self._out == "-":
            sys.stdout.buffer.write(data)
            return
        if self.files:
            raise UsageProblem(
                f"'{self._out}' is one file, and there are several results", why="the first is in it", fix="-O FOLDER/"
            )
        place = Path(self._out)
        is_file = not place.exists() or place.is_file()
        # A sound that is cut off sounds like a shorter one: it has its name when it is whole.
        begun = place.with_name(place.name + ".partial") if is_file else place
        with explain_os_errors(place):
            try:
                begun.write_bytes(data)
            except OSError:
                if is_file:
                    begun.unlink(missing_ok=True)
                raise
            if is_file:
                os.replace(begun, place)
        self.files.append(self._out)

    def close(self, *, complete: bool = True) -> None:
        """Do nothing: the file is written whole."""


class _FolderWriter(Writer):
    """Each outcome in a file of its own."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self.files = sink, []
        self._names = FreeNames(sink.suffix)

    def write(self, outcome: Outcome[Any]) -> None:
        name = self._names.next(outcome)
        if outcome.result is None and self._sink.output in ("srt", "vtt"):
            return  # a file of subtitles has no place for an error
        with self._sink.at(os.path.join(str(self._sink.place.out), name)) as writer:
            writer.write(outcome)
        self.files += writer.files

    def close(self, *, complete: bool = True) -> None:
        """Do nothing: each file was closed."""


class FreeNames:
    """File names after the inputs' own, each once."""

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        self._given: set[str] = set()
        self._counts: dict[str, int] = {}

    def next(self, outcome: Outcome[Any]) -> str:
        """Name the file of an outcome."""
        # An id may be anything, in a record of JSON: too long for a name, or with what no name may have.
        stem = Path(outcome.id.replace("\0", "")).stem.strip("-")
        stem = stem.encode("utf-8", "backslashreplace")[:_STEM_BYTES].decode("utf-8", "ignore")
        stem = _on_windows(stem) if sys.platform == "win32" else stem
        stem = stem or str(outcome.index)
        for count in itertools.count(self._counts.get(_folded(stem), 0) + 1):
            name = stem + (f"-{count}" if count > 1 else "") + self._suffix
            if _folded(name) not in self._given:  # by another input's own name: a-2.txt
                break
        self._counts[_folded(stem)] = count
        self._given.add(_folded(name))
        return name


def _folded(name: str) -> str:
    """What names have in common that are one file on macOS and Windows: small and large letters, accents apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _on_windows(stem: str) -> str:
    """Replace what no file of Windows may be called; a colon would write into a hidden stream of another file."""
    stem = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", stem).rstrip(". ")
    return f"{stem}_" if _DEVICE.fullmatch(stem) else stem


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
