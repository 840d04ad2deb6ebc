"""What the columns of a table are, learned from the training part: numbers with mean and spread, names with a list."""

from __future__ import annotations

import math
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from duomo.adapters import is_missing
from duomo.errors import BadInput, counted, did_you_mean
from duomo.inputs import TableRow
from duomo.training import mean_and_spread

FAR = 8.0
"""Spreads from the mean at which a number is cut off: one cell does not rule the others."""
HALF = 1.349
"""Spreads between the quarters of a normal law."""
FEW = 0.01
"""Share of numbers that may be far off; more of them are what a column is like."""
MOST_NAMES = 1000
"""A column of more distinct names, or of names that are nearly all distinct, says nothing of other rows."""
DISTINCT = 0.5
TRUTH = {"true": 1.0, "false": 0.0}
FEW_ROWS = 20
"""In fewer rows, whole numbers are all different by chance."""
NEARLY = 0.9
"""Share of the cells from which on a column is meant to hold numbers."""
_WRITTEN = re.compile(r"[^\W\d_]{0,3}[^\w\s]?\s*[-+]?\d[\d.,'\u2019\s]*[^\w\s]?[^\W\d_]{0,3}")
"""A number with separators, a currency or a unit."""
_KEY = re.compile(r"(?:^|[a-z0-9_. -])I[dD]$|(?:^|[_. -])(?:id|key|index|idx|row)$|^Unnamed: \d+$")
"""Names of keys in tables, and what pandas calls the rows it has counted."""


class Columns(NamedTuple):
    """How a row becomes numbers."""

    numbers: Mapping[str, tuple[float, float]]
    """Mean and spread of each column of numbers."""
    names: Mapping[str, Sequence[str]]
    """The values of each column of names, the most frequent first; 0 stands for others and for missing cells."""
    ignored: Sequence[str] = ()
    """Columns that are not used: ids, free texts, and those with one value."""

    @classmethod
    def fit(cls, rows: Sequence[TableRow]) -> Columns:
        """Learn the columns of `rows`. Raises `BadInput` where none can be used."""
        numbers: dict[str, tuple[float, float]] = {}
        names: dict[str, list[str]] = {}
        ignored: list[str] = []
        for name in dict.fromkeys(name for row in rows for name in row.fields):
            cells = [cell for row in rows if (cell := row.fields.get(name)) is not None]
            values = [number for cell in cells if (number := as_number(cell)) is not None]
            distinct = Counter(str(cell).strip() for cell in cells)
            finite = [value for value in values if math.isfinite(value)]
            if name == "id" or len(distinct) < 2:
                ignored.append(name)
            elif (
                finite
                and len(values) + sum(map(_is_marked, cells)) == len(cells)
                and not (any(map(_is_code, cells)) and len(distinct) <= _most_names(cells))
            ):
                numbers[name] = mean_and_spread(_near(finite))
            elif len(distinct) > _most_names(cells):
                ignored.append(name)
            else:
                names[name] = [value for value, _ in distinct.most_common()]
        if not numbers and not names:
            raise BadInput(
                "no column of this table can be learned from",
                why=f"{', '.join(ignored) or 'there is none'}: ids, free texts, or one value in all rows",
                fix="add columns of numbers, or of names that occur more than once",
            )
        return cls(numbers, names, ignored)

    def read(self, row: TableRow) -> tuple[Tensor, Tensor]:
        """Numbers (2 × columns of numbers): scaled, and 1 where a cell is missing; places of names (columns of names).

        Raises `BadInput` for a column that is not there, and for a name in a column of numbers.
        """
        for name in (*self.numbers, *self.names):
            if name not in row.fields:
                raise BadInput(
                    f"this row has no column '{name}'", why="the model has learned from it",
                    fix=did_you_mean(name, row.fields) or f"give it, with None where it is not known: '{name}': None",
                )  # fmt: skip
        scaled, missing = [], []
        for name, (mean, spread) in self.numbers.items():
            cell = row.fields[name]
            number = None if cell is None else as_number(cell)
            if cell is not None and number is None and not _is_marked(cell):
                raise BadInput(
                    f"'{name}' is {cell!r:.40} and not a number", why="it was a number in all rows learned from",
                    fix="correct it, or leave the cell empty",
                )  # fmt: skip
            scaled.append(0.0 if number is None else max(-FAR, min(FAR, (number - mean) / spread)))
            missing.append(float(number is None))
        places = [_place(row.fields[name], known) for name, known in self.names.items()]
        return torch.tensor(scaled + missing), torch.tensor(places, dtype=torch.long)


def _most_names(cells: Sequence[object]) -> float:
    return min(MOST_NAMES, max(20, DISTINCT * len(cells)))


def _is_code(cell: object) -> bool:
    """Whether a cell is written as no number is: 00501."""
    return isinstance(cell, str) and re.fullmatch(r"0\d+", cell.strip()) is not None


def _near(numbers: Sequence[float]) -> Sequence[float]:
    """Numbers but for a few that lie more than `FAR` spreads from the middle, as the middle half shows them.

    One cell among a few rows is never far from a mean and spread that it makes itself.
    """
    if len(numbers) < FEW_ROWS:
        return numbers
    low, middle, high = statistics.quantiles(numbers, n=4)
    most = FAR * (high / HALF - low / HALF)
    near = [each for each in numbers if abs(each - middle) <= most]
    return near if most > 0 and len(numbers) - len(near) <= 1 + FEW * len(numbers) else numbers


def likely_keys(rows: Sequence[TableRow], names: Iterable[str]) -> list[str]:
    """Columns of whole numbers, another in each row, that count the rows or are named as keys are.

    What is learned from the number of a row holds for no new row.
    """
    found = []
    for name in names:
        values = [as_number(row.fields.get(name)) for row in rows]
        whole = {int(value) for value in values if value is not None and value.is_integer()}
        if len(whole) == len(rows) >= FEW_ROWS:
            counts = max(whole) - min(whole) < 2 * len(rows)  # a part of the rows may be held out
            if counts or _KEY.search(name):
                found.append(name)
    return found


def marked_cells(rows: Sequence[TableRow], names: Iterable[str]) -> list[str]:
    """What to say of columns of numbers with cells such as ``NA``, which are read as missing."""
    found = []
    for name in names:
        marked = [str(cell) for row in rows if _is_marked(cell := row.fields.get(name))]
        if marked:
            found.append(f"column '{name}': cells such as {marked[0]!r} are read as missing ({len(marked):,} in all)")
    return found


def far_cells(rows: Sequence[TableRow], numbers: Mapping[str, tuple[float, float]]) -> list[str]:
    """What to say of columns with numbers that are cut off, infinite ones among them."""
    found = []
    for name, (mean, spread) in numbers.items():
        values = [number for row in rows if (number := as_number(row.fields.get(name))) is not None]
        far = [value for value in values if abs(value - mean) > FAR * spread]
        if far:
            what = f"{counted(len(far), 'cell is', 'cells are')} more than {FAR:g} spreads from the mean"
            found.append(f"column '{name}': {what}, such as {far[0]:g}, and read as if at {FAR:g}")
    return found


def nearly_numbers(rows: Sequence[TableRow], columns: Columns) -> list[str]:
    """What to say of columns that a person reads as numbers, such as 12,345 and 7 %, and that are none here."""
    found = []
    for name in (*columns.names, *columns.ignored):
        cells = [str(cell).strip() for row in rows if (cell := row.fields.get(name)) is not None]
        others = [cell for cell in cells if as_number(cell) is None and not is_missing(cell)]
        meant = len(cells) - sum(_WRITTEN.fullmatch(cell) is None for cell in others)
        if others and meant >= NEARLY * len(cells):
            how = "not used" if name in columns.ignored else "names"
            fix = "write them without signs, and empty the others"
            what = f"{meant:,} of {len(cells):,} cells look like numbers and are {how}, for some are written as"
            found.append(f"column '{name}': {what} {others[0]!r:.40}: {fix}")
    return found


def _is_marked(cell: object) -> bool:
    return isinstance(cell, str) and is_missing(cell)


def as_number(cell: object) -> float | None:
    """A cell as a number, 1 and 0 for truth values, or None."""
    try:
        number = math.nan if isinstance(cell, str) and "_" in cell else float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return TRUTH.get(cell.strip().casefold()) if isinstance(cell, str) else None
    return number if number == number else None  # 1_0 is 10 to Python alone


def _place(cell: object, known: Sequence[str]) -> int:
    text = "" if cell is None else str(cell).strip()
    if text in known:
        return known.index(text) + 1
    # A table of another program or person may write 1.0 or true for 1 or True, and yes for Yes.
    number, small = as_number(cell), _in_small(text)
    alike = [at for at, name in enumerate(known, 1)
             if (number is not None and as_number(name) == number) or _in_small(name) == small]  # fmt: skip
    return alike[0] if len(alike) == 1 and text else 0


def _in_small(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
