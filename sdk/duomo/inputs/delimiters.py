"""What separates the cells of a CSV file: its first line that is not empty shows it."""

from __future__ import annotations

import re

_SAID = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""A line before the header, by which spreadsheets are told."""


def delimiter_of(line: str) -> tuple[str, bool]:
    """Give the delimiter, and whether this line only says so and the header follows it.

    Commas; or semicolons or tabs where a header has some of those and no comma, as spreadsheets of many countries
    write it.
    """
    said = _SAID.fullmatch(line)
    if said is not None:
        return said[1], True
    bare = re.sub(r'"[^"]*"', "", line)
    return next((mark for mark in ",;\t" if mark in bare), ","), False
