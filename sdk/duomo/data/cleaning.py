"""Rows made fit to learn from, by steps that a recipe names; what each did is reported, and nothing is done unasked.

strip             white space around texts goes
nfc               texts in composed Unicode, so that letters that look alike are alike
drop_duplicates   of rows with equal inputs and labels the first is kept
drop_conflicts    rows with equal inputs and unlike labels all go
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from duomo.data.examples import Example, Finding, content
from duomo.inputs import Text

STEPS = ("strip", "nfc", "drop_duplicates", "drop_conflicts")
SHOWN = 5
"""Rows that a finding names."""


def clean(examples: Sequence[Example], steps: Sequence[str]) -> tuple[list[Example], list[Finding]]:
    """The rows after all `steps`, in order, and what each of them did."""
    rows, findings = list(examples), []
    for step in steps:
        rows, changed, what = _DO[step](rows)
        if changed:
            findings.append(
                Finding("note", f"{step}: {len(changed):,} {what}", rows=tuple(changed[:SHOWN]), num_rows=len(changed))
            )
    return rows, findings


Done = tuple[list[Example], list[str], str]


def _texts(rows: list[Example], change: Callable[[str], str]) -> Done:
    found, changed = [], []
    for row in rows:
        item = _changed(row.item, change)
        if item is not row.item:
            changed.append(row.id)
        found.append(row._replace(item=item))
    return found, changed, "rows were changed"


def _changed(item: Any, change: Callable[[str], str]) -> Any:
    """An input with its texts changed; the very same object where there is nothing to change."""
    if isinstance(item, Text):
        new = change(item)
        return item if new == item or not new else Text(new, item.name)
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        parts = {
            field.name: _changed(value, change)
            for field in dataclasses.fields(item)
            if isinstance(value := getattr(item, field.name), Text)
        }
        if any(parts[name] is not getattr(item, name) for name in parts):
            return dataclasses.replace(item, **parts)
    return item


def _drop_duplicates(rows: list[Example]) -> Done:
    seen: set[tuple[str, str]] = set()
    kept, dropped = [], []
    for row in rows:
        key = (content(row), repr(row.label))
        if key in seen:
            dropped.append(row.id)
        else:
            seen.add(key)
            kept.append(row)
    return kept, dropped, "rows repeat another one and were left out"


def _drop_conflicts(rows: list[Example]) -> Done:
    labels: dict[str, set[str]] = defaultdict(set)
    keys = [content(row) for row in rows]
    for row, key in zip(rows, keys, strict=True):
        labels[key].add(repr(row.label))
    kept = [row for row, key in zip(rows, keys, strict=True) if len(labels[key]) == 1]
    dropped = [row.id for row, key in zip(rows, keys, strict=True) if len(labels[key]) > 1]
    return kept, dropped, "rows have the input of another with another label and were left out"


_DO: dict[str, Callable[[list[Example]], Done]] = {
    "strip": lambda rows: _texts(rows, str.strip),
    "nfc": lambda rows: _texts(rows, lambda text: unicodedata.normalize("NFC", text)),
    "drop_duplicates": _drop_duplicates,
    "drop_conflicts": _drop_conflicts,
}
