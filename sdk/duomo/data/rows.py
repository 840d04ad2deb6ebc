"""Rows of a file as dicts: CSV, JSON lines and Parquet, one row at a time."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from duomo.counting import counted
from duomo.errors import BadInput, InputMissing, InputTooLarge, InputUnreadable, UsageProblem
from duomo.inputs.delimiters import delimiter_of, encoding_of
from duomo.inputs.limits import limits

_PART = 1 << 20
FEW = 32
"""Rows of a Parquet file that are in memory as Python's objects."""
TO_UTF8 = "save the file as UTF-8: iconv -f {} -t utf-8 in.csv > out.csv"


def read_rows(source: str | os.PathLike[str]) -> Iterator[Any]:
    """Rows of a ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file as dicts, or the error of a row that is lost.

    Cells of a CSV are texts, and an empty one is None. Raises `InputMissing`, `InputUnreadable` or `UsageProblem`.
    """
    return (row for _, row in numbered_rows(source))


def numbered_rows(source: str | os.PathLike[str]) -> Iterator[tuple[int, Any]]:
    """Do the same as `read_rows`; each row with its number as editors and spreadsheets show it, empty ones counted."""
    path = Path(source)
    suffix = path.suffix.lower()
    if not path.is_file():
        raise InputMissing(f"no file '{path}'", why="rows are read from a file", fix="check the name")
    if suffix == ".parquet":
        return enumerate(_parquet(path), 1)
    read = {".csv": read_csv, ".tsv": read_csv, ".jsonl": json_lines, ".ndjson": json_lines}.get(suffix)
    if read is None:
        raise UsageProblem(
            f"'{path.name}' has no known format", why="rows come from .csv, .tsv, .jsonl or .parquet", fix="convert it"
        )
    return _opened(read, path)


def read_csv(file: BinaryIO, name: str) -> Iterator[tuple[int, Any]]:
    """Rows of an open CSV file as dicts, or the error of a row that is lost, each with its number.

    The header is row 1 where nothing stands before it. Empty rows are left out, and counted as spreadsheets do, for
    which a cell of two lines is one row.

    Cells are separated by commas; by semicolons, tabs or bars where the header has some of those and no comma, as
    spreadsheets of many countries and databases write it; or as a line ``sep=;`` before the header says.
    Letters are UTF-8, or UTF-16 where the file begins with its byte order mark.
    """
    peek = getattr(file, "peek", None)
    encoding = encoding_of(peek(2)) if peek is not None else "utf-8-sig"
    # A byte that is not UTF-8 is kept as a lone surrogate: it costs its own row, not the rest of the file.
    text = io.TextIOWrapper(file, newline="", encoding=encoding, errors="surrogateescape")
    number, most = 1, limits().text_chars
    csv.field_size_limit(max(csv.field_size_limit(), most))  # of the whole process: its default ends at 131,072
    try:
        lines = _bounded(text, most)
        filled = ((at, line) for at, line in enumerate(lines, 1) if line.strip())
        first, header = next(filled, (1, ""))
        delimiter, is_said = delimiter_of(header)
        first, header = next(filled, (1, "")) if is_said else (first, header)
        # Not strict, a quote without its other would make one cell of all the rows behind it, up to the next quote.
        rows = csv.reader(itertools.chain([header], lines), delimiter=delimiter, strict=True)
        names = next(rows, [])
        _check_header(names, name)
        for number, cells in enumerate(_cells_of(rows), first + 1):
            if isinstance(cells, str):
                fix = 'a quote in a quoted cell is written twice: "a 5"" pipe"'
                yield number, _lost(number, "has a quote too many, or one too few", cells, fix)
            elif not cells:
                continue
            elif len(cells) != len(names):
                why, fix = f"the header has {len(names)}", "put texts with commas in quotes"
                yield number, _lost(number, "has more or fewer cells than the header", why, fix)
            elif not _is_text(cells):
                why = "it has a byte that means nothing in that encoding"
                yield number, _lost(number, "is not UTF-8", why, TO_UTF8.format("latin1"))
            else:
                yield number, {name: cell if cell != "" else None for name, cell in zip(names, cells, strict=True)}
    except (csv.Error, ValueError) as error:  # of the header; of UTF-16, of which a byte that is wrong shifts the rest
        # The rest cannot be trusted, but what came before stands.
        yield number + 1, _unreadable(name, f"after row {number}: {error}")
    finally:
        text.detach()  # the caller who opened the file closes it


def _bounded(text: io.TextIOWrapper, most: int) -> Iterator[str]:
    """Lines, each read only as far as a text may be long."""
    while line := text.readline(most + 1):
        if len(line) > most:
            raise ValueError(f"a line has more than {most:,} characters")
        yield line


def _cells_of(rows: Any) -> Iterator[list[str] | str]:
    """Cells of each row of a strict CSV reader, or what is wrong with its quotes; the line behind it is a row again."""
    while True:
        before = rows.line_num
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"{error}; {counted(rows.line_num - before, 'line is', 'lines are')} lost"


def _lost(number: int, what: str, why: str, fix: str) -> BadInput:
    return BadInput(f"INPUT.UNREADABLE: row {number} {what}", why=why, fix=fix)


def _check_header(names: Sequence[str], file: str) -> None:
    is_utf16 = any("\0" in name for name in names)  # without its mark
    if is_utf16 or not _is_text(names):
        what = f"INPUT.UNREADABLE: the header of '{file}' is not UTF-8"
        why = "it has zeros between its letters, as UTF-16 has" if is_utf16 else ""
        raise InputUnreadable(what, why=why, fix=TO_UTF8.format("utf-16le" if is_utf16 else "latin1"))
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"'{file}' has two columns '{twice}'", why="which of them is meant is unknown", fix="rename one")


def _is_text(cells: Iterable[str]) -> bool:
    text = "".join(cells)
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def json_lines(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, Any]]:
    """A row for each line that is a JSON object, or the error of one that is not, each with the line's number."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        why = f"line {number} is not a JSON object"
        try:
            row = parse_json(line)
        except json.JSONDecodeError:
            row = None
        except ValueError as error:
            row, why = None, f"line {number}: {error}"
        is_wide = b"\0" in line
        lost = BadInput(
            f"INPUT.UNREADABLE: a line of '{name}' is lost",
            why=why + (", and has zeros between its letters, as UTF-16 has" * is_wide),
            fix=TO_UTF8.format("utf-16").replace(".csv", ".jsonl") if is_wide else "one object a line",
        )
        yield number, row if isinstance(row, dict) else lost


def parts(file: BinaryIO, name: str, end: bytes = b"\n", most: int | None = None) -> Iterator[bytes]:
    """Read what stands between the `end` marks of an open file; no more of it is in memory than a part may have bytes.

    Args:
        file: open for reading.
        name: for the error.
        end: what a part ends with.
        most: bytes of a part; those of the longest text when left out.

    Raises:
        InputTooLarge: a part is longer.
    """
    begun = b""
    read = getattr(file, "read1", file.read)  # of a pipe, what is there already
    while part := read(_PART):
        *whole, begun = (begun + part).split(end)
        yield from whole
        check_part(begun, name, most)
    if begun:
        yield begun


def check_part(begun: bytes, name: str, most: int | None = None) -> None:
    """Raise `InputTooLarge` where what was read of a line is longer than the longest text, or than `most` bytes."""
    most = 4 * limits().text_chars if most is None else most
    if len(begun) > most:
        raise InputTooLarge(
            f"a line of '{name}' has more than {most:,} bytes",
            why="a line is one input, and no text may be as long",
            fix=f"check what it really holds: file {name}; or: duomo config set limits.text_chars N",
        )


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file that have more than spaces. Raises `InputUnreadable` for bytes that are none."""
    with path.open("rb") as file:
        for number, line in enumerate(parts(file, path.name), 1):
            try:
                text = line.removeprefix(codecs.BOM_UTF8).decode("utf-8").rstrip("\r")
            except UnicodeDecodeError as error:
                is_wide = number == 1 and encoding_of(line[:2]) == "utf-16"
                raise InputUnreadable(
                    f"line {number} of '{path.name}' is not UTF-8",
                    why=f"byte {line[error.start]:#04x} at position {error.start} cannot be decoded",
                    fix=TO_UTF8.format("utf-16" if is_wide else "latin1").replace(".csv", ".txt"),
                ) from None
            if text.strip():
                yield text


def parse_json(line: bytes) -> object:
    """Parse one JSON value.

    Raises `ValueError`, also for a number beyond what a float holds, for a name that comes twice in one object, and for
    lists in lists deeper than can be read. NaN is taken, as Python and pandas write what is missing.
    """
    try:
        return json.loads(line, parse_float=_finite, parse_constant=_nan, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError(str(error)) from None


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits:.40} is larger than a float can hold")
    return number


def _nan(name: str) -> float:
    if name != "NaN":
        raise ValueError(f"{name} is not a number")
    return math.nan


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice:.40}' comes twice in one object, and which is meant is unknown")
    return found


def _opened(read: Callable[[BinaryIO, str], Iterator[tuple[int, Any]]], path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        yield from read(file, path.name)


def _parquet(path: Path) -> Iterator[Any]:
    try:
        from pyarrow import ArrowException, parquet, types
    except ImportError:
        from duomo.errors import RequirementMissing

        raise RequirementMissing("Parquet needs pyarrow", why="not installed", fix="pip install pyarrow") from None
    try:
        with parquet.ParquetFile(path) as file:
            # A text that is in many rows is once in the file; so it stays in memory.
            texts = [field.name for field in file.schema_arrow if types.is_string(field.type)]
            groups = [file.metadata.row_group(at).total_byte_size for at in range(file.num_row_groups)]
        if max(groups, default=0) > limits().file_bytes:
            yield InputTooLarge(
                f"'{path.name}' has {max(groups):,} bytes of rows that are read together",
                why=f"unpacked, as it says itself; the limit is {limits().file_bytes:,}",
                fix="write it with smaller row groups, or: duomo config set limits.file_bytes N",
            )
            return
        with parquet.ParquetFile(path, read_dictionary=texts) as file:
            few = (batch.slice(at, FEW) for batch in file.iter_batches(1024) for at in range(0, len(batch), FEW))
            yield from itertools.chain.from_iterable(each.to_pylist() for each in few)
    except (ArrowException, OSError, ValueError) as error:  # OSError: pages that cannot be unpacked
        yield _unreadable(path.name, str(error).split("\n")[0] or type(error).__name__)


def class_names(path: Path) -> dict[str, list[str]]:
    """The names of classes that `datasets` writes beside their numbers, or lists of them, into a Parquet file."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:  # as for a damaged file, it is its rows that tell
        return {}
    try:
        about = json.loads((parquet.read_schema(path).metadata or {}).get(b"huggingface", b"{}"))
        features = about.get("info", {}).get("features", {})
    except (ArrowException, OSError, ValueError, AttributeError):
        return {}
    one = {  # a list's feature lies in its own
        column: feature.get("feature", feature) for column, feature in features.items() if isinstance(feature, dict)
    }
    return {
        column: feature["names"]
        for column, feature in one.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list)
    }


def _unreadable(name: str, why: str) -> InputUnreadable:
    return InputUnreadable(f"INPUT.UNREADABLE: '{name}' cannot be read further", why=why, fix="check the file")
