"""Tables with a row for each sale: the columns that must be there, and the rows that lack a cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from duomo.adapters import is_missing
from duomo.errors import BadInput, DuomoError, nearest


def demand_columns(row: Mapping[str, Any], needed: Sequence[str], table: str, hint: str = "") -> None:
    """Raise `BadInput` (INPUT.MISSING_COLUMN) for the first that a row lacks, with the nearest name it has."""
    for name in needed:
        if name not in row:
            near = nearest(name, row, 1)
            raise BadInput(
                f"INPUT.MISSING_COLUMN: the {table} has no '{name}'",
                why=f"its columns are {', '.join(map(str, row))}",
                fix=(f"rename '{near[0]}' to '{name}'" if near else f"name the column that holds it '{name}'") + hint,
            )


def filled_rows(
    rows: Iterable[Any], columns: Sequence[str], table: str, *, needed: Sequence[str] = (), hint: str = ""
) -> Iterator[Any]:
    """Pass rows on, with a `BadInput` in place of each that has an empty cell; errors among them pass, too.

    Args:
        rows: dicts, or the error of a row that is lost.
        columns: the table must have them: the first row is looked at.
        table: what it is called, for messages.
        needed: columns that may not be empty; all of `columns` when left out.
        hint: added to the remedy for a missing column.

    Raises:
        BadInput: a column is missing (INPUT.MISSING_COLUMN).
    """
    looked = False
    for number, row in enumerate(rows, 1):
        if isinstance(row, DuomoError):
            yield row
            continue
        if not looked:
            demand_columns(row, columns, table, hint)
            looked = True
        empty = next((name for name in needed or columns if is_missing(row.get(name))), None)
        if empty is None:
            yield row
        else:
            yield BadInput(
                f"row {number} of the {table} has no '{empty}'",
                why=f"each row has {', '.join(needed or columns)}",
                fix=f"fill in '{empty}'",
            )
