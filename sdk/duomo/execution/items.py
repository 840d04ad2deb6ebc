"""What `Runner.map` may be given: iterables, a column of a table, map-style data sets, a part of each row."""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias, cast

from duomo.errors import BadInput, UsageProblem, did_you_mean
from duomo.execution.base import FLUSH

Key: TypeAlias = str | int | Callable[[object], object]
"""Which part of a row is the item: a name, a position, or a function of the row."""


class Row(NamedTuple):
    """An item that was taken out of a row, and the row's own id."""

    id: str
    item: object


def id_of(row: object) -> str:
    """The id that a row has of its own, a text or a whole number, as text; empty where it has none."""
    own = row.get("id") if isinstance(row, Mapping) else None
    return str(own) if isinstance(own, str | numbers.Integral) and not isinstance(own, bool) else ""


class _Table(Protocol):
    def __getitem__(self, column: str) -> Iterable[object]: ...


class _Indexed(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> object: ...


def items_of(items: object, column: str | None = None, key: Key | None = None) -> Iterable[object]:
    """Return what to read items from.

    Args:
        items: an iterable, a table, or a data set with ``__getitem__`` and ``__len__``.
        column: of a table (pandas, polars, pyarrow, `datasets`): the one that holds the items.
        key: of each row: the part that is the item.

    Raises:
        UsageProblem: it is one item, or a table and no column is named, or not the name of one.
    """
    if column is not None and key is not None:
        raise UsageProblem("column= and key= say the same twice", fix="column= for a table, key= for rows")
    inner = getattr(items, "iterable", items)  # tqdm's bars name so what they go over
    _check_wrapped(inner, column, is_bar=inner is not items)
    if hasattr(items, "collect"):
        fix = f'map(table.collect(), column="{column or "text"}")'
        raise UsageProblem(f"this {type(items).__name__} holds no rows yet", why="it is a query", fix=fix)
    columns = _columns(items)
    if columns is not None and (column is not None or not _gives_rows(items)):
        return _column(items, columns, column)
    rows = _rows(items)
    key = column if column is not None else key
    return rows if key is None else _parts(rows, key)


def _check_wrapped(inner: object, column: str | None, is_bar: bool) -> None:
    """Raise `UsageProblem` for a bar over a table, which gives names of columns, and for a loader of batches."""
    if getattr(inner, "batch_sampler", None) is not None and hasattr(inner, "dataset"):
        # A batch may look like one item: a few mono recordings like one of as many channels.
        raise UsageProblem(
            f"map() takes items, and this {type(inner).__name__} gives batches",
            why="batches are made after each item was checked, and a bad item costs no other its result",
            fix=f"map(loader.dataset, batch_size={getattr(inner, 'batch_size', None) or 32})",
        )
    if is_bar and _columns(inner) is not None and not _gives_rows(inner):
        raise UsageProblem(
            "map() was given a progress bar over a table",
            why="iterating a table gives the names of its columns, and not its rows",
            fix=f'map(table, column="{column or "text"}", progress=True)',
        )


def _rows(items: object) -> Iterable[object]:
    if getattr(items, "shape", None) == ():  # an array of one item, that cannot be iterated
        items = items.item()  # type: ignore[attr-defined]
    if not isinstance(items, str | bytes | bytearray | Path | Mapping):
        if hasattr(items, "to_pylist"):  # an array of pyarrow, whose own iteration gives scalars of pyarrow
            return map(_plain, cast(Iterable[object], items))
        if isinstance(items, Iterable):
            return items
        if hasattr(items, "__getitem__") and hasattr(items, "__len__"):  # as torch's map-style data sets are
            indexed = cast(_Indexed, items)
            return (indexed[at] for at in range(len(indexed)))
        if hasattr(items, "__getitem__"):
            return cast(Iterable[object], iter(items))
    raise UsageProblem(
        f"map() takes many items, and {items!r:.80} was given",
        fix=_many_instead(items),
    )


def _many_instead(items: object) -> str:
    """Say what to write for what is not many items."""
    if isinstance(items, str | Path) and os.path.isdir(items):
        return f"the files of a folder: runner.map(sorted(pathlib.Path({str(items)!r}).iterdir()))"
    if isinstance(items, Mapping):
        table = next((name for name, value in items.items() if hasattr(value, "column_names")), None)
        if table is not None:  # the parts of a data set of `datasets`
            return f'one of its parts: runner.map(data[{table!r}], column="text")'
        return "of its values: runner.map(items.values()); for one item call the runner: runner(item)"
    if hasattr(items, "__aiter__"):
        return (
            "gather them: runner.map([item async for item in items]); or submit each as it comes: runner.submit(item)"
        )
    return "give a list, a generator or any other iterable; for one item call the runner: runner(item)"


def _columns(items: object) -> list[str] | None:
    """List the columns of a table, known by what tables of all libraries have; None for anything else."""
    for attribute in ("column_names", "columns"):  # pyarrow and datasets; pandas and polars
        names = getattr(items, attribute, None)
        if names is not None and hasattr(items, "__getitem__") and not isinstance(items, Mapping):
            if all(isinstance(name, str) for name in names):
                return list(names)
            if attribute == "columns" and hasattr(items, "iloc"):
                return [str(name) for name in names]
    return None


def _gives_rows(items: object) -> bool:
    """Whether its own iteration gives rows, as that of `datasets` does: a mapping each, which tasks unwrap."""
    return hasattr(items, "features") and hasattr(items, "__iter__")


def _column(items: object, columns: list[str], column: str | None) -> Iterable[object]:
    kind = f"{type(items).__module__.partition('.')[0]}'s {type(items).__name__}"
    shown = ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")
    if column is None:
        likely = next((name for name in columns if name.lower() in _LIKELY), columns[0] if columns else "text")
        raise UsageProblem(
            f"map() was given a table, {kind}, and not which of its columns holds the items",
            why=f"its columns are {shown or 'none'}; iterating a table gives their names, and not its rows",
            fix=f'map(table, column="{likely}")',
        )
    if column not in columns:
        raise UsageProblem(
            f"this table has no column '{column}'",
            why=did_you_mean(column, columns) or f"its columns are {shown}",
            fix="name one of them",
        )
    if columns.count(column) > 1:
        why = "which of them is meant is unknown"
        raise UsageProblem(f"this table has {columns.count(column)} columns '{column}'", why=why, fix="rename one")
    if column == "id" or columns.count("id") != 1:
        return _cells(items, columns, column)
    ids = ({"id": own} for own in _cells(items, columns, "id"))
    return (Row(id_of(own), cell) for own, cell in zip(ids, _cells(items, columns, column), strict=True))


def _cells(items: object, columns: list[str], column: str) -> Iterable[object]:
    place = getattr(items, "iloc", None)  # of pandas, where the name of a column need not be a text
    return map(_plain, cast(_Table, items)[column] if place is None else place[:, columns.index(column)])


_LIKELY = ("text", "sentence", "review", "content", "body", "image", "picture", "photo", "path", "file", "audio", "url")


def _plain(value: object) -> object:
    """Turn a scalar of pyarrow into Python's."""
    as_py = getattr(value, "as_py", None)
    return value if as_py is None else as_py()


def _parts(rows: Iterable[object], key: Key) -> Iterator[object]:
    for row in rows:
        own = row._asdict() if hasattr(row, "_asdict") else row
        yield row if row is FLUSH else Row(id_of(own), _part(row, key))


def _part(row: object, key: Key) -> object:
    """Take the item out of a row; an error of the item where there is none, so that it costs no other its result."""
    fields = getattr(row, "_fields", ()) if isinstance(row, tuple) else ()  # a named tuple, as DataFrame.itertuples has
    try:
        if isinstance(row, str | bytes) and not callable(key):
            raise TypeError("it is a text, of which a part is a letter")
        if key in fields:
            return getattr(row, str(key))
        return key(row) if callable(key) else row[key]  # type: ignore[index]
    except Exception as error:
        names = [str(name) for name in (row if isinstance(row, Mapping) else fields)]
        near = did_you_mean(str(key), names) or (f"it has {', '.join(names[:12])}" if names else "")
        return BadInput(
            f"this row has no part {key if callable(key) else repr(key)}",
            why=f"{type(error).__name__}: {error}; the row is {row!r:.80}",
            fix=near or "key= is a name, a position, or a function of the row",
        )
