"""What a cell of a table holds: nothing, a name, a number, or an answer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from duomo.errors import BadInput
from duomo.inputs.text import BLANKS

EMPTY_WORDS = frozenset(
    "na n/a n.a. k.a. #n/a <na> nan nat null (null) \\n none ? - -- – — . "
    "#div/0! #value! #ref! #num! #name? #null!".split()
)
"""What databases, spreadsheets, statistics packages and people write for nothing, in small letters."""
EXACT = 2.0**53
"""Up to here each whole number is a fraction of its own."""
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d\d")
_AMOUNT = re.compile(r"[-+(]?\s*[$€£¥]?\s*[-+]?\d[\d.,'’\s]*\s*(?:%|[$€£¥]|[A-Z]{3})?\)?")


def is_missing(value: object) -> bool:
    """Whether a cell says nothing: None, a NaN of any kind of number, NaT, pandas' NA, blanks, or a word for nothing.

    Args:
        value: the cell; texts are compared without regard to case and to signs that are not seen.
    """
    if value is None:
        return True
    if isinstance(value, str):
        text = value.strip(BLANKS).casefold()
        return not text or text in EMPTY_WORDS
    if isinstance(value, bool | int):
        return False
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas' NA answers neither yes nor no, an array many times
        return type(value).__name__ == "NAType"


def name_in(cell: Any) -> str | None:
    """The name of somebody or something, or None where the cell is empty.

    A column of numbers in which one is missing makes 1234.0 of 1234: a whole number has one name.

    Raises `BadInput` for a number of which digits are lost, so that others have the same name: a fraction beyond 2^53,
    and what spreadsheets write for long numbers, 4.00638E+12.
    """
    if is_missing(cell):
        return None
    if getattr(cell, "shape", None) == ():  # of numpy or torch
        cell = cell.item()
    if (isinstance(cell, float) and abs(cell) > EXACT) or (
        isinstance(cell, str) and _SHORTENED.fullmatch(cell.strip())
    ):
        raise BadInput(
            f"the name {cell} has lost digits",
            why="a spreadsheet writes a long number so, and pandas where another cell of its column is empty",
            fix="export the column as text; in pandas: read_csv(…, dtype={'NAME': str})",
        )
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def number_in(cell: object) -> float | None:
    """A finite number as a program writes it, 1 and 0 for truth values, or None."""
    if isinstance(cell, str) and "_" in cell:  # 1_0 is 10 to Python alone
        return None
    try:
        number = float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def is_amount(cell: object) -> bool:
    """Whether a cell is a number as people write it: ``€1,250.00``, ``12,5``, ``13.5%``, ``(50)``."""
    return isinstance(cell, str) and _AMOUNT.fullmatch(cell.strip()) is not None


def answer_of(held: object, event: str) -> int | None:
    """Whether a cell says `event`: 1 or 0, and None where it is empty.

    The texts ``1`` and ``1.0``, the numbers and True are one answer, and so are ``Default`` and ``default``.
    """
    return None if is_missing(held) else int(_answer(held) == _answer(event))


def other_answers(cells: Iterable[object], event: str) -> list[str]:
    """The different answers that are not `event`, sorted; each would count as none."""
    return sorted({str(_answer(each)) for each in cells if answer_of(each, event) == 0})


def _answer(cell: object) -> str:
    number = number_in(cell)
    return f"{number:.12g}" if number is not None else str(cell).strip().casefold()
