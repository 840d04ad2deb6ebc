"""Where results go: standard output or a file, in one of the formats, or a folder with a file for each input."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from duomo.cli.formats import for_stdout
from duomo.cli.jobs.places import SUFFIXES, FreeNames, Place, check_place
from duomo.cli.jobs.results import View
from duomo.cli.tables import cells, cut, is_terminal, table, table_width
from duomo.errors import PluginBroken, UsageProblem
from duomo.outcome import Outcome
from duomo.writers.base import Writer, explain_os_errors
from duomo.writers.formats import WRITERS
from duomo.writers.html import HtmlWriter
from duomo.writers.npy import check_npy
from duomo.writers.subtitles import check_subtitles
from duomo.writers.text import TextWriter

_LABEL_CELLS = 30


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
    given: Callable[[Outcome[Any]], object]
    """Gives what an outcome is of, as it is written; None where that is not at hand."""

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
                fix=f"-O {os.path.splitext(out)[0]}{blob or '.jsonl'}",
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
    """The text of each result, or its rows with tabs between the values; an empty line for an input that failed.

    So the lines are those of the inputs where each gives one, and `paste` can put both side by side.
    """

    def write(self, outcome: Outcome[Any]) -> None:
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
    """What a plugin's renderer makes of all outcomes together.

    Raises:
        UsageProblem: bytes on a terminal.
        PluginBroken: the renderer raised.
    """

    def write(self, outcome: Outcome[Any]) -> None:
        self._kept.append(outcome.to_dict())

    def close(self, *, complete: bool = True) -> None:
        assert self._sink.place.renderer is not None
        try:
            drawn = self._sink.place.renderer(self._kept)
        except Exception as error:
            form = self._sink.place.format
            what, why = f"the output format '{form}' of a plugin failed", f"it raised {type(error).__name__}: {error}"
            raise PluginBroken(what, why=why, fix="-o jsonl; and report it to the plugin's author") from error
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
            click.echo(data, nl=False)
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
        has_no_place = self._sink.output in ("srt", "vtt") or (self._sink.output == "text" and not self._sink.fields)
        if outcome.result is None and has_no_place:
            return  # neither subtitles nor a file of one text can say what went wrong
        with self._sink.at(os.path.join(str(self._sink.place.out), name)) as writer:
            writer.write(outcome)
        self.files += writer.files

    def close(self, *, complete: bool = True) -> None:
        """Do nothing: each file was closed."""
