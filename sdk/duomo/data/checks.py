"""What a person should know of the data before the first step: duplicates, two labels for one input, rare classes."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

from duomo.counting import counted
from duomo.data.examples import Example, Finding
from duomo.errors import BadInput
from duomo.inputs.advice import is_missing

SHOWN = 5
"""Rows that a finding names."""
LARGEST = 1e30
"""Larger numbers, or their squares, are beyond what networks compute with."""
FOR_NONE = frozenset(("nan", "na", "n/a", "#n/a", "<na>", "nat", "null"))
"""What programs write into the cell of a text where there is nothing, in small letters."""
RARE = 2
"""A class of fewer rows cannot be both trained and held out."""


def name_of(label: object) -> str:
    """Write a label as a name: texts without white space around them, whole numbers and truth values as they print."""
    if getattr(label, "shape", None) == ():  # of numpy or torch
        label = label.item()  # type: ignore[attr-defined]
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label).strip()


def look_alikes(names: Iterable[str]) -> Iterator[Finding]:
    """Warn of names that are one to a person: other case, white space or Unicode form, ``1`` and ``1.0``."""
    alike: dict[object, list[str]] = defaultdict(list)
    for name in names:
        alike[_to_a_person(name)].append(name)
    pairs = [" and ".join(map(repr, same)) for same in alike.values() if len(same) > 1]
    if pairs:
        yield Finding(
            "warning", f"labels look alike and are classes of their own: {_list(pairs)}",
            "they differ in case, white space, Unicode form or as 1 and 1.0 do", "write each label in one way",
        )  # fmt: skip


def written_for_none(names: Iterable[str]) -> Iterator[Finding]:
    """Warn of names that programs write where there is no label, such as ``nan``."""
    found = [repr(name) for name in names if name.casefold() in FOR_NONE]
    if found:
        yield Finding(
            "warning", f"a label is written as an empty cell often is: {_list(found)}",
            "it is read as the name of a class",
            "empty these cells, so that the rows are left out; or give the class another name",
        )  # fmt: skip


def unknown_names(known: Sequence[str], names: Sequence[str]) -> Finding:
    """Tell that the head of a checkpoint, which has other labels, is replaced; a warning where they only look other."""
    alike = {_to_a_person(name) for name in known} >= {_to_a_person(name) for name in names}
    fix = "write the labels as the checkpoint has them, to keep its head" if alike else ""
    what = f"the checkpoint's labels are others ({_list(known)}): its head is replaced by a new one"
    return Finding("warning" if alike else "note", what, f"the rows have {_list(names)}", fix)


def _to_a_person(name: str) -> object:
    seen = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")  # such as zero-width spaces
    text = " ".join(unicodedata.normalize("NFKC", seen).casefold().split())
    try:
        return float(text)
    except ValueError:
        return text


def check_differ(labels: Sequence[Hashable], column: str, left_out: Sequence[str] = ()) -> None:
    """Raise `BadInput` where all labels are one: whatever is read, it is the answer.

    Args:
        labels: of the rows that can be used.
        column: they are from.
        left_out: which rows cannot be used, and why; they may have other labels.
    """
    if len(set(labels)) == 1:
        lost = f"; {counted(len(left_out), 'row')} cannot be used, the first: {left_out[0]}" if left_out else ""
        raise BadInput(
            f"every row has the label {labels[0]!r:.60}",
            why=f"there is nothing to tell apart{lost}",
            fix=f"add rows with another label, or name another column than '{column}'",
        )


def check_names(names: Sequence[str], column: str) -> None:
    """Raise `BadInput` where labels are numbers rather than names."""
    distinct = set(names)
    if len(distinct) > max(5, len(names) // 2) and _are_numbers(distinct):
        raise BadInput(
            f"column '{column}' holds numbers, and names of classes are meant",
            why=f"{len(distinct):,} distinct values in {counted(len(names), 'row')}, such as {names[0]}",
            fix="a task that learns numbers (regression), or another column",
        )


def read_number(label: Any) -> float:
    """A label as a number. Raises `BadInput` for a name, and for what is not finite or too large."""
    try:
        number = float("nan") if isinstance(label, str) and "_" in label else float(label)  # Python reads 1_0 as 10
    except (TypeError, ValueError):
        number = float("nan")
    if number != number or number in (float("inf"), -float("inf")):
        raise BadInput(
            f"label {label!r:.60} is not a number", why="this model learns numbers",
            fix="correct the row, or use a task that learns names (classification)",
        )  # fmt: skip
    if abs(number) > LARGEST:
        raise BadInput(f"label {label!r:.60} is too large", why=f"beyond {LARGEST:g}", fix="use a larger unit")
    return number


def read_names(label: object) -> tuple[str, ...]:
    """All names of a row, sorted; empty where none applies. Raises `BadInput` for one name, and for 0 and 1."""
    label = from_cell(label)
    values = label.tolist() if hasattr(label, "tolist") else label
    fix = '["sport", "money"], and [] where none applies'
    if not isinstance(values, list | tuple | set):
        raise BadInput(f"label {label!r:.60} is not a list of names", why="other rows have lists", fix=fix)
    if any(isinstance(each, list | tuple | dict) or is_missing(each) or not name_of(each) for each in values):
        raise BadInput(f"label {label!r:.60} is not a list of names", why="one of its parts is none", fix=fix)
    names = {name_of(each) for each in values}
    if len(names) < len(values) and names <= {"0", "1", "True", "False"}:
        why = "it looks like 0 and 1 for each label there is"
        raise BadInput(f"label {label!r:.60} is not a list of names", why=why, fix=fix)
    return tuple(sorted(names))


def from_cell(label: object) -> object:
    """A label of several parts, which a table holds as JSON in a cell; anything else as it is."""
    if isinstance(label, str) and label.strip()[:1] in ("[", "{"):
        with contextlib.suppress(ValueError):
            found: object = json.loads(label)
            return found
    return label


def check_spans(label: object, length: int) -> None:
    """Raise `BadInput` unless a label is a list of spans apart in a text of `length` characters."""
    fix = '[{"start": 0, "end": 3, "label": "PER"}]'
    if not isinstance(label, list) or not all(isinstance(span, dict) for span in label):
        raise BadInput(f"label {label!r:.60} is not a list of spans", why="each is a mapping", fix=fix)
    for span in label:
        start, end, name = (span.get(key) for key in ("start", "end", "label"))
        if type(start) is not int or type(end) is not int or not isinstance(name, str) or not name:
            raise BadInput(f"span {span!r:.80} has not all of start, end and label", why="it marks a stretch", fix=fix)
        if not 0 <= start < end <= length:
            raise BadInput(f"span {span!r:.80} is not in its text", why=f"which has {length} characters", fix=fix)
    ordered = sorted(label, key=lambda span: (span["start"], span["end"]))
    for first, second in itertools.pairwise(ordered):
        if second["start"] < first["end"]:
            raise BadInput(
                f"spans {first!r:.60} and {second!r:.60} overlap", why="a token has one label",
                fix="keep one of them, such as the outer",
            )  # fmt: skip


def read_answers(label: Any, context: str) -> list[dict[str, Any]]:
    """The answers of a question as ``{"start", "end", "text"}``, in characters of `context`; none where it has none.

    They may come as in SQuAD (``{"text": […], "answer_start": […]}``), as a list of ``{"text", "start"}``, or as a
    text, which is then the first place where it stands as words of its own, or else the first place at all. Raises
    `BadInput` for what is not in the context.
    """
    fix = '{"text": ["noon"], "answer_start": [12]}'
    if isinstance(label, str):
        whole = re.search(rf"(?<!\w){re.escape(label)}(?!\w)", context)  # 10 is not the end of 1910
        label = [{"text": label, "start": context.find(label) if whole is None else whole.start()}]
    elif isinstance(label, dict):
        texts, starts = label.get("text"), label.get("answer_start", label.get("start"))
        if isinstance(texts, list) and isinstance(starts, list) and len(texts) != len(starts):
            raise BadInput(f"label {label!r:.80} has not a start for each text", why="each answer has both", fix=fix)
        pairs = zip(texts, starts, strict=True) if isinstance(texts, list) and isinstance(starts, list) else None
        label = [{"text": texts, "start": starts}] if pairs is None else [{"text": t, "start": s} for t, s in pairs]
    if not isinstance(label, list) or not all(isinstance(each, dict) for each in label):
        raise BadInput(f"label {label!r:.60} is not a list of answers", why="each has a text and a start", fix=fix)
    found = []
    for each in label:
        text, start = each.get("text"), each.get("start", each.get("answer_start"))
        if not isinstance(text, str) or not text.strip() or type(start) is not int:
            raise BadInput(f"answer {each!r:.80} has not both a text and a start", why="it is a stretch", fix=fix)
        if start < 0 or context[start : start + len(text)] != text:
            raise BadInput(
                f"answer {text!r:.60} does not stand in its context", why=f"looked at character {start}",
                fix="an answer is a stretch of the context, word for word",
            )  # fmt: skip
        found.append({"start": start, "end": start + len(text), "text": text})
    return found


def check_rows(
    examples: Sequence[Example],
    contents: Sequence[str],
    labels: Sequence[Any],
    train: Sequence[int],
    held: Sequence[int],
    *,
    are_names: bool = True,
) -> Iterator[Finding]:
    """Findings about duplicates, contradictions, leaks and rare classes.

    Args:
        examples: all rows.
        contents: a digest of each input.
        labels: of each row, hashable; all None where rows have no label.
        train: places of the rows to train on.
        held: places of the rows held out.
        are_names: whether labels are names of classes, which may be rare.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for at, key in enumerate(contents):
        places[key].append(at)
    first, apart = dict[tuple[str, bool], int](), set(held)  # a row of both parts is a leak, and is told as one
    again = [at for at, key in enumerate(contents) if first.setdefault((key, at in apart), at) != at]
    if again:
        yield _finding(
            "note", counted(len(again), "row repeats", "rows repeat") + " another row's input", again, examples,
            "equal inputs are kept on one side of the split",
            "Recipe(clean=('drop_duplicates',)) leaves them out  (--set clean=drop_duplicates)",
        )  # fmt: skip
    torn = [same for same in places.values() if len({labels[at] for at in same}) > 1]
    if torn:
        rows = [at for same in torn for at in same]
        yield _finding(
            "warning", counted(len(torn), "input has", "inputs have") + " two labels or more", rows, examples,
            f"such as {examples[torn[0][0]].id}: {', '.join(sorted({str(labels[at]) for at in torn[0]}))}",
            "look at these rows: a label is wrong, or classes overlap; clean=('drop_conflicts',) leaves them out  "
            "(--set clean=drop_conflicts)",
        )  # fmt: skip
    yield from _check_split(examples, contents, labels if are_names else [None] * len(labels), train, held)


def _check_split(
    examples: Sequence[Example],
    contents: Sequence[str],
    labels: Sequence[Any],
    train: Sequence[int],
    held: Sequence[int],
) -> Iterator[Finding]:
    known = {contents[at] for at in train}
    leaked = [at for at in held if contents[at] in known]
    if leaked:
        yield _finding(
            "warning", counted(len(leaked), "held-out row is", "held-out rows are") + " in the training part too",
            leaked, examples,
            "their scores say what was learned by heart", "leave them out of one of the files",
        )  # fmt: skip
    if not held or all(label is None for label in labels):
        return
    names = [label if isinstance(label, tuple) else (label,) for label in labels]
    counts = Counter(name for at in train for name in names[at])
    held_labels = {name for at in held for name in names[at]}
    rare = [name for name, count in counts.items() if count < RARE]
    if rare:
        yield _finding(
            "warning",
            counted(len(rare), "class has", "classes have") + f" fewer than {RARE} rows to train on: {_list(rare)}",
            [at for at in train if not set(rare).isdisjoint(names[at])], examples,
            "a class is not learned from one row", "add rows, or join the class with another",
        )  # fmt: skip
    unseen = [name for name in counts if name not in held_labels]
    if unseen and len(counts) < len(held):
        yield _finding(
            "warning",
            counted(len(unseen), "class is", "classes are") + f" not among the held-out rows: {_list(unseen)}",
            [], examples,
            "their scores are unknown", "hold out more rows, or add rows of these classes",
        )  # fmt: skip


def _list(names: Sequence[Any]) -> str:
    return ", ".join(str(name) for name in names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def _finding(level: str, what: str, rows: Sequence[int], examples: Sequence[Example], why: str, fix: str) -> Finding:
    return Finding(level, what, why, fix, tuple(examples[at].id for at in rows[:SHOWN]), len(rows))


def _are_numbers(names: Iterable[str]) -> bool:
    """Whether all are numbers, and some of them no whole ones."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return False
    return any(not number.is_integer() for number in numbers)
