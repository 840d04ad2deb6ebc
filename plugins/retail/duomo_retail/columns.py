"""Tables with a row for each sale: the columns that must be there, or the one that is probably meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from duomo.errors import BadInput, nearest


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
