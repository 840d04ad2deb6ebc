"""Cells that hold nothing."""

from __future__ import annotations

EMPTY_WORDS = frozenset(
    "na n/a n.a. k.a. #n/a <na> nan nat null (null) \\n none ? - -- – — . "
    "#div/0! #value! #ref! #num! #name? #null!".split()
)
"""What databases, spreadsheets, statistics packages and people write for nothing, in small letters."""
_UNSEEN = "\ufeff\u200b\u200c\u200d\u2060\u200e\u200f"


def is_missing(value: object) -> bool:
    """Whether a cell says nothing: None, a NaN of any kind of number, NaT, pandas' NA, blanks, or a word for nothing.

    Args:
        value: the cell; texts are compared without regard to case and to signs that are not seen.
    """
    if value is None:
        return True
    if isinstance(value, str):
        text = value.strip().strip(_UNSEEN).strip().casefold()
        return not text or text in EMPTY_WORDS
    if isinstance(value, bool | int):
        return False
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas' NA answers neither yes nor no, an array many times
        return type(value).__name__ == "NAType"
