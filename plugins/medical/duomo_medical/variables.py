"""What a table of patients means: columns with units and ranges, the outcome, the site, and what no model may see."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pydantic

from duomo.adapters import Artifact, Finding, Record, answer_of, find, is_missing, number_in
from duomo.errors import GuardRefused

Row = Mapping[str, Any]

PROTECTED = frozenset("race ethnicity ethnic_group religion nationality sexual_orientation insurance income".split())
"""Refused as features of a risk: they stand for how people were treated, not for what they have."""
FACTORS = {
    "glucose": (("mg/dL", "mmol/L"), 18.016),
    "cholesterol": (("mg/dL", "mmol/L"), 38.67),
    "creatinine": (("mg/dL", "umol/L"), 1 / 88.42),
    "bilirubin": (("mg/dL", "umol/L"), 1 / 17.1),
    "temperature": (("degC", "degF"), 5 / 9),
}
"""By analyte: its two units, and how many of the first one of the second is; Fahrenheit starts at 32."""


class Variable(pydantic.BaseModel):
    """One column that a risk may use."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    """Values beyond are not believed: those that fit in another unit stop the record, others refer it."""
    analyte: str = ""
    """One of `FACTORS`: makes it possible to say which unit a strange number is in."""

    def number(self, cell: object) -> float | None:
        """A cell as a number, or None; a truth value is 1 or 0 only where the range is 0 to 1, or none is known."""
        if isinstance(cell, bool | np.bool_) and (self.low, self.high) not in ((0, 1), (-math.inf, math.inf)):
            return None
        return number_in(cell)

    def check(self, row: Row, record: str) -> Iterator[Finding]:
        """Findings about this column of one row."""
        if self.name not in row:
            yield find("INPUT.MISSING_COLUMN", f"no column '{self.name}'", field=self.name, record=record,
                       fix=f"add '{self.name}'" + (f" in {self.unit}" if self.unit else ""))  # fmt: skip
            return
        said = row.get(f"{self.name}_unit")
        if said and self.unit and str(said) != self.unit:
            yield self._wrong_unit(f"'{self.name}' is said to be in another unit than {self.unit}", record)
            return
        number = self.number(row[self.name])
        if number is None and not is_missing(row[self.name]):
            yield find("QUALITY.FORMAT", f"'{self.name}' is not a number; the usual value stands in for it",
                       field=self.name, record=record, fix="write it as a number with a decimal point")  # fmt: skip
        elif number is None:
            yield find("INPUT.MISSING_VALUE", f"'{self.name}' is empty; the usual value stands in for it",
                       field=self.name, record=record, fix=f"give '{self.name}'")  # fmt: skip
        elif not self.low <= number <= self.high:
            yield self._strange(number, record)

    def _strange(self, number: float, record: str) -> Finding:
        other, converted = self._from_other_unit(number)
        if other and self.low <= converted <= self.high:
            return self._wrong_unit(f"'{self.name}' would be believable in {other}, and {self.unit} is meant", record)
        return find("OOD.RANGE", f"'{self.name}' is not within {self.low:g} to {self.high:g} {self.unit}".rstrip(),
                    field=self.name, record=record, fix="check the value against its source")  # fmt: skip

    def _from_other_unit(self, number: float) -> tuple[str, float]:
        """The analyte's other unit, and what a number in it is in the unit that is meant."""
        units, factor = FACTORS.get(self.analyte, (("", ""), 1.0))
        zero = 32.0 if self.analyte == "temperature" else 0.0
        if self.unit == units[0]:
            return units[1], (number - zero) * factor
        if self.unit == units[1]:
            return units[0], number / factor + zero
        return "", number

    def _wrong_unit(self, text: str, record: str) -> Finding:
        return find("UNITS.MISMATCH", text, field=self.name, record=record, fix=f"convert '{self.name}' to {self.unit}")


class Answer(float):
    """1.0 or 0.0, and the cell that says so: of several that are not the event, one may say that nobody knows."""

    said: object

    def __new__(cls, value: float, said: object) -> Answer:
        made = super().__new__(cls, value)
        made.said = said
        return made

    def __getnewargs__(self) -> tuple[float, object]:  # type: ignore[override]
        return float(self), self.said


class Variables(Artifact):
    """The meaning of a table; a risk is fitted for one of these and for nothing else."""

    kind: ClassVar[str] = "medical.variables/1"

    variables: tuple[Variable, ...]
    outcome: str
    """Column of the known answer."""
    event: str = "1"
    """The value of `outcome` that means that it happened."""
    key: str = ""
    """Column that names the patient; results bear a pseudonym of it."""
    site: str = ""
    """Column of the hospital: a risk is judged on sites it was not fitted on."""
    audited: tuple[str, ...] = ()
    """Protected columns that travel beside the record, for reports only."""

    @pydantic.model_validator(mode="after")
    def _fit_to_be_features(self) -> Variables:
        names = [each.name for each in self.variables]
        if self.outcome in names:
            raise GuardRefused(
                f"LEAK.TARGET: '{self.outcome}' is the outcome and a feature",
                why="a model would only repeat the answer",
                fix=f"leave '{self.outcome}' out of the variables",
            )
        offered = [name for name in names if name.lower() in PROTECTED or name in self.audited]
        if offered:
            raise GuardRefused(
                f"FAIR.PROHIBITED_BASIS: '{offered[0]}' is a protected attribute and is offered as a feature",
                why="it would carry into the risk how people were treated",
                fix=f"name '{offered[0]}' in audited instead: reports see it, the model does not",
            )
        return self

    @property
    def names(self) -> list[str]:
        """The names of the columns, in the order in which they are used."""
        return [each.name for each in self.variables]

    def answer(self, held: object) -> float | None:
        """1.0 where a cell of `outcome` says that it happened, 0.0 where it says otherwise, None where it is empty."""
        said = answer_of(held, self.event)
        return None if said is None else Answer(said, held)

    def check(self, record: Record[Row]) -> Iterator[Finding]:
        """Findings about one record."""
        for each in self.variables:
            yield from each.check(record.payload, record.key)

    def matrix(self, rows: Iterable[Row]) -> list[list[float]]:
        """Numbers (rows, variables); NaN where there is none."""
        return [[_or_nan(each.number(row.get(each.name))) for each in self.variables] for row in rows]

    def columns(self, records: Sequence[Record[Row]]) -> dict[str, list[float]]:
        """Each variable's numbers over a data set."""
        rows = self.matrix(each.payload for each in records)
        return {name: [row[at] for row in rows] for at, name in enumerate(self.names)}


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else number
