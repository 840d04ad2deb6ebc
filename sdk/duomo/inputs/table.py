"""Rows of tables."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
from collections.abc import Mapping

from duomo.brief import Short
from duomo.counting import a_type
from duomo.errors import BadInput
from duomo.inputs.advice import is_missing

Cell = str | int | float | bool | None


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class TableRow(Short):
    """One row of a table: a cell for each column; None where one is missing."""

    fields: Mapping[str, Cell]
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> TableRow:
        """Take a mapping of columns to texts, numbers, truth values, dates or None; NaN and empty texts are missing."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise BadInput(
                f"a row of a table is expected, not {type(value).__name__}",
                why="its cells are known by the names of their columns",
                fix='pass a mapping: {"age": 41, "city": "Oslo"}',
            )
        fields = {str(name): _cell(str(name), cell) for name, cell in value.items()}
        if all(cell is None for cell in fields.values()):
            raise BadInput("every cell of this row is empty", why="there is nothing to read", fix="leave the row out")
        return cls(fields)


def _cell(name: str, cell: object) -> Cell:
    if hasattr(cell, "item") and not isinstance(cell, str):  # a number of numpy
        cell = cell.item()
    if is_missing(cell) or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, decimal.Decimal):  # as databases have it
        return None if cell.is_nan() else float(cell)
    if isinstance(cell, dt.date):
        return cell.isoformat()
    if isinstance(cell, str | bool | int | float):
        return cell
    raise BadInput(
        f"cell '{name}' is {a_type(cell)}",
        why="cells are texts, numbers, truth values and dates",
        fix="one column for each value, or leave the column out",
    )
