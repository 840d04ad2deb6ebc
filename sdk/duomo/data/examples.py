"""Examples: an input and its label, with an id that names the row in every report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

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
    item = example.item
    if isinstance(item, str):
        item = " ".join(item.casefold().split())
    return digest(item).hex()


def data_digest(examples: Sequence[Example]) -> str:
    """A digest of all rows with their labels, in order."""
    sha = hashlib.sha256()
    for each in examples:
        sha.update(digest(each.item))
        sha.update(repr(each.label).encode())
    return sha.hexdigest()
