"""The form of a table: its fields, and the columns with a meaning of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from duomo.adapters import Artifact, Finding, Record, answer_of, is_missing, name_in, parse_time, pseudonym
from duomo.errors import BadInput, a_type
from duomo_finance.applications import Field, Row, check_row, fields_of, screen, unread_numbers


class Form(Artifact):
    """What adapters over tables share; a subclass names the column by which records are grouped."""

    fields: tuple[Field, ...]
    target: str = ""
    """Column of the answer."""
    event: str = "1"
    """The value of `target` that means the event."""
    key: str = ""
    """Column that names a record; its position when left empty."""
    time: str = ""
    currency: str = ""

    @property
    def group_column(self) -> str:
        """Column of the person or account: it never stands on both sides of a split."""
        return ""

    def record(self, value: object, position: int, secret: bytes | None) -> Record[dict[str, Any]]:
        """Make a record of a row: names as pseudonyms, the answer aside, and findings for what is wrong with it.

        Raises:
            BadInput: It is not a row, or its time is not a time.
        """
        if not isinstance(value, Mapping):
            raise BadInput(f"record {position} is {a_type(value)}", why="a row (a dict) is needed",
                           fix="one dict of columns a record")  # fmt: skip
        row = dict(value)
        name, group = name_in(row.get(self.key)), name_in(row.get(self.group_column))
        label, time = row.pop(self.target, None), row.pop(self.time, None)
        for column in {self.key, self.group_column} - {each.name for each in self.fields}:
            row.pop(column, None)
        key = str(position) if name is None else pseudonym(name, secret)  # an empty cell is not a name
        return Record(
            row,
            key,
            None if group is None else pseudonym(group, secret),
            None if is_missing(time) else parse_time(time, self.time, key),
            label=answer_of(label, self.event),
            findings=tuple(check_row(row, self.fields, key, self.currency)),
        )


@dataclasses.dataclass(frozen=True)
class Screened:
    """The columns of a table that may be features, and a finding for each that may not."""

    fields: tuple[Field, ...]
    findings: list[Finding]


def screened(rows: Sequence[Row], leave_out: Iterable[str], codes: Iterable[str]) -> Screened:
    """Make a field of every column but those left out and those that a finding of `codes` refuses."""
    units = {name for row in rows[:1] for name in row if name.endswith(("_unit", "currency"))}
    fields = fields_of(rows, ({*leave_out} | units) - {""})
    found = [each for each in screen(fields, rows) if each.code in set(codes)]
    refused = {each.field for each in found}
    kept = tuple(field for field in fields if field.name not in refused)
    return Screened(kept, [*found, *unread_numbers(kept, rows)])
