"""When two inputs are the same: a digest of what an item holds, whatever it is called."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duomo.counting import a_type
from duomo.errors import InputUnreadable, UsageProblem
from duomo.inputs.orientation import orientation

if TYPE_CHECKING:
    from collections.abc import Collection

CONTENT_BYTES = 8 * 1024**2
"""Files up to this size, such as photos and short clips, are compared by what is in them; a longer one by its
path, size and time of change, since reading it would take longer than deciding to trust the clock."""


def digest(item: object) -> bytes:
    """SHA-256 of an accepted item: of its text, bytes, samples or pixels, and of files as `CONTENT_BYTES` says.

    An item's `name` does not count. A URL counts as its address: nothing is fetched.

    Raises:
        InputUnreadable: a file that is gone by now, or cannot be read.
        UsageProblem: an item of a kind that has no content to compare, such as an open file.
    """
    sha = hashlib.sha256()
    try:
        _feed(sha.update, item)
    except OSError as error:
        raise InputUnreadable(
            f"cannot read {getattr(item, 'name', '') or 'this input'}",
            why=error.strerror or str(error),
            fix="check that the file is still there, and its permissions",
        ) from None
    return sha.digest()


def _feed(update: Callable[[Any], None], value: Any) -> None:
    """Give a value to the hash, each part with its kind and length, so that no two values read alike."""
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        update(b"s%d:" % len(data) + data)
    elif isinstance(value, bytes | bytearray | memoryview):
        update(b"b%d:" % len(value))
        update(value)
    elif value is None or isinstance(value, bool | int | float | complex):
        update(f"n{value!r};".encode())
    elif isinstance(value, Path):
        _feed_file(update, value)
    elif isinstance(value, Mapping):
        _feed_all(update, [part for pair in value.items() for part in pair])
    elif isinstance(value, list | tuple):
        _feed_all(update, value)
    elif hasattr(value, "getexif"):  # a PIL image: what decides about its pixels, without decoding them to RGB
        pixels, transparency = value.tobytes(), value.info.get("transparency")
        _feed_all(update, [value.mode, value.size, pixels, value.getpalette(), transparency, orientation(value)])
    elif hasattr(value, "__array__"):
        _feed_array(update, value)
    else:
        _feed_all(update, [part for pair in _fields(value) for part in pair])


def _feed_all(update: Callable[[bytes], None], values: Collection[object]) -> None:
    update(b"l%d:" % len(values))
    for each in values:
        _feed(update, each)


def _feed_file(update: Callable[[bytes], None], path: Path) -> None:
    found = path.stat()
    if found.st_size > CONTENT_BYTES:
        _feed_all(update, [os.path.abspath(path), found.st_size, found.st_mtime_ns])
        return
    with open(path, "rb") as file:
        update(b"f" + hashlib.file_digest(file, "sha256").digest())


def _feed_array(update: Callable[[bytes], None], value: object) -> None:
    import numpy as np

    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    _feed_all(update, [str(array.dtype), array.shape, array.tolist() if array.dtype == object else array.tobytes()])


def _fields(item: object) -> Iterator[tuple[str, Any]]:
    """What an input class holds, but for the item's name."""
    if dataclasses.is_dataclass(item):
        names = [field.name for field in dataclasses.fields(item)]
    elif hasattr(item, "__dict__"):
        names = sorted(vars(item))
    else:
        names = [name for cls in type(item).__mro__ for name in getattr(cls, "__slots__", ())]
    if not names or hasattr(item, "read"):
        raise UsageProblem(
            f"{a_type(item)} cannot be compared with what was seen before",
            why="it holds nothing that could be read twice",
            fix="leave out store= and dedupe=, or make the input class a dataclass of texts, bytes, paths and arrays",
        )
    yield from ((name, getattr(item, name)) for name in names if name != "name")
