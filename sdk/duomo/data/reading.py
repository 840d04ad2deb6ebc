"""Rows to examples: inputs accepted, labels read, each bad row named and left out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from duomo.counting import a_type
from duomo.data.examples import Example
from duomo.data.sources import Columns, RawRow, choose_columns, rows_of, split_row
from duomo.data.words import is_words, join_words
from duomo.errors import BadInput
from duomo.inputs import Audio, Image, Prompt, Text, TextPair
from duomo.inputs.advice import is_missing
from duomo.outcome import ItemError

INPUTS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (Text, ("text", "sentence", "content", "tokens", "words")),
    (Prompt, ("text", "messages", "content")),
    (Image, ("image", "file_name", "file", "path")),
    (Audio, ("audio", "file_name", "file", "path")),
)
"""Usual columns of the inputs that are one value; other inputs are read from the whole row."""
PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "passage"),
)
"""Usual columns of two texts, as in GLUE, SuperGLUE and SNLI."""


class Read(NamedTuple):
    """What was found in the data."""

    examples: list[Example]
    failed: list[tuple[str, ItemError]]
    """Ids of rows that cannot be used, and why."""


def read_examples(
    data: Any,
    task: Any,
    suffixes: tuple[str, ...],
    *,
    label: str | None,
    input: str | None = None,
    purpose: str = "train on",
) -> Read:
    """All examples of `data` in order.

    Args:
        data: what `duomo.data.sources.rows_of` takes.
        task: the task's class, whose ``Input`` accepts each input.
        suffixes: endings of the files that a folder is searched for.
        label: the column of the label; None where rows need none.
        input: the column of the input, where its name is not a usual one.
        purpose: what the rows are for, in the message where there is none.

    Raises:
        BadInput: a column is missing, or there are not rows.
    """
    usual = next((names for cls, names in INPUTS if issubclass(task.Input, cls)), ())
    takes_files = issubclass(task.Input, Image | Audio)
    rows = rows_of(data, suffixes, is_labelled=label is not None)
    columns: Columns | None = None
    examples: list[Example] = []
    failed: list[tuple[str, ItemError]] = []
    for row in rows:
        if columns is None and isinstance(row.value, Mapping):
            columns = choose_columns(row.value, usual, label, input)
        try:
            value, found = split_row(row, columns, takes_files)
            if label is not None and (is_missing(found) or (isinstance(found, str) and not found.strip())):
                raise _without_label(row, label)
            value, found = _as_accepted(task.Input, value, found)
            examples.append(Example(row.id, task.Input.accept(value), found))
        except Exception as error:  # the input class of a plugin's task may raise anything
            failed.append((row.id, ItemError.of(error)))
    if not examples:
        first = failed[0][1] if failed else None
        raise BadInput(
            f"there is no row to {purpose}",
            why=f"all {len(failed):,} were refused, the first: {first.what}{first.why and f': {first.why}'}"
            if first
            else "the data is empty",
            fix=(first.fix if first else "") or "check the data",
        )
    return Read(_with_distinct_ids(examples), failed)


def _as_accepted(kind: type, value: object, label: object) -> tuple[object, object]:
    """A row as public data sets have it, as this input and its label are written here."""
    if issubclass(kind, Text):
        value, label = (each.tolist() if hasattr(each, "tolist") else each for each in (value, label))
        return join_words(value, label) if is_words(value) else (value, label)
    if issubclass(kind, TextPair) and isinstance(value, Mapping) and not value.keys() >= TextPair.WIRE.keys():
        pair = next((pair for pair in PAIRS if value.keys() >= set(pair)), None)
        return tuple(value[name] for name in pair) if pair else value, label
    return value, label


def _without_label(row: RawRow, column: str) -> BadInput:
    if isinstance(row.value, Mapping):
        return BadInput("this row has no label", why=f"'{column}' is empty", fix="fill it, or leave the row out")
    if isinstance(row.value, Path):
        why, fix = "it lies beside the folders of classes", "move it into the folder of its class"
    else:
        why = f"it is {a_type(row.value)} alone"
        fix = f'a pair, ("…", "label"), or a mapping of columns, one of them \'{column}\''
    return BadInput("this row has no label", why=why, fix=fix)


def _with_distinct_ids(examples: list[Example]) -> list[Example]:
    """Rows may bring ids of their own; where two are equal the place is added."""
    seen: set[str] = set()
    for at, each in enumerate(examples):
        if each.id in seen:
            new = next(name for n in itertools.count(at) if (name := f"{each.id}#{n}") not in seen)
            examples[at] = each._replace(id=new)
        seen.add(examples[at].id)
    return examples
