"""From what stands on the command line to items, read lazily: paths, folders, globs, URLs, texts, standard input."""

from __future__ import annotations

import dataclasses
import fnmatch
import glob
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from duomo.cli.jobs.items import Item, from_json_file, from_jsonl, from_record
from duomo.cli.jobs.lines import lines_of, records
from duomo.data.rows import numbered_rows, read_csv
from duomo.errors import BadInput, DuomoError, InputMissing, InputUnreadable
from duomo.inputs.image import Image
from duomo.inputs.limits import limits
from duomo.inputs.source import is_hidden, is_url, open_source, path_of
from duomo.inputs.text import Text

_RECORDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pdf": "pdf",
}


@dataclasses.dataclass(frozen=True)
class Sources:
    """All that one command line names, and how it is to be read."""

    paths: Sequence[str] = ()
    lists: Sequence[str] = ()
    """Files with one path a line."""
    texts: Sequence[str] = ()
    pairs: Sequence[tuple[str, str | list[str] | Path]] = ()
    """Inputs of two parts; the second of a comparison is a list, and a table is its file."""
    suffixes: tuple[str, ...] = ()
    """Endings of files taken from a folder; none for a task whose input is not one file."""
    takes_text: bool = False
    recursive: bool = False
    patterns: Sequence[str] = ()
    """File names taken from a folder, instead of those that end in `suffixes`."""
    format: str = "auto"
    """``text`` (a record a line), ``jsonl``, ``csv``, ``bytes`` (each file is one input), or ``auto``: standard input
    by the task, files by their names."""
    field: str = ""
    """The field of a record to run on, with dots: ``result.text``."""
    null: bool = False
    whole: bool = False

    def items(self) -> Iterator[Item | None]:
        """Yield all items in the order: arguments, lists of paths, texts, pairs. Nothing is read before its turn.

        None stands where standard input has no more yet: time to show what is there already.
        """
        for path in itertools.chain(self.paths, self._listed(self.lists)):
            yield from self._from_path(path)
        for text in self.texts:
            yield Item(text, text)
        for pair in self.pairs:
            second = pair[1][0] if isinstance(pair[1], list) else pair[1]
            yield Item(f"{pair[0]} · {second}", pair)

    def names(self) -> Iterator[str]:
        """Yield the names of all inputs but texts. No input is opened, and no list that can be read only once."""
        yield from self.lists
        unopened = dataclasses.replace(self, format="bytes")
        for path in itertools.chain(self.paths, self._listed(filter(_is_at_rest, self.lists))):
            if path == "-" or is_url(path):
                yield path
            else:
                yield from (item.id for item in unopened._from_path(path) if item is not None)

    def count(self) -> int | None:
        """Count the items, where that is possible without reading an input twice."""
        if self.format not in ("auto", "bytes") or not all(map(_is_at_rest, self.lists)):
            return None
        found = len(self.texts) + len(self.pairs)
        for name in itertools.islice(self.names(), len(self.lists), None):
            if name == "-" or self._kind(name) != "bytes":
                return None
            found += 1
        return found

    @property
    def may_have_rows(self) -> bool:
        """Whether something that is named can have rows, of which `field` is a part."""
        if self.format in ("text", "bytes"):
            return False
        files = [path for path in self.paths if not is_url(path)]
        folders = any(path == "-" or os.path.isdir(path) or glob.has_magic(path) for path in files)
        return bool(self.lists) or folders or any(self._kind(path) not in ("bytes", "pdf") for path in files)

    def _kind(self, name: str) -> str:
        """Choose the format of a file."""
        if self.format != "auto":
            return self.format
        kind = _RECORDS.get(os.path.splitext(name)[1].lower(), "bytes")
        return "bytes" if kind == "pdf" and ".png" not in self.suffixes else kind  # pages are images

    def _listed(self, lists: Iterable[str]) -> Iterator[str]:
        for name in lists:
            with _open(name) as file:
                yield from (os.fsdecode(line) for line in records(lines_of(file, self.null)) if line is not None)

    def _from_path(self, name: str) -> Iterator[Item | None]:
        if name == "-":
            yield from self._from_stdin()
        elif not name:
            why = "what should have named it is empty, such as a variable of the shell that is not set"
            yield Item(name, InputMissing("an input has no name", why=why, fix="name a file, a folder or a pattern"))
        elif is_url(name):
            yield _from_url(name, self)
        elif os.path.isdir(name):
            yield from self._from_folder(name)
        elif not os.path.exists(name) and glob.has_magic(name):
            found = sorted(glob.glob(name, recursive=True))
            for each in found:
                yield from self._from_path(each)
            if not found:
                why = f"looked in {Path.cwd()}"
                yield Item(name, InputMissing(f"nothing matches '{name}'", why=why, fix="check the pattern"), name)
        else:
            yield from self._from_file(name, self._kind(name))

    def _from_file(self, name: str, kind: str) -> Iterator[Item | None]:
        if self.takes_text and not os.path.exists(name):
            what = "text" if ".txt" in self.suffixes else "text or image"
            missing = InputMissing(
                f"no {what} file at '{name}'",
                why=f"looked in {Path(name).absolute().parent}",
                fix="check the path and its spelling; -t 'TEXT' runs on a text itself",
            )
            yield Item(name, missing, name)
        elif kind == "pdf":
            try:
                yield from (Item(page.name, page, page.name) for page in Image.pages(name))
            except DuomoError as error:
                yield Item(name, error, name)
        elif kind == "bytes":
            try:
                yield Item(name, path_of(name, "input"), name)
            except BadInput as error:
                yield Item(name, error, name)
        else:
            try:
                file = _open(name)
            except DuomoError as error:
                yield Item(name, error, name)
                return
            with file:
                yield from self._guarded(file, name, kind)

    def _guarded(self, file: BinaryIO, name: str, kind: str) -> Iterator[Item | None]:
        """Do the same as `_read`; an error of the file as a whole is an item, and what else is named goes on."""
        try:
            yield from self._read(file, name, kind)
        except DuomoError as error:
            yield Item(name, error, name)

    def _read(self, file: BinaryIO, name: str, kind: str) -> Iterator[Item | None]:
        """Yield the items of an open file or of standard input."""
        if kind == "jsonl":
            yield from from_jsonl(name, lines_of(file, False, limits().file_bytes), self.field)
        elif kind == "json":
            yield from from_json_file(name, file.read(), self.field)
        elif kind in ("csv", "parquet"):
            for number, row in read_csv(file, name) if kind == "csv" else numbered_rows(name):
                place = f"{name}:{number}"
                yield Item(place, row, place) if isinstance(row, DuomoError) else from_record(place, row, self.field)
        else:
            for line in records(lines_of(file, self.null)):
                yield _from_line(line) if line is not None else None

    def _from_folder(self, folder: str) -> Iterator[Item | None]:
        found = False
        refused: list[OSError] = []
        for root, folders, files in os.walk(folder, onerror=refused.append):
            folders[:] = sorted(each for each in folders if not is_hidden(each)) if self.recursive else []
            for file in sorted(files):
                fits = any(fnmatch.fnmatch(file, pattern) for pattern in self.patterns)
                if not self.patterns:
                    fits = file.lower().endswith(self.suffixes)
                if fits and not is_hidden(file):
                    found = True
                    path = os.path.join(root, file)
                    yield from self._from_file(path, self._kind(path))
        for error in refused:
            place = str(error.filename)
            why = error.strerror or str(error)
            unread = InputUnreadable(f"cannot read '{place}'", why=why, fix="check its permissions")
            yield Item(place, unread, place)
        if not found and not refused:
            wanted = " ".join(self.patterns or self.suffixes)
            more = "-r looks into its folders too, --glob PATTERN takes other names"
            nothing = InputMissing(
                f"no fitting file in '{folder}'",
                why=f"looked for {wanted}" if wanted else "this task's input is not one file",
                fix=more if wanted else "--input-format jsonl",
            )
            yield Item(folder, nothing, folder)

    def _from_stdin(self) -> Iterator[Item | None]:
        if sys.stdin is None:
            raise InputMissing("standard input is closed", why="'-' reads from it", fix="duomo run TASK - < FILE")
        file = sys.stdin.buffer
        kind = self.format
        if kind == "auto":
            if self.field:
                kind = "jsonl"
            elif self.takes_text:
                kind = "text" if ".txt" in self.suffixes or _looks_like_text(file) else "bytes"
            else:
                kind = "bytes" if self.suffixes else "jsonl"
        if kind == "bytes" or self.whole:
            data = file.read()
            if data:
                yield Item("-", data, "-")
        else:
            yield from self._guarded(file, "-", kind)


def _is_at_rest(name: str) -> bool:
    """Check that a list can be read twice, as a pipe cannot."""
    return name != "-" and os.path.isfile(name)


def _from_url(url: str, sources: Sources) -> Item:
    # A str is a literal text to a task on texts, so the address is resolved here; images fetch their own.
    if ".txt" not in sources.suffixes:
        return Item(url, {"image": url} if sources.takes_text else url, url)
    try:
        return Item(url, open_source(url, "text"), url)
    except DuomoError as error:
        return Item(url, error, url)


def _from_line(line: bytes) -> Item:
    try:
        text = Text.accept(line)
    except DuomoError as error:
        return Item(line.decode("utf-8", "backslashreplace"), error)
    return Item(text, str(text))


def _looks_like_text(file: Any) -> bool:
    head: bytes = file.peek(64)[:64]
    return b"\0" not in head and not head.startswith((b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*", b"MM\0"))


def _open(name: str) -> BinaryIO:
    if name == "-":
        if sys.stdin is None:
            raise InputMissing("standard input is closed", fix="name a file")
        return sys.stdin.buffer
    return open_source(Path(name), "text")
