"""Lines of files, of standard input and of pipes, as they come and never longer than a text may be."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from duomo.data.rows import check_part, parts

_PATIENCE_S = 0.05


def records(lines: Iterable[bytes | None]) -> Iterator[bytes | None]:
    """Yield lines without their ends; empty ones are left out, None is handed on."""
    for line in lines:
        record = line.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n") if line is not None else None
        if record is None or record.decode("utf-8", "replace").strip():
            yield record


def lines_of(file: BinaryIO, null: bool, most: int | None = None) -> Iterable[bytes | None]:
    """Yield lines, or parts between NUL bytes; None where the next has not been written yet."""
    name = str(getattr(file, "name", "standard input"))
    if null:
        return parts(file, name, b"\0")
    try:
        descriptor = file.fileno()
    except OSError:  # no real file
        return parts(file, name, most=most)
    is_live = sys.platform != "win32" and not os.path.isfile(descriptor)
    return _arriving(file, descriptor, most) if is_live else parts(file, name, most=most)


def _arriving(file: Any, descriptor: int, most: int | None) -> Iterator[bytes | None]:
    """Yield lines of a pipe or a terminal, and None where a slow writer should see results before the next line."""
    import select

    begun: bytes = file.read1() if file.peek() else b""
    while begun:
        *whole, begun = begun.split(b"\n")
        yield from whole
        check_part(begun, "standard input", most)
        if not select.select([descriptor], [], [], _PATIENCE_S)[0]:
            yield None
        more = os.read(descriptor, 1 << 16)
        if not more and begun:
            yield begun
        begun = begun + more if more else b""
