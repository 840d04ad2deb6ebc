"""Advice on what to write instead, for values and paths that are not one item."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from duomo.errors import BadInput


def not_one(what: str, value: object, usual: str) -> BadInput:
    """Make the refusal of a value that is not one item.

    Args:
        what: an item, such as ``a text``.
        value: what was given.
        usual: what an item may be.
    """
    fix = what_instead(value, usual)
    if is_missing(value):
        return BadInput(
            f"{what} is expected, and there is none", why=f"the value is {value!r}, of {type(value).__name__}", fix=fix
        )
    return BadInput(
        f"{what} is expected, not {type(value).__name__}",
        why=f"{what} cannot be read from a value of that type",
        fix=fix,
    )


def what_instead(value: object, usual: str) -> str:
    """Say how one item, or each of many, is taken from a value that is not one.

    Args:
        value: what was given as an item.
        usual: what an item may be, for a value that is neither many items nor a row.
    """
    if is_missing(value):
        return f"leave its row out (pandas: table.dropna(subset=[column])); or pass {usual}"
    if hasattr(value, "columns") and hasattr(value, "__getitem__"):
        return 'a runner takes one item, and map many: runner.map(table, column="…")'
    if isinstance(value, Mapping):
        part = _likely(value)
        return f"name the part of the row that holds it: runner.map(rows, key={part!r})  (--field {part})"
    if isinstance(value, tuple):
        return f"name the part of the row that holds it: runner.map(rows, key=0); or pass {usual}"
    if isinstance(value, list | set | frozenset | Iterator | range):
        return f"a runner takes one item, and map many: runner.map(items); an item is {usual}"
    return f"pass {usual}"


def where_instead(path: Path) -> str:
    """Say what to check or write where there is no file at a path."""
    text = str(path)
    if text.startswith("~"):
        return f"~ is expanded by a shell only: {os.path.expanduser(text):.200}"
    if glob.has_magic(text):
        parent = "" if str(path.parent) == "." else repr(str(path.parent))
        return f"a pattern is not one file: runner.map(sorted(pathlib.Path({parent}).glob({path.name!r})))"
    if "\\" in text and os.sep != "\\":
        return f"folders are told apart by / here: {text.replace(chr(92), '/'):.200}"
    return "check the path and its spelling"


def why_not(error: OSError | ValueError) -> str:
    """Say what to do about a path that cannot be looked up."""
    if getattr(error, "errno", None) == errno.ENAMETOOLONG:
        return "a str is a path or an address; of base64 pass the bytes: base64.b64decode(text)"
    return "check the path and its permissions"


def _likely(row: Mapping[object, object]) -> object:
    """Choose the part of a row that looks most like an item: the longest text or file, else the first."""
    sizes = {name: len(each) for name, each in row.items() if isinstance(each, str | bytes)}
    return max(sizes, key=sizes.__getitem__) if sizes else next(iter(row), "…")


def is_missing(value: object) -> bool:
    """Whether it is a cell of a table with nothing in it: None, NaN, and what pandas has for them."""
    is_nan = isinstance(value, float) and value != value
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")
