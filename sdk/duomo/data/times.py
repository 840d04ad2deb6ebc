"""Cells that hold a time."""

from __future__ import annotations

import datetime as dt
import re

from duomo.data.cells import is_missing
from duomo.errors import BadInput


def parse_time(value: object, field: str, record: str = "") -> dt.datetime | None:
    """Read a cell as a moment: a datetime, a date (its midnight), or text in ISO 8601; None where it is empty.

    Args:
        value: the cell; empty is what `duomo.adapters.is_missing` says.
        field: the column, for the message.
        record: the record's key, for the message.

    Raises:
        BadInput: it is anything else.
    """
    if is_missing(value):
        return None
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    text = str(value).strip()
    try:
        # Of thirteen digits it would take one for the sign between day and hour.
        if text.isdecimal() and len(text) != len("20260301"):
            raise ValueError
        return dt.datetime.fromisoformat(text)
    except ValueError:
        counts = "; a count of seconds since 1970 is converted first" if re.fullmatch(r"\d{9,19}(\.\d*)?", text) else ""
        raise BadInput(
            (f"record '{record}': " if record else "") + f"'{field}' is not a time",
            why="times are written in ISO 8601, such as 2026-03-01 or 2026-03-01T12:00:00" + counts,
            fix=f"correct '{field}'",
        ) from None
