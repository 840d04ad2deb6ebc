"""Cells that hold a time."""

from __future__ import annotations

import datetime as dt

from duomo.errors import BadInput


def parse_time(value: object, field: str, record: str = "") -> dt.datetime | None:
    """Read a cell as a moment: a datetime, a date (its midnight), or text in ISO 8601; None where it is empty.

    Args:
        value: the cell. None, empty text, NaN and pandas' NaT are empty.
        field: the column, for the message.
        record: the record's key, for the message.

    Raises:
        BadInput: it is anything else.
    """
    if value is None or value != value or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    try:
        return dt.datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise BadInput(
            (f"record '{record}': " if record else "") + f"'{field}' is not a time",
            why="times are written in ISO 8601, such as 2026-03-01 or 2026-03-01T12:00:00",
            fix=f"correct '{field}'",
        ) from None
