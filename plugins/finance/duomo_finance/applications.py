"""Application data: which fields there are, in which unit, known since when, and which may not be used at all."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import pydantic

from duomo.adapters import Finding, answer_of, find, is_amount, is_missing, name_in, number_in, other_answers
from duomo.errors import BadInput, did_you_mean
from duomo_finance.protected import protected_by, words_of

Row = Mapping[str, Any]

LENDER_NAMES = re.compile(
    r"(?:^|_)(?:int(?:erest)?_rate|apr|risk_band|credit_limit_granted|sub_?grade)$|^(?:(?:loan|credit|risk|internal)_)?grade$"
)
"""The lender's own verdict, made from the very risk that is to be predicted: ``loan_int_rate``, ``sub_grade``."""
OUTCOME_NAMES = re.compile(
    r"(?:^|_)(?:charged?_?offs?|writ(?:e|ten)_?offs?|recover(?:y|ies|ed)|collection_recovery_fee|loan_status|past_due|dpd|"
    r"paid_(?:total|principal|interest|late_fees|off|back)|(?:total|last)_(?:pymnts?|payments?)|total_rec|out_prncp|"
    r"(?:months?|days?|times?|currently|loan|is|now)_(?:delinquent|overdue|in_arrears))(?:_|$)"
)
"""Known only after the money was lent: ``total_pymnt``, ``write_off``, ``months_delinquent``."""
EARLIER = frozenset("since previous prior history earlier yrs years ever".split())
"""Words that speak of earlier loans, known when one applies: ``mths_since_last_delinq``, ``days_past_due_previous``."""
MOSTLY = 0.5
"""Share of numbers, or of values of their own, from which a column was hardly meant as a category."""
FEW = 20
"""In fewer cells, all may be alike or all different by chance."""
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")


class Field(pydantic.BaseModel):
    """One input of an application."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["number", "category", "ratio"] = "number"
    unit: str = ""
    """Such as ``EUR``, ``months`` or ``EUR/month``; a row may state its own under ``NAME_unit``."""
    of: tuple[str, str] | None = None
    """For a ratio: numerator and denominator, both fields of the application."""
    label: str = ""
    """What applicants call it."""
    known: Literal["application", "decision", "outcome", "unsaid"] = "unsaid"
    """When it becomes known. Only what is known at application may be used; names that smell of a later
    moment are refused while this is unsaid."""
    low: float | None = None
    """Smallest and largest plausible value; outside, the row is referred: most often the unit is wrong."""
    high: float | None = None

    @pydantic.model_validator(mode="after")
    def _ratio_has_parts(self) -> Field:
        if (self.kind == "ratio") != (self.of is not None):
            raise ValueError(f"'{self.name}': a ratio names its two fields in 'of', and nothing else does")
        return self

    @property
    def snake_name(self) -> str:
        """The words of the name, in small letters with low lines between them."""
        return "_".join(words_of(self.name))

    @property
    def text(self) -> str:
        """The label, or the name in words."""
        return self.label or self.name.replace("_", " ").replace(".", " ").lower()


def fields_of(rows: Sequence[Row], leave_out: Iterable[str] = ()) -> list[Field]:
    """A field for every column: numbers where every value given is one, categories otherwise."""
    skipped = set(leave_out)
    names = dict.fromkeys(name for row in rows for name in row if name not in skipped)
    return [Field(name=name, kind="number" if _is_numeric(rows, name) else "category") for name in names]


def unread_numbers(fields: Sequence[Field], rows: Sequence[Row]) -> list[Finding]:
    """A finding for each column whose cells are read as something else than they mean, as far as one can see that.

    Categories of which most cells are numbers, or would be without signs and separators; categories that are another
    in nearly every row; and numbers whose point always has three digits behind it, as one between thousands has.
    """
    found = []
    fix = (
        "write plain numbers such as 1250.5, and nothing where one is unknown; leave names, dates and numbers of "
        "documents out; or say Field(kind=…) yourself"
    )
    for field in fields:
        given = [row[field.name] for row in rows if not is_missing(row.get(field.name))]
        text = _misread_number(field, given) if field.kind == "number" else _misread_category(field, given)
        if text:
            found.append(find("INPUT.UNREADABLE", text, field=field.name, fix=fix, severity="warn"))
    return found


def _misread_number(field: Field, given: Sequence[object]) -> str:
    pointed = [each.strip() for each in given if isinstance(each, str) and "." in each]
    if len(pointed) < FEW or not all(map(_THOUSANDS.fullmatch, pointed)):
        return ""
    return (
        f"each of the {len(pointed):,} points in '{field.name}' has three digits behind it and is read as a decimal "
        f"point: {pointed[0]} is less than {math.floor(float(pointed[0])) + 1}"
    )


def _misread_category(field: Field, given: Sequence[object]) -> str:
    texts = [str(each).strip() for each in given]
    alike = sum(not math.isnan(_number(each)) or is_amount(str(each)) for each in given)
    if given and alike >= MOSTLY * len(given):
        return (
            f"{alike:,} of {len(given):,} cells of '{field.name}' are numbers, and it is taken as a category: "
            "for the others, or for signs and separators"
        )
    if len(given) >= FEW and len(set(texts)) > MOSTLY * len(given):
        return f"'{field.name}' is taken as a category, and has {len(set(texts)):,} values in {len(given):,} rows"
    return ""


def screen(fields: Sequence[Field], rows: Sequence[Row]) -> list[Finding]:
    """What must not be a feature: protected bases (FAIR.PROHIBITED_BASIS) and what was not yet known (LEAK.TARGET)."""
    found = []
    for field in fields:
        if field.kind != "ratio" and (basis := protected_by(field.name, _names_in(field, rows))):
            found.append(
                find(
                    "FAIR.PROHIBITED_BASIS",
                    f"'{field.name}' is a protected attribute ({basis})",
                    field=field.name,
                    fix="leave it out of the features; name it under protected= and the fairness report will use it",
                )
            )
        elif when := known_later(field):
            found.append(
                find(
                    "LEAK.TARGET",
                    f"'{field.name}' is {when}",
                    field=field.name,
                    fix="leave it out; where it truly is known at application (a buyer of loans sees their rate), "
                    "say so with known='application'",
                )
            )
    return found


def check_row(row: Row, fields: Sequence[Field], key: str, currency: str = "") -> list[Finding]:
    """What is wrong with one application: columns, types, units, currencies, ranges."""
    needed = dict.fromkeys(name for field in fields for name in field.of or (field.name,))
    found = [
        find("INPUT.MISSING_COLUMN", f"there is no '{name}'", field=name, record=key,
             fix=f"add '{name}', empty where it is not known")
        for name in needed if name not in row
    ]  # fmt: skip
    for field in fields:
        if field.kind == "ratio" or field.name not in row:
            continue
        value = row[field.name]
        if is_missing(value):
            found.append(find("INPUT.MISSING_VALUE", f"'{field.name}' is empty; it scores as missing",
                              field=field.name, record=key, severity="info"))  # fmt: skip
        elif field.kind == "number":
            found += _check_number(field, value, row, key)
    stated = {str(row[name]).upper() for name in row if name.lower().endswith("currency") and not is_missing(row[name])}
    expected = {currency.upper()} if currency else set()
    if len(stated | expected) > 1:
        found.append(
            find(
                "UNITS.CURRENCY_MIXED",
                f"amounts in {' and '.join(sorted(stated))}" + (f", and {currency} is expected" if currency else ""),
                field=next(name for name in row if name.lower().endswith("currency")),
                record=key,
                fix="convert all amounts to one currency, at the rate of the application's day",
            )
        )
    return found


def value_of(row: Row, field: Field) -> float | str | None:
    """A field's value: a float (NaN when missing), a category, or None."""
    if field.kind == "ratio" and field.of is not None:
        above, below = (_number(row.get(name)) for name in field.of)
        return above / below if below > 0 else math.nan
    value = row.get(field.name)
    if field.kind == "number":
        return _number(value)
    return name_in(value)


def demand_answers(rows: Sequence[Row], target: str, event: str) -> list[Finding]:
    """A finding where there are several answers that are not the event. Raises `BadInput` where none is the event."""
    given = [row[target] for row in rows if not is_missing(row.get(target))]
    if given and not any(answer_of(each, event) for each in given):
        values = sorted({str(each).strip() for each in given})
        raise BadInput(f"no answer in '{target}' is '{event}'", why=f"its values are {', '.join(values[:6])}",
                       fix=did_you_mean(event, values) or f"event='{values[0]}', if that is the default")  # fmt: skip
    others = other_answers(given, event)
    if len(others) < 2:
        return []
    text = (
        f"'{target}' has {len(others)} answers that are not '{event}', and all count as none: {', '.join(others[:4])}"
    )
    fix = "leave out the rows whose end is not known yet, and write every default in one way"
    return [find("INPUT.UNREADABLE", text, field=target, fix=fix, severity="warn")]


def _names_in(field: Field, rows: Sequence[Row]) -> Iterator[object]:
    """The values of a category; of numbers none is a name."""
    if field.kind == "category":
        yield from (row[field.name] for row in rows if not is_missing(row.get(field.name)))


def known_later(field: Field) -> str:
    """Say why a field is not yet known when someone applies, by its name or by what is said of it; empty otherwise."""
    if field.known == "application":
        return ""
    name = field.snake_name
    if field.known == "decision" or LENDER_NAMES.search(name):
        return "the lender's own decision, made from the risk that is to be predicted"
    if field.known == "outcome" or (OUTCOME_NAMES.search(name) and not EARLIER & set(words_of(field.name))):
        return "known only after the loan was made"
    return ""


def _check_number(field: Field, value: object, row: Row, key: str) -> list[Finding]:
    number = _number(value)
    if math.isnan(number):
        return [find("INPUT.UNREADABLE", f"'{field.name}' is not a number: {type(value).__name__}", field=field.name,
                     record=key, fix="a plain number, without separators and units")]  # fmt: skip
    stated = row.get(f"{field.name}_unit")
    if not is_missing(stated) and field.unit and str(stated).lower() != field.unit.lower():
        return [find("UNITS.MISMATCH", f"'{field.name}' is in {stated}, and {field.unit} is expected",
                     field=field.name, record=key, fix=f"convert it to {field.unit}")]  # fmt: skip
    low, high = field.low, field.high
    if (low is not None and number < low) or (high is not None and number > high):
        bounds = f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}"
        unit = f" {field.unit}" if field.unit else ""
        return [find("OOD.RANGE", f"'{field.name}' is outside {bounds}{unit}", field=field.name, record=key,
                     fix="look whether the unit is right (cents for euros, years for months)")]  # fmt: skip
    return []


def _number(value: object) -> float:
    number = None if is_missing(value) or isinstance(value, bool) else number_in(value)
    return math.nan if number is None else number


def _is_numeric(rows: Sequence[Row], name: str) -> bool:
    given = [row[name] for row in rows if not is_missing(row.get(name))]
    return bool(given) and not any(math.isnan(_number(value)) for value in given)
