"""A result as columns."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Any

from duomo.errors import BadOption, did_you_mean
from duomo.tasks.base import Result

OUTCOME_KEYS = ("schema", "index", "id", "ok", "result", "error", "meta")


def columns(cls: type[Result] | None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted name and kind of each field, those of inner results in their place (of all kinds it may have)."""
    for name, field in cls.model_fields.items() if cls is not None else ():
        kind = without_none(field.annotation)
        inner = _results(kind)
        if inner:
            yield from {part: of for each in inner for part, of in columns(each, f"{prefix}{name}.")}.items()
        else:
            yield prefix + name, kind


def _results(kind: object) -> list[type[Result]]:
    """List the result classes that a field may hold; empty where it may hold anything else."""
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    kinds = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else [kind]
    found = [each for each in kinds if isinstance(each, type) and issubclass(each, Result)]
    return found if len(found) == len(kinds) else []


def class_of_top(result: type[Result]) -> type[Result] | None:
    """Find the class of a result's best part, where it has one."""
    top = getattr(result, "top", None)
    kind = typing.get_type_hints(top.fget).get("return") if isinstance(top, property) else None
    return kind if isinstance(kind, type) and issubclass(kind, Result) else None


def without_none(kind: object) -> object:
    """Find the kind behind ``X | None``."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [each for each in typing.get_args(kind) if each is not type(None)]
        return rest[0] if len(rest) == 1 else kind
    return kind


def full_names(fields: Iterable[str], result: type[Result]) -> tuple[str, ...]:
    """Complete dotted names: a field of the result may be named without ``result.``.

    Raises:
        BadOption: neither an outcome nor the result has such a field.
    """
    return tuple(_full(name, result) for name in fields)


def _full(name: str, cls: type[Result]) -> str:
    head = name.partition(".")[0]
    if head in OUTCOME_KEYS:
        return name
    if head in cls.model_fields:
        return f"result.{name}"
    if head == "top" and (best := _place_of_top(cls)):
        return f"result.{best}{name.removeprefix('top')}"
    known = [*OUTCOME_KEYS, *cls.model_fields, *(["top"] if _place_of_top(cls) else [])]
    names = ("id", *cls.model_fields)
    raise BadOption(
        f"a result has no field '{head}'",
        why=did_you_mean(head, known) or f"there are: {', '.join(known)}",
        fix=f"{names}  (--fields {','.join(names)})",
    )


def _place_of_top(cls: type[Result]) -> str:
    """Find where the best part of a result stands in its JSON, ``labels.0``; empty where it has none."""
    top = getattr(cls, "top", None)
    kind = without_none(typing.get_type_hints(top.fget).get("return")) if isinstance(top, property) else None
    lists = (name for name, field in cls.model_fields.items() if typing.get_args(field.annotation) == (kind,))
    return next((f"{name}.0" for name in lists), "")


def dig(record: object, path: str) -> Any:
    """Look up the value at ``a.b.0`` in dicts and lists. Raises `KeyError` where there is none."""
    for part in path.split("."):
        if isinstance(record, dict) and part in record:
            record = record[part]
        elif isinstance(record, list) and part.isdecimal() and int(part) < len(record):
            record = record[int(part)]
        else:
            raise KeyError(part)
    return record


def find(record: object, path: str) -> Any:
    """Look up the value at ``a.b.0``; None where there is none."""
    try:
        return dig(record, path)
    except KeyError:
        return None


def cell(value: object) -> str:
    """Format a value as one cell: text as it is, nothing for None, everything else as in JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
