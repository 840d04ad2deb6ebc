"""A result as columns."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from typing import Any

from duomo.tasks.base import Result


def columns(cls: type[Result] | None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and kind of each field, those of results in results in their place."""
    for name, field in cls.model_fields.items() if cls is not None else ():
        kind = without_none(field.annotation)
        if isinstance(kind, type) and issubclass(kind, Result):
            yield from columns(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, kind


def class_of_top(result: type[Result]) -> type[Result] | None:
    """Find the class of a result's best part, where it has one."""
    top = getattr(result, "top", None)
    kind = typing.get_type_hints(top.fget).get("return") if isinstance(top, property) else None
    return kind if isinstance(kind, type) and issubclass(kind, Result) else None


def without_none(kind: Any) -> Any:
    """The kind behind ``X | None``."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [each for each in typing.get_args(kind) if each is not type(None)]
        return rest[0] if len(rest) == 1 else kind
    return kind


def dig(values: Any, name: str) -> Any:
    """Look a dotted name up in nested dicts."""
    for part in name.split("."):
        values = None if values is None else values.get(part)
    return values


def cell(value: Any) -> str:
    """Text as it is, nothing for None, everything else as in JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
