"""From a row to a record."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import pydantic

from duomo.adapters.findings import Finding, find
from duomo.adapters.records import Record, Source, pseudonym
from duomo.adapters.validation import first_of
from duomo.counting import a_type, with_article
from duomo.data.cells import name_in
from duomo.data.times import parse_time
from duomo.errors import BadInput, nearest


class RowLayout(NamedTuple):
    """How the rows of a table become records: the columns with a meaning of their own, and the class of the rest."""

    adapter: str
    """The adapter's name, for messages."""
    payload: type[Any] | None = None
    """Class of a record's payload; None takes rows as they are."""
    key: str = ""
    group: str = ""
    time: str = ""
    label: str = ""
    protected: tuple[str, ...] = ()
    secret: bytes | None = None
    """Makes pseudonyms of keys and groups; None where records are not about people."""


def to_record(layout: RowLayout, value: object, position: int) -> Record[Any]:
    """Make a record of a row; what is a payload already is wrapped. Raises `BadInput` with a remedy."""
    if not isinstance(value, Mapping):
        if layout.payload is None or isinstance(value, layout.payload):
            return Record(value, key=str(position))
        raise BadInput(
            f"record {position} is {a_type(value)}",
            why=f"'{layout.adapter}' takes a row (a dict), a Record, or {with_article(layout.payload.__name__)}",
            fix=f"duomo adapters show {layout.adapter}",
        )
    row = dict(value)
    name = name_in(row.get(layout.key)) if layout.key else None
    key = str(position) if name is None else name  # an empty cell is not a name
    if layout.secret is not None and name is not None:
        key = pseudonym(key, layout.secret)
    group = name_in(row.get(layout.group)) if layout.group else None
    if group is not None and layout.secret is not None:
        group = pseudonym(group, layout.secret)
    protected = {name: row.pop(name) for name in layout.protected if name in row}
    label = row.pop(layout.label, None) if layout.label else None
    time = parse_time(row.get(layout.time), layout.time, key) if layout.time else None
    payload, findings = _payload(layout, row, key)
    return Record(
        payload, key, group, time, protected=protected, label=label, source=Source(format="row"), findings=findings
    )


def _payload(layout: RowLayout, row: dict[str, Any], key: str) -> tuple[Any, tuple[Finding, ...]]:
    cls = layout.payload
    if cls is None:
        return row, ()
    if not (isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)):
        return cls(**row), ()
    # An empty cell is not a value: fields with a default take it, the others are missing.
    row = {name: each for name, each in row.items() if each is not None}
    known = _names(cls)
    try:
        payload = cls.model_validate({name: each for name, each in row.items() if known is None or name in known})
    except pydantic.ValidationError as error:
        raise _refused(error, tuple(row), key) from None
    slips = _slips(cls, frozenset(row))
    return payload, tuple(find("INPUT.MISSING_COLUMN", text, field=field, record=key, severity="warn")
                          for field, text in slips)  # fmt: skip


def _refused(error: pydantic.ValidationError, columns: tuple[str, ...], key: str) -> BadInput:
    """The first thing that is wrong with a row, without its value: it may be about a person."""
    kind, field, words = first_of(error)
    field = field or "the record"
    if kind == "missing":
        near = nearest(field, columns, 1)
        return BadInput(
            f"INPUT.MISSING_COLUMN: record '{key}' has no '{field}'",
            why=f"the closest column is '{near[0]}'" if near else "the adapter cannot do without it",
            fix=f"rename '{near[0]}' to '{field}'" if near else f"add a column '{field}'",
        )
    return BadInput(f"record '{key}': '{field}' cannot be used", why=words, fix=f"correct '{field}'")


@functools.cache
def _names(cls: type[pydantic.BaseModel]) -> frozenset[str] | None:
    """The columns a payload is made of; a table may have others. None for a class that takes all."""
    if cls.model_config.get("extra") == "allow":
        return None
    return frozenset(cls.model_fields) | frozenset(_aliases(cls).values())


def _aliases(cls: type[pydantic.BaseModel]) -> dict[str, str]:
    """Field → the column it is read from, where that has another name."""
    found = {name: field.validation_alias for name, field in cls.model_fields.items()}
    return {name: alias for name, alias in found.items() if isinstance(alias, str)}


@functools.lru_cache(maxsize=256)
def _slips(cls: type[pydantic.BaseModel], columns: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """Optional fields that are absent while a column of nearly the same name is there and unused."""
    aliases = _aliases(cls)
    absent = {name for name in cls.model_fields if name not in columns and aliases.get(name) not in columns}
    unused = columns - set(cls.model_fields) - set(aliases.values())
    found = [(field, nearest(field, unused, 1)) for field in sorted(absent)] if unused else []
    return tuple((field, f"no '{field}'; is '{near[0]}' meant?") for field, near in found if near)
