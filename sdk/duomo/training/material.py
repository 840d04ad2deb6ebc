"""From data to what is trained on: examples, labels, the two parts, and what was found in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from duomo.data.checks import check_rows, check_spans, from_cell, name_of, read_answers, read_names, read_number
from duomo.data.examples import Example, Finding, content, words
from duomo.data.reading import read_examples
from duomo.data.splits import split
from duomo.errors import BadInput, UsageProblem
from duomo.outcome import ItemError
from duomo.specs import TaskSpec
from duomo.training.fit import LeftOut
from duomo.training.trainable import Kind


class Material(NamedTuple):
    """Examples that were accepted, and where they came from."""

    examples: list[Example]
    num_own: int
    """How many come from the data; those after them from validation data of its own."""
    left_out: list[LeftOut]
    kind: Kind
    """Of the labels: ``names`` where rows have lists, though the task expects one name."""


class Split(NamedTuple):
    """Places of the rows to train on and of those held out, and what was found."""

    train: list[int]
    held: list[int]
    findings: tuple[Finding, ...]


def left_out(id: str, error: ItemError) -> LeftOut:
    """A row's entry in the report."""
    return LeftOut(id, error.code, error.what, error.why, error.fix)


def read_material(
    task: object,
    spec: TaskSpec,
    kind: Kind,
    data: object,
    validation: object,
    label: str | None,
    input: str | None,
    *,
    takes_lists: bool = False,
) -> Material:
    """Read the data, and validation data that is not a share of it.

    Args:
        task: the task's class.
        spec: its spec.
        kind: of label.
        data: where rows come from.
        validation: a share of the rows, or where other rows come from.
        label: the column of the label.
        input: the column of the input.
        takes_lists: whether a row may have a list of names instead of one.

    Raises:
        BadInput: a column is missing, there is no row, or no label that could be learned.
    """
    column = None if kind in ("none",) else label
    found = read_examples(data, task, spec.suffixes, label=column, input=input)
    failed = list(found.failed)
    if takes_lists and kind == "classes" and any(_is_list(each.label) for each in found.examples):
        kind = "names"
    own, other = _labelled(found.examples, kind, failed), []
    if not _is_share(validation):
        more = read_examples(validation, task, spec.suffixes, label=column, input=input, purpose="hold out")
        failed += more.failed
        taken = {each.id for each in own}
        other = [
            each._replace(id=f"validation:{each.id}") if each.id in taken else each
            for each in _labelled(more.examples, kind, failed)
        ]
    return Material([*own, *other], len(own), [left_out(id, error) for id, error in failed], kind)


def _is_list(label: object) -> bool:
    return isinstance(from_cell(label), list | tuple | set) or getattr(label, "shape", ()) != ()


def _is_share(validation: object) -> bool:
    if validation is None or isinstance(validation, int | float):
        share = float(validation or 0)
        if not 0 <= share < 1:
            raise UsageProblem(
                f"validation={validation} is not a share", why="a share of the rows is below 1", fix="0.2"
            )
        return True
    return False


def _labelled(examples: Sequence[Example], kind: Kind, failed: list[tuple[str, ItemError]]) -> list[Example]:
    """The examples with their labels read; those whose label is of another kind are failed."""
    if kind == "none":
        return list(examples)
    kept = []
    for each in examples:
        try:
            kept.append(each._replace(label=_read_label(each, kind)))
        except BadInput as error:
            failed.append((each.id, ItemError.of(error)))
    if not kept:
        raise failed[-1][1].to_exception()
    return kept


def _read_label(example: Example, kind: Kind) -> Any:
    """A label in the one shape of its kind. Raises `BadInput` for one of another kind."""
    label = example.label
    if kind == "spans" or (kind == "answer" and isinstance(label, str) and label not in str(example.item.context)):
        label = from_cell(label)
    if kind == "spans":
        check_spans(label, len(example.item))
    elif kind == "names":
        return read_names(label)
    elif kind == "number":
        return read_number(label)
    elif kind == "answer":
        return read_answers(label, str(example.item.context))
    elif isinstance(label, list | dict | tuple) or getattr(label, "shape", ()) != ():
        what = "a name" if kind == "classes" else "a text"
        raise BadInput(f"label {label!r:.60} is not {what}", why="it is several", fix=f"{what} for each row")
    elif isinstance(label, bytes):
        raise BadInput(f"label {label!r:.60} is not a text", why="it is bytes", fix="decode it: label.decode()")
    elif kind == "classes":
        return name_of(label)
    elif kind == "text":
        return str(label).strip()
    return label


def names_of(examples: Sequence[Example], kind: Kind) -> list[str]:
    """The names to tell apart, sorted; whole numbers by their size."""
    names = {each.label for each in examples} if kind == "classes" else set()
    if kind == "names":
        names = {name for each in examples for name in each.label}
    if kind == "spans":
        names = {span["label"] for each in examples for span in each.label}
    return sorted(names, key=_place)


def _place(name: str) -> tuple[bool, int, str]:
    is_whole = re.fullmatch(r"-?\d+", name) is not None
    return not is_whole, int(name) if is_whole else 0, name


def split_rows(examples: Sequence[Example], num_own: int, kind: Kind, validation: Any, seed: int) -> Split:
    """Cut accepted rows into the two parts and look at both.

    Args:
        examples: those of the data first.
        num_own: how many those are.
        kind: of label.
        validation: the share to hold out; ignored when there are rows after `num_own`.
        seed: of the split.
    """
    contents = [content(each) for each in examples]
    are_names = kind in ("classes", "names")
    labels: list[Hashable] = [each.label if are_names else None for each in examples]
    if num_own < len(examples):
        train, held = list(range(num_own)), list(range(num_own, len(examples)))
    elif validation:
        # Texts that differ in their signs alone stay on one side, too.
        groups = [words(each) or key for each, key in zip(examples, contents, strict=True)]
        train, held = split(groups, _rarest(labels) if kind == "names" else labels, float(validation), seed)
    else:
        train, held = list(range(num_own)), []
    torn = labels if are_names else [repr(each.label) for each in examples] if kind != "none" else labels
    findings = list(check_rows(examples, contents, torn, train, held, are_names=are_names))
    if validation and not held:
        why = "equal inputs stay together, and one of a class is trained on: how good it is on other rows is not known"
        findings.append(Finding("warning", "no row is held out", why, "add rows, or name others: validation=…"))
    return Split(train, held, tuple(findings))


def _rarest(labels: Sequence[Any]) -> list[Hashable]:
    """The rarest name of each row, so that each name is on both sides of a split; None of a row without one."""
    counts = Counter(name for each in labels for name in each)
    return [min(each, key=counts.__getitem__, default=None) for each in labels]


def default_label(kind: Kind) -> str:
    """The usual name of the label's column."""
    return {"answer": "answers", "spans": "spans", "text": "text"}.get(kind, "label")
