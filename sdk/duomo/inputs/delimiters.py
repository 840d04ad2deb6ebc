"""How a CSV file is written: the encoding, and what separates cells, as its first line that is not empty shows."""

from __future__ import annotations

import codecs
import re

_SAID = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""A line before the header, by which spreadsheets are told."""


def encoding_of(head: bytes | bytearray) -> str:
    """UTF-16 where the first two bytes are its byte order mark, as spreadsheets save "Unicode text"; else UTF-8."""
    return "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


def delimiter_of(line: str) -> tuple[str, bool]:
    """Give the delimiter, and whether this line only says so and the header follows it.

    Commas; or semicolons, tabs or bars where a header has some of those and no comma, as spreadsheets of many countries
    and databases write it.
    """
    said = _SAID.fullmatch(line)
    if said is not None:
        return said[1], True
    bare = re.sub(r'"[^"]*"', "", line)
    return next((mark for mark in ",;\t|" if mark in bare), ","), False
