"""From what stands on the command line to items, read lazily: paths, folders, globs, URLs, texts, standard input."""

from __future__ import annotations

import codecs
import fnmatch
import glob
import itertools
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from duomo.errors import BadInput, DuomoError, InputMissing, InputUnreadable
from duomo.inputs.source import is_url, open_source
from duomo.inputs.text import Text

_PATIENCE_S = 0.05
_RECORDS = (".jsonl", ".ndjson")


class Item(NamedTuple):
    """One input: what goes to the task, or the error that it is already."""

    label: str
    """What a person knows it by: the path, or the text itself."""
    value: Any
    id: str = ""
    """Its id in the outcome; empty to take the runner's."""


class Reading(NamedTuple):
    """How inputs are to be read."""

    suffixes: tuple[str, ...] = ()
    """Files taken from a folder; none for a task whose input is not one file."""
    takes_text: bool = False
    recursive: bool = False
    pattern: str = ""
    """Of file names in a folder; instead of `suffixes`."""
    format: str = "auto"
    """``text`` (a record a line), ``jsonl``, ``bytes``, or ``auto``: by the task, and ``.jsonl`` by its name."""
    field: str = ""
    """Of a JSON record, with dots: ``result.text``."""
    null: bool = False
    whole: bool = False


def gather(paths: Iterable[str], lists: Iterable[str], texts: Iterable[str], reading: Reading) -> Iterator[Item | None]:
    """All items in the order: arguments, lists of paths, texts. Nothing is read before its turn.

    None stands where standard input has no more yet: time to show what is there already.
    """
    for path in itertools.chain(paths, _listed(lists, reading)):
        yield from _from_path(path, reading)
    for text in texts:
        yield Item(text, text)


def names(paths: Iterable[str], lists: Iterable[str], reading: Reading) -> Iterator[str]:
    """What all inputs but texts are called. No input is opened, and no list that can be read only once."""
    unopened = reading._replace(format="bytes")
    for path in itertools.chain(paths, _listed(filter(_is_at_rest, lists), reading)):
        if path == "-" or is_url(path):
            yield path
        else:
            yield from (item.id for item in _from_path(path, unopened) if item is not None)


def count(paths: Iterable[str], lists: Collection[str], texts: Collection[str], reading: Reading) -> int | None:
    """How many items there will be, where that can be told without reading an input twice."""
    if reading.format in ("text", "jsonl") or not all(map(_is_at_rest, lists)):
        return None
    found = len(texts)
    for name in names(paths, lists, reading):
        if name == "-" or (reading.format == "auto" and name.endswith(_RECORDS)):
            return None
        found += 1
    return found


def dig(record: Any, path: str) -> Any:
    """The value at ``a.b.0`` in dicts and lists; `KeyError` where there is none."""
    for part in path.split("."):
        if isinstance(record, dict) and part in record:
            record = record[part]
        elif isinstance(record, list) and part.isdigit() and int(part) < len(record):
            record = record[int(part)]
        else:
            raise KeyError(part)
    return record


def _is_at_rest(name: str) -> bool:
    """Whether a list can be read twice, as a pipe cannot."""
    return name != "-" and os.path.isfile(name)


def _listed(lists: Iterable[str], reading: Reading) -> Iterator[str]:
    for name in lists:
        with _open(name) as file:
            yield from (os.fsdecode(line) for line in _records(_lines(file, reading.null)) if line is not None)


def _from_path(name: str, reading: Reading) -> Iterator[Item | None]:
    if name == "-":
        yield from _from_stdin(reading)
    elif is_url(name):
        yield _from_url(name, reading)
    elif os.path.isdir(name):
        yield from _from_folder(name, reading)
    elif not os.path.exists(name) and glob.has_magic(name):
        found = sorted(glob.glob(name, recursive=True))
        for each in found:
            yield from _from_path(each, reading)
        if not found:
            why = f"looked in {Path.cwd()}"
            yield Item(name, InputMissing(f"nothing matches '{name}'", why=why, fix="check the pattern"), name)
    elif reading.format == "jsonl" or (reading.format == "auto" and name.endswith(_RECORDS)):
        yield from _from_file(name, reading, _from_jsonl)
    elif reading.format == "text":
        yield from _from_file(name, reading, _from_lines)
    else:
        yield Item(name, Path(name), name)


def _from_url(url: str, reading: Reading) -> Item:
    # A str is a literal text to a task on texts, so the address is resolved here; pictures fetch their own.
    if ".txt" not in reading.suffixes:
        return Item(url, {"image": url} if reading.takes_text else url, url)
    try:
        return Item(url, open_source(url, "text"), url)
    except DuomoError as error:
        return Item(url, error, url)


def _from_folder(folder: str, reading: Reading) -> Iterator[Item]:
    found = False
    refused: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=refused.append):
        folders[:] = sorted(each for each in folders if not each.startswith(".")) if reading.recursive else []
        for file in sorted(files):
            fits = (
                fnmatch.fnmatch(file, reading.pattern) if reading.pattern else file.lower().endswith(reading.suffixes)
            )
            if fits and not file.startswith("."):
                found = True
                path = os.path.join(root, file)
                yield Item(path, Path(path), path)
    for error in refused:
        place = str(error.filename)
        yield Item(place, InputUnreadable(f"cannot read '{place}'", why=error.strerror or str(error)), place)
    if not found and not refused:
        wanted = reading.pattern or " ".join(reading.suffixes)
        nothing = InputMissing(
            f"no fitting file in '{folder}'",
            why=f"looked for {wanted}" if wanted else "this task's input is not one file",
            fix="-r looks into its folders too, --glob PATTERN takes other names" if wanted else "--input-format jsonl",
        )
        yield Item(folder, nothing, folder)


def _from_stdin(reading: Reading) -> Iterator[Item | None]:
    if sys.stdin is None:
        raise InputMissing("standard input is closed", why="'-' reads from it", fix="duomo run TASK - < FILE")
    file = sys.stdin.buffer
    kind = reading.format
    if kind == "auto":
        if reading.takes_text:
            kind = "text" if ".txt" in reading.suffixes or _looks_like_text(file) else "bytes"
        else:
            kind = "bytes" if reading.suffixes else "jsonl"
    if kind == "bytes" or reading.whole:
        data = file.read()
        if data:
            yield Item("-", data, "-")
    elif kind == "jsonl":
        yield from _from_jsonl("-", _lines(file, False), reading)
    else:
        yield from _from_lines("-", _lines(file, reading.null), reading)


def _from_file(name: str, reading: Reading, read: Any) -> Iterator[Item | None]:
    try:
        file = _open(name)
    except DuomoError as error:
        yield Item(name, error, name)
        return
    with file:
        yield from read(name, _lines(file, reading.null and read is _from_lines), reading)


def _from_lines(_name: str, lines: Iterable[bytes | None], _reading: Reading) -> Iterator[Item | None]:
    for line in _records(lines):
        yield _from_line(line) if line is not None else None


def _from_line(line: bytes) -> Item:
    try:
        text = Text.accept(line)
    except DuomoError as error:
        return Item(line.decode("utf-8", "backslashreplace"), error)
    return Item(text, str(text))


def _from_jsonl(name: str, lines: Iterable[bytes | None], reading: Reading) -> Iterator[Item | None]:
    number = 0
    for line in lines:
        number += line is not None
        if line is None or line.strip():
            yield _from_json(f"{name}:{number}", line, reading.field) if line else None


def _from_json(place: str, line: bytes, field: str) -> Item:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:  # lists in lists, deeper than they can be read
        return Item(place, BadInput(f"{place} is not JSON", why=str(error), fix="write one JSON value a line"), place)
    # What an earlier `duomo run` wrote keeps its id, so that a result can be followed through the chain.
    known = isinstance(record, dict) and isinstance(record.get("id"), str)
    label = record["id"] if known else place
    if not field:
        return Item(label, record, label)
    try:
        value = dig(record, field)
        if value is None:
            raise KeyError(field)
    except KeyError:
        failed = record.get("error") if isinstance(record, dict) else None
        why = f"it has: {', '.join(record)}" if isinstance(record, dict) else f"it is a {type(record).__name__}"
        if isinstance(failed, dict):
            why = f"the step before failed: {failed.get('what', '')}"
        return Item(label, BadInput(f"{place} has no field '{field}'", why=why, fix="--field NAME, with dots"), label)
    return Item(label, value, label)


def _records(lines: Iterable[bytes | None]) -> Iterator[bytes | None]:
    """Lines without their ends; empty ones are left out, None is handed on."""
    for line in lines:
        record = line.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n") if line is not None else None
        if record is None or record.decode("utf-8", "replace").strip():
            yield record


def _lines(file: BinaryIO, null: bool) -> Iterable[bytes | None]:
    """Lines, or parts between NUL bytes; None where the next has not been written yet."""
    if null:
        return file.read().split(b"\0")
    try:
        descriptor = file.fileno()
    except OSError:  # no real file
        return file
    return file if sys.platform == "win32" or os.path.isfile(descriptor) else _arriving(file, descriptor)


def _arriving(file: Any, descriptor: int) -> Iterator[bytes | None]:
    """Lines of a pipe or a terminal. Whoever writes slowly should see results before the next line."""
    import select

    begun: bytes = file.read1() if file.peek() else b""
    while begun:
        *whole, begun = begun.split(b"\n")
        yield from whole
        if not select.select([descriptor], [], [], _PATIENCE_S)[0]:
            yield None
        more = os.read(descriptor, 1 << 16)
        if not more and begun:
            yield begun
        begun = begun + more if more else b""


def _looks_like_text(file: Any) -> bool:
    head: bytes = file.peek(64)[:64]
    return b"\0" not in head and not head.startswith((b"\xff\xd8", b"\x89PNG", b"GIF8", b"BM", b"II*", b"MM\0"))


def _open(name: str) -> BinaryIO:
    if name == "-":
        if sys.stdin is None:
            raise InputMissing("standard input is closed", fix="name a file")
        return sys.stdin.buffer
    return open_source(Path(name), "text")
