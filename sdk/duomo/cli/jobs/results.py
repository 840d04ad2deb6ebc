"""What a result looks like in a table and as text, found from its class and not from its task."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic

from duomo.tasks.base import Result
from duomo.writers.columns import find, full_names

_MOST_ROWS = 20
_BAR = 10
_ON_ONE_LINE = dict.fromkeys(map(ord, "\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), " ")
"""What would end a value or a row, and the space that stands for it."""


class View:
    """The columns of one result class.

    A result with one list of records (labels, boxes, hits, segments) is shown with a row for each of
    them; any other with a text by its text; the rest by all their fields.

    Args:
        cls: a `duomo.Result` subclass.
        fields: what the user chose instead, with dots; a name inside the result may stand alone.
    """

    def __init__(self, cls: type[Result], fields: tuple[str, ...] = ()) -> None:
        self.result = cls
        self.fields = full_names(fields, cls)
        kinds = {name: field.annotation for name, field in cls.model_fields.items()}
        lists = {name: item for name, kind in kinds.items() if (item := _record_class(kind)) is not None}
        self.blob = next((name for name, kind in kinds.items() if kind is bytes), None)
        """The field with a whole file in it, named after the file's suffix: ``wav``."""
        self.rows_of = next(iter(lists)) if len(lists) == 1 else None
        row = lists[self.rows_of].model_fields if self.rows_of is not None else {}
        self._files = {self.blob, *(name for name, field in row.items() if field.annotation is bytes)}
        self.has_text = hasattr(cls, "text") or "text" in kinds
        if self.fields:
            self.columns = list(fields)
        elif self.rows_of is not None:
            self.columns = list(lists[self.rows_of].model_fields)
        else:
            self.columns = ["text"] if "text" in kinds else list(kinds)

    def rows(self, record: Mapping[str, Any]) -> Iterator[list[Any]]:
        """Yield the values of the columns, a list for each row; nothing for a failed item."""
        result = record["result"]
        if self.fields:
            yield self._chosen(record)
        elif result is None:
            return
        elif self.rows_of is not None:
            yield from ([part[name] for name in self.columns] for part in result[self.rows_of])
        else:
            yield [result[name] for name in self.columns]

    def table_rows(self, record: Mapping[str, Any]) -> list[list[str]]:
        """Make rows for people: rounded numbers, a bar beside a score, long lists cut short."""
        rows = [
            [self._cell(name, value) for name, value in zip(self.columns, row, strict=True)]
            for row in self.rows(record)
        ]
        if not rows:
            return [["none", *[""] * (len(self.columns) - 1)]]
        if len(rows) > _MOST_ROWS:
            rows[_MOST_ROWS:] = [[f"… {len(rows) - _MOST_ROWS} more", *[""] * (len(self.columns) - 1)]]
        return rows

    def text(self, record: Mapping[str, Any], result: Any) -> str:
        """Give the result's own text where it has one, else its rows with tabs between the values.

        Nothing where there is no result, but for the chosen fields. A tab or the end of a line in a value becomes a
        space, so that each row keeps its columns.
        """
        if result is not None and self.has_text and not self.fields:
            return str(result.text)
        return "\n".join("\t".join(plain(value).translate(_ON_ONE_LINE) for value in row) for row in self.rows(record))

    def _chosen(self, record: Mapping[str, Any]) -> list[Any]:
        return [find(record, path) for path in self.fields]

    def _cell(self, name: str, value: Any) -> str:
        if name in self._files:
            return f"{len(value) * 3 // 4:,} bytes"
        if name.endswith("score") and isinstance(value, float):
            return f"{value:6.3f} {'█' * round(min(max(value, 0), 1) * _BAR):<{_BAR}}"
        if isinstance(value, list) and len(value) > 8 and isinstance(value[0], float):
            return f"{len(value):,} numbers: {', '.join(f'{each:.3f}' for each in value[:4])}, …"
        return plain(value, digits=4)


def plain(value: object, digits: int = 6) -> str:
    """Format a JSON value as one cell: numbers short, simple lists with commas, anything nested as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, list) and all(isinstance(each, int | float | str) for each in value):
        return ", ".join(plain(each, digits) for each in value)
    if isinstance(value, list | dict):
        from duomo.cli.formats import to_json

        return to_json(value)
    return str(value)


def _record_class(kind: object) -> type[pydantic.BaseModel] | None:
    """Find the class that a ``list[Label]`` holds."""
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is list and isinstance(inner[0], type) and issubclass(inner[0], pydantic.BaseModel):
        return inner[0]
    return None
