"""Examples: an input and its label, with an id that names the row in every report."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from duomo.inputs import Text
from duomo.inputs.digest import digest


class Example(NamedTuple):
    """One row."""

    id: str
    """Where it is from: ``reviews.csv:17``, a file's path, or its place among the rows given."""
    item: Any
    """The input as the task's class accepted it."""
    label: Any
    """As it stands in the data; None where there is none."""


class Finding(NamedTuple):
    """Something in the data that a person should know."""

    level: str
    """``error`` ends the training, ``warning`` and ``note`` do not."""
    what: str
    why: str = ""
    fix: str = ""
    rows: tuple[str, ...] = ()
    """Ids of the first rows it concerns."""
    num_rows: int = 0
    """How many rows it concerns in all."""


def content(example: Example) -> str:
    """A digest of the input alone; texts that differ in case or white space only are equal."""
    return digest(_with_texts(example.item, lambda text: " ".join(text.casefold().split()))).hex()


def words(example: Example) -> str | None:
    """The letters and digits of an input that is a text, or texts alone; None for others, and where there are none."""
    item = example.item
    parts = [item] if isinstance(item, Text) else [each for each in _fields(item).values() if each]
    texts = [each for each in parts if isinstance(each, Text)]
    if not texts or len(texts) < len(parts):
        return None
    found = [re.sub(r"[\W_]+", " ", text.casefold()).strip() for text in texts]
    return "\n".join(found) if any(found) else None


def _with_texts(item: object, change: Callable[[str], str]) -> object:
    """An input with its texts changed, for a digest."""
    if isinstance(item, str):
        return change(item)
    fields = _fields(item)
    if not any(isinstance(value, Text) for value in fields.values()):
        return item
    return {name: change(value) if isinstance(value, Text) else value for name, value in fields.items()}


def _fields(item: object) -> dict[str, object]:
    """What a dataclass holds, but for its name; nothing of any other class."""
    if not dataclasses.is_dataclass(item):
        return {}
    return {each.name: getattr(item, each.name) for each in dataclasses.fields(item) if each.name != "name"}


def data_digest(examples: Sequence[Example]) -> str:
    """A digest of all rows with their labels, in order."""
    sha = hashlib.sha256()
    for each in examples:
        sha.update(digest(each.item))
        sha.update(repr(each.label).encode())
    return sha.hexdigest()
