"""Where examples come from: files of rows, folders of files, and whatever Python can loop over.

reviews.csv, .jsonl, .parquet    a row each, one column the label
birds/robin/1.jpg                a class for each folder
corpus.txt                       a text each line; for tasks that learn without labels
corpus/one.txt                   a text each file
birds/metadata.csv               a row for each file, named in the column file_name
[{"text": …, "label": …}], a table of pandas, polars or pyarrow, a `datasets.Dataset`, pairs of input and label
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from duomo.counting import a_type, counted
from duomo.data.rows import class_names, numbered_rows
from duomo.errors import BadInput, DuomoError, InputMissing, UsageProblem, did_you_mean
from duomo.inputs.advice import is_missing
from duomo.inputs.source import is_hidden

FILES = ("file_name", "file", "path")
PLAIN = (".txt", ".md")
"""Files of which each line is a text."""
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


class RawRow(NamedTuple):
    """One row as it was found."""

    id: str
    value: Any
    """A mapping of columns, a path, an input, or the error of a row that could not be read."""
    label: Any = None
    """When it was found beside the value, such as a folder's name."""
    base: Path | None = None
    """The folder that relative paths in it start from."""


def rows_of(data: object, suffixes: tuple[str, ...], *, is_labelled: bool = True) -> Iterator[RawRow]:
    """Read the rows of a file, a folder, a table or any other iterable, in their order.

    Args:
        data: see above.
        suffixes: endings of the files that a folder is searched for.
        is_labelled: whether a file's folder is its label.

    Raises:
        InputMissing: nothing is at that path.
        BadInput: which folder is the label is not clear.
        UsageProblem: it is nothing that rows can come from.
    """
    if isinstance(data, str | os.PathLike):
        if data == "":  # the folder that the program runs in, to pathlib
            raise InputMissing("no data is named", why="the path is an empty text", fix="check the shell's variable")
        path = Path(data).expanduser()
        if path.is_dir():
            return _folder(path, suffixes, is_labelled)
        if not path.exists():
            raise InputMissing(f"no data at '{path}'", why=f"looked in {path.absolute().parent}", fix="check the path")
        if path.suffix.lower() in PLAIN:
            lines = enumerate(path.read_text("utf-8-sig", errors="surrogateescape").split("\n"), 1)
            return (RawRow(f"{path.name}:{at}", line) for at, line in lines if line.strip())
        return _of_file(path)
    data = _records(data)
    if isinstance(data, Mapping) or not isinstance(data, Iterable):
        parts = ", ".join(map(repr, data)) if isinstance(data, Mapping) and hasattr(data, "num_rows") else ""
        raise UsageProblem(
            f"rows cannot come from {a_type(data)}",
            why="training reads many rows, each with an input and a label",
            fix=f"name one of its parts: data[{parts}]"
            if parts
            else 'a path, a data frame, or a list such as [{"text": "…", "label": "…"}]',
        )
    return _each(named(data))


def _of_file(path: Path) -> Iterator[RawRow]:
    """Rows of a file, numbered as spreadsheets, editors and the messages of `read_rows` do."""
    names = class_names(path) if path.suffix.lower() == ".parquet" else None
    for at, row in numbered_rows(path):
        named = _with_names(row, names) if names and not isinstance(row, DuomoError) else row
        yield RawRow(f"{path.name}:{at}", named, base=path.parent)


def _records(data: object) -> object:
    """Rows of a table of pandas, polars or pyarrow, or of torch's map-style data sets; anything else as it is."""
    if hasattr(data, "to_dicts"):
        return data.to_dicts()
    if hasattr(data, "to_pylist") and hasattr(data, "column_names"):
        return data.to_pylist()
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        names = [str(name) for name in data.columns]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            why = "which of them is meant is unknown"
            raise BadInput(f"the table has two columns '{twice}'", why=why, fix="rename one")
        return data.set_axis(names, axis=1).to_dict("records")  # type: ignore[attr-defined]
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, Iterable):
        return (data[at] for at in range(len(data)))
    return data


def named(data: Iterable[Any]) -> Iterable[Any]:
    """Rows with the names of classes where a `datasets.Dataset` has their numbers; others as they are.

    It keeps the names in ``features``, and -1 stands for no label.
    """
    features = getattr(data, "features", None)
    columns = {
        column: names
        for column, feature in (features.items() if isinstance(features, Mapping) else ())
        if isinstance(names := getattr(getattr(feature, "feature", feature), "names", None), list)
    }
    if not columns:
        return data
    return (_with_names(row, columns) for row in data)


def _with_names(row: Mapping[str, object], columns: Mapping[str, Sequence[str]]) -> dict[str, object]:
    return {**row, **{column: _name(row[column], names) for column, names in columns.items() if column in row}}


def _name(number: object, names: Sequence[str]) -> object:
    """The name of a class by its number, or a list of names by theirs."""
    number = number.tolist() if hasattr(number, "tolist") else number  # of numpy or torch
    if isinstance(number, list):
        return [_name(each, names) for each in number]
    if not isinstance(number, int):
        return number
    return names[number] if 0 <= number < len(names) else None


def _each(data: Iterable[Any]) -> Iterator[RawRow]:
    for at, row in enumerate(data):
        if isinstance(row, Mapping):
            own = row.get("id")
            yield RawRow(str(at if is_missing(own) else own), row)
        elif isinstance(row, tuple) and len(row) == 2:
            yield RawRow(str(at), row[0], row[1])
        else:
            yield RawRow(str(at), row)


def _folder(folder: Path, suffixes: tuple[str, ...], is_labelled: bool) -> Iterator[RawRow]:
    for name in METADATA:
        if (folder / name).is_file():
            return _of_file(folder / name)
    found = sorted(path for path in files_below(folder) if path.suffix.lower() in suffixes)
    if not found:
        raise InputMissing(
            f"'{folder}' holds nothing to train on",
            why=f"no file in it ends in {', '.join(suffixes) or 'what this task reads'}, and it has no metadata.csv",
            fix="a folder for each class: birds/robin/1.jpg; or name a .csv, .jsonl or .parquet file",
        )
    if is_labelled and all(path.parent == folder for path in found):
        raise BadInput(
            f"'{folder}' has no folders of classes",
            why=f"its {counted(len(found), 'file lies', 'files lie')} straight in it, and a folder's name is the label",
            fix="a folder for each class: birds/robin/1.jpg; or a metadata.csv with columns file_name and label",
        )
    deep = next((path.relative_to(folder) for path in found if path.parent.parent not in (folder, folder.parent)), None)
    if is_labelled and deep is not None:
        raise BadInput(
            f"whether '{deep}' is {deep.parts[0]!r} or {deep.parent.name!r} is not clear",
            why=f"'{folder}' has folders in the folders of its classes",
            fix="files straight in the folder of their class; or a metadata.csv with columns file_name and label;\n"
            f"or, where these are parts of the data, each by its name: '{folder / deep.parts[0]}'",
        )
    return (
        RawRow(str(path.relative_to(folder)), path, None if path.parent == folder else path.parent.name)
        for path in found
    )


def files_below(folder: Path) -> Iterator[Path]:
    """Files below a folder, through links, without what is hidden or left by archivers."""
    seen = set[str]()
    for place, names, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        names[:] = [] if real in seen else [name for name in names if not is_hidden(name)]
        if real not in seen:
            yield from (Path(place, name) for name in files if not is_hidden(name))
        seen.add(real)


class Columns(NamedTuple):
    """Which columns hold what."""

    input: str | None
    """The column of a task with one input; None where the whole row is the input."""
    label: str | None
    is_file: bool
    """Whether a text in `input` names a file."""


def choose_columns(names: Iterable[str], inputs: tuple[str, ...], label: str | None, given: str | None) -> Columns:
    """The columns of a table.

    Args:
        names: of its columns.
        inputs: usual names of the input's column, the likeliest first; none where the whole row is the input.
        label: the column of the label; None where rows have none.
        given: the input's column, when the caller named it.

    Raises:
        BadInput: a column is not there, or several could be meant.
    """
    names = list(names)
    if label is not None and label not in names:
        raise BadInput(
            f"there is no column '{label}' to learn",
            why=f"the columns are {', '.join(names)}",
            fix=did_you_mean(label, names) or "name the column of the labels: label=…  (--label)",
        )
    if given is not None and given not in names:
        raise BadInput(
            f"there is no column '{given}' to read", why=f"the columns are {', '.join(names)}",
            fix=did_you_mean(given, names) or "name the column of the input: input=…  (--input)",
        )  # fmt: skip
    if not inputs:
        return Columns(None, label, False)
    others = [name for name in names if name not in (label, "id")]
    usual = next((name for name in inputs if name in others), None)
    column = given or usual or (others[0] if len(others) == 1 else None)
    if column is None:
        raise BadInput(
            f"which column is the input is unknown: {', '.join(others) or 'there is none beside the label'}",
            why=f"none is called {' or '.join(inputs)}",
            fix="name it: input=…  (--input)",
        )
    return Columns(column, label, column in FILES)


def split_row(row: RawRow, columns: Columns | None, takes_files: bool) -> tuple[Any, Any]:
    """A row's input and label, as they stand. Raises `BadInput` for a row that lacks one.

    Args:
        row: as found.
        columns: of its table; None for rows that are not mappings.
        takes_files: whether a text as an input names a file.
    """
    if isinstance(row.value, DuomoError):
        raise row.value
    if not isinstance(row.value, Mapping):
        return row.value, row.label
    assert columns is not None
    label = row.value.get(columns.label) if columns.label is not None else None
    if columns.input is None:
        return {name: value for name, value in row.value.items() if name != columns.label}, label
    value = row.value.get(columns.input)
    if value is None:
        raise BadInput(f"column '{columns.input}' is empty", fix="fill it, or leave the row out")
    if isinstance(value, str) and (takes_files or columns.is_file) and row.base is not None:
        value = row.base / value
    return value, label
