"""Checks that many adapters need, each made once and called on every record."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from duomo.adapters.findings import Finding, find
from duomo.adapters.records import Record

RecordGuard = Callable[[Record[Any]], Iterable[Finding]]


def value_of(record: Record[Any], field: str) -> Any:
    """A field of the payload, whether it is a dict or an object; None where it has none."""
    payload = record.payload
    return payload.get(field) if isinstance(payload, Mapping) else getattr(payload, field, None)


def fields_of(record: Record[Any]) -> Collection[str]:
    """The names of a payload's fields; none for a payload that is one value."""
    payload = record.payload
    if isinstance(payload, Mapping):
        return payload.keys()
    return list(getattr(type(payload), "model_fields", getattr(payload, "__dict__", ())))


def known_in_time(record: Record[Any]) -> Iterator[Finding]:
    """LEAK.FUTURE for each field that became known after the record's event. Built into every adapter."""
    if record.event_time is None:
        return
    for field, known in record.available_at.items():
        if value_of(record, field) is not None and _after(known, record.event_time):
            yield find(
                "LEAK.FUTURE",
                f"'{field}' became known after the moment of the decision",
                field=field,
                record=record.key,
                fix=f"leave '{field}' out, or use its value as of the event",
            )


def no_protected(protected: Collection[str]) -> RecordGuard:
    """FAIR.PROHIBITED_BASIS for each protected attribute in the payload. Built into every adapter."""
    names = frozenset(protected)

    def check(record: Record[Any]) -> Iterator[Finding]:
        for field in sorted(names.intersection(fields_of(record))) if names else ():
            if value_of(record, field) is not None:
                yield prohibited(field, record.key)

    return check


def prohibited(field: str, record: str = "") -> Finding:
    """The finding for a protected attribute among the features."""
    return find(
        "FAIR.PROHIBITED_BASIS",
        f"'{field}' is a protected attribute and is offered as a feature",
        field=field,
        record=record,
        fix=f"move '{field}' to Record.protected: fairness reports see it, models do not",
    )


def required(*fields: str) -> RecordGuard:
    """INPUT.MISSING_COLUMN for each of the fields that is absent or empty."""

    def check(record: Record[Any]) -> Iterator[Finding]:
        for field in fields:
            value = value_of(record, field)
            if value is None or (isinstance(value, float) and math.isnan(value)):
                yield find(
                    "INPUT.MISSING_COLUMN", f"no '{field}'", field=field, record=record.key, fix=f"add '{field}'"
                )

    return check


def within(field: str, low: float, high: float, *, unit: str = "", code: str = "OOD.RANGE") -> RecordGuard:
    """A finding where a number lies outside [low, high]; with a `unit`, what a wrong unit would look like is said."""

    def check(record: Record[Any]) -> Iterator[Finding]:
        value = value_of(record, field)
        if value is not None and not low <= float(value) <= high:
            yield find(
                code,
                f"'{field}' is not within {low:g} to {high:g}{' ' + unit if unit else ''}",
                field=field,
                record=record.key,
                fix=f"check the unit: {unit} is meant" if unit else "check the value",
            )

    return check


def unit_is(field: str, unit: str) -> RecordGuard:
    """UNITS.MISSING or UNITS.MISMATCH: the payload's `field` must hold this very unit (or currency)."""

    def check(record: Record[Any]) -> Iterator[Finding]:
        value = value_of(record, field)
        if value is None or value == "":
            text, code = f"'{field}' does not say the unit", "UNITS.MISSING"
        elif value != unit:
            text, code = f"'{field}' is another unit than {unit}", "UNITS.MISMATCH"
        else:
            return
        yield find(code, text, field=field, record=record.key, fix=f"convert to {unit}, and say so in '{field}'")

    return check


def one_currency(field: str) -> Callable[[Sequence[Record[Any]]], Iterator[Finding]]:
    """UNITS.CURRENCY_MIXED over a data set: amounts in several currencies cannot be added or compared."""

    def check(records: Sequence[Record[Any]]) -> Iterator[Finding]:
        found = sorted({str(value_of(each, field)) for each in records})
        if len(found) > 1:
            yield find(
                "UNITS.CURRENCY_MIXED",
                f"'{field}' holds {len(found)} currencies: {', '.join(found[:5])}",
                field=field,
                fix="convert to one currency at the rate of the event's day, or split the data",
            )

    return check


def no_target_leak(
    features: Mapping[str, Sequence[Any]], labels: Sequence[Any], *, most: float = 0.995
) -> Iterator[Finding]:
    """LEAK.TARGET for each feature that tells the two-valued answer (nearly) alone.

    A number whose area under the ROC curve is beyond `most` either way, or a category whose values each
    have one answer although they repeat.
    """
    names = sorted({str(each) for each in labels})
    if len(names) != 2:
        return
    truth = [float(str(each) == names[1]) for each in labels]
    for field, values in features.items():
        if _tells(values, truth, most):
            yield find(
                "LEAK.TARGET",
                f"'{field}' alone tells the answer",
                field=field,
                fix=f"leave '{field}' out unless it is known before the answer; then say since when (available_at)",
            )


def no_shared_groups(fit: Iterable[Record[Any]], judge: Iterable[Record[Any]]) -> Iterator[Finding]:
    """LEAK.GROUP when a group stands on both sides of a split."""
    both = {each.group for each in fit if each.group is not None} & {each.group for each in judge}
    if both:
        yield find("LEAK.GROUP", f"{len(both):,} groups are on both sides of the split", fix="split by Group()")


def _tells(values: Sequence[Any], truth: Sequence[float], most: float) -> bool:
    from duomo.adapters.statistics.metrics import auc  # numpy, only where data sets are judged

    numbers = [float(each) for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    if len(numbers) == len(values):
        area = auc(numbers, truth) if all(map(math.isfinite, numbers)) else 0.5
        return max(area, 1 - area) > most
    answers: dict[str, set[float]] = {}
    for value, answer in zip(values, truth, strict=True):
        answers.setdefault(str(value), set()).add(answer)
    return len(answers) <= len(values) // 2 and all(len(each) == 1 for each in answers.values())


def _after(known: dt.datetime, event: dt.datetime) -> bool:
    """Times with and without a zone are compared by their clocks: a leak must not hide behind a `TypeError`."""
    if (known.tzinfo is None) != (event.tzinfo is None):
        known, event = known.replace(tzinfo=None), event.replace(tzinfo=None)
    return known > event
