"""Tables, and questions about them."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from duomo.brief import Short
from duomo.counting import a_type
from duomo.errors import BadInput, InputTooLarge, InputUnreadable, counted
from duomo.inputs.delimiters import delimiter_of, encoding_of
from duomo.inputs.limits import limits
from duomo.inputs.pair import Parts
from duomo.inputs.source import read_file
from duomo.inputs.text import Text

_PATH = re.compile(r"[^\n,;\t]+\.(csv|tsv|txt|parquet|xlsx?)", re.IGNORECASE)
"""The name of a file, which is not content of a table: a header without a row."""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Table(Short):
    """Named columns and rows of cells, as texts; a cell that is missing is an empty text."""

    WIRE: ClassVar[Mapping[str, Any]] = {"columns": list[Text], "rows": list[list[Text]]}
    """Keys of the mapping that stands for it."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> Table:
        """Take a table in any of its usual shapes.

        A pandas DataFrame; a list of dicts, or of lists of which the first names the columns; a mapping of columns to
        lists of cells, or with ``columns`` and ``rows``; a CSV file as a `pathlib.Path`, bytes, a file object or a str,
        which is its content and never a path.

        Raises:
            BadInput: rows are of different length or columns, two columns have one name, or there are not rows.
            InputUnreadable: bytes are not UTF-8.
        """
        if isinstance(value, cls):
            return value
        name = str(value) if isinstance(value, Path) else ""
        if isinstance(value, Path):
            found = read_file(value, "table")
            value = found if isinstance(found, bytes) else found.read_bytes()
        elif hasattr(value, "read"):
            value = value.read()
        if isinstance(value, str) and _PATH.fullmatch(value):
            raise BadInput(
                f"a table is expected, and '{value}' is the name of a file",
                why="a str is the content of a table, never a path",
                fix=f'Path("{value}"), or in a command line: --pair "Who won?" {value}',
            )
        if isinstance(value, str | bytes | bytearray):
            return _checked(cls(*_csv(value), name))
        if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a DataFrame, without waking pandas
            frame: Any = value
            _check_names([str(column) for column in frame.columns])  # of two columns of one name frame[name] has both
            value = {str(column): _whole(list(frame[column])) for column in frame.columns}
        if isinstance(value, Mapping):
            return _checked(cls(*_of_mapping(value), name))
        if isinstance(value, Sequence) and value and all(isinstance(row, Mapping) for row in value):
            return _checked(cls(*_of_dicts(value), name))
        if isinstance(value, Sequence) and value and all(_is_row(row) for row in value):
            return _checked(cls(_cells(value[0]), tuple(_cells(row) for row in value[1:]), name))
        raise BadInput(
            f"a table is expected, not {value!r:.60}",
            why="it has no rows and columns",
            fix='a DataFrame, a list of dicts, {"city": ["Oslo"], "people": [717710]}, or Path("table.csv")',
        )

    @property
    def nbytes(self) -> int:
        """Roughly what it holds in memory."""
        return sum(len(cell) for row in self.rows for cell in row)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class TableQuestion(Parts):
    """A question about a table: ``(question, table)`` or ``{"question", "table"}``."""

    WIRE: ClassVar[Mapping[str, Any]] = {"question": Text, "table": Table}
    WHAT = "a question and a table"
    question: Text
    table: Table
    name: str = ""


def _csv(content: str | bytes | bytearray) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    import csv

    if not isinstance(content, str):
        try:
            content = bytes(content).decode(encoding_of(content[:2]))
        except UnicodeDecodeError as error:
            raise InputUnreadable(
                "this table is neither UTF-8 nor UTF-16 with its byte order mark",
                why=str(error),
                fix="convert it: iconv -f latin1 -t utf-8 in.csv > out.csv",
            ) from None
    content = content.lstrip("\r\n")
    delimiter, is_said = delimiter_of(content.partition("\n")[0])
    content = content.partition("\n")[2] if is_said else content
    try:
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
        rows = [tuple(row) for row in reader if row]
    except csv.Error as error:
        raise InputUnreadable("this table is not CSV", why=str(error), fix="put texts with commas in quotes") from None
    return (rows[0] if rows else ()), tuple(rows[1:])


def _of_mapping(value: Mapping[Any, Any]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    if set(value) == {"columns", "rows"} and all(_is_row(row) for row in value["rows"]):
        return _cells(value["columns"]), tuple(_cells(row) for row in value["rows"])
    if not all(_is_row(column) for column in value.values()):
        raise BadInput(
            "each column of a table is a list of cells",
            why="a value of this mapping is not a list",
            fix='{"city": ["Oslo"], "people": [717710]}',
        )
    columns = [_cells(column) for column in value.values()]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise BadInput(
            "the columns of this table are of different length",
            why=", ".join(f"'{name}' has {len(cells):,}" for name, cells in zip(value, columns, strict=True)),
            fix="give each row a cell in every column; an empty one is ''",
        )
    return tuple(str(name) for name in value), tuple(zip(*columns, strict=True))


def _of_dicts(rows: Sequence[Mapping[Any, Any]]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    names = list(rows[0])
    for number, row in enumerate(rows, 1):
        if set(row) != set(names):
            odd = ", ".join(str(each) for each in sorted(map(str, set(row) ^ set(names))))
            raise BadInput(
                f"row {number} of this table has other columns than the first",
                why=f"it differs in: {odd}",
                fix="give each row a cell in every column; an empty one is ''",
            )
    return tuple(str(name) for name in names), tuple(_cells(row[name] for name in names) for row in rows)


def _checked(table: Table) -> Table:
    if not table.columns or not table.rows:
        raise BadInput(
            "this table has no rows" if table.columns else "this table is empty",
            why="there is nothing to read in it",
            fix="a header and a row",
        )
    _check_names(table.columns)
    for number, row in enumerate(table.rows, 1):
        if len(row) != len(table.columns):
            raise BadInput(
                f"row {number} of this table has {counted(len(row), 'cell')} and the header {len(table.columns)}",
                why="which columns they belong to is unknown",
                fix="give each row a cell in every column; an empty one is ''",
            )
    if table.nbytes > limits().text_chars:
        raise InputTooLarge(
            f"this table has {table.nbytes:,} characters",
            why=f"the limit is {limits().text_chars:,}",
            fix=f"leave columns or rows out, or: duomo config set limits.text_chars {table.nbytes}",
        )
    return table


def _check_names(columns: Sequence[str]) -> None:
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise BadInput(
            f"two columns of this table are called '{twice}'",
            why="a cell is found by the name of its column",
            fix="rename one",
        )


def _whole(cells: list[object]) -> list[object]:
    """Cells of a column, whole numbers again where pandas made 1815.0 of 1815 because another cell is missing."""
    is_made = all(isinstance(each, float) and (each != each or each.is_integer()) for each in cells)
    if not is_made or not any(each != each for each in cells):
        return cells
    return [int(each) if isinstance(each, float) and each == each else each for each in cells]


def _is_row(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | Mapping)


def _cells(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(_cell(value) for value in values)


def _cell(value: object) -> str:
    if isinstance(value, Mapping | list | tuple | set | frozenset | bytes) or getattr(value, "ndim", None):
        raise BadInput(
            f"a cell of this table is {a_type(value)}",
            why="cells are texts, numbers, truth values and dates",
            fix="one column for each value, or leave the column out",
        )
    try:
        is_missing = value is None or bool(value != value)
    except TypeError:  # pandas' NA is neither
        is_missing = True
    return "" if is_missing else str(value)
