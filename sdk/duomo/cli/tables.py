"""Columns of text for a terminal."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from typing import IO

_LONG_NAME = 40
"""Cells of the first column from which on a name pushes the others of its row aside."""
_LEAST, _LEAST_OF_ALL = 12, 4
"""Cells that a column keeps where it is made narrower, and where that is not enough."""


def table(
    header: list[str], rows: list[list[str]], *, width: int | None = None, wrap: bool = False, whole: bool = False
) -> str:
    """Format columns under headings, two spaces apart; East Asian letters count as the two cells they take.

    Args:
        header: the headings.
        rows: one cell a heading.
        width: cells of the terminal; the last column is cut off with ``…``, and where that is not enough the last ones
            stand below their row, each behind its heading, and nothing is cut. The first one is a name to copy, and
            never cut. None: no limit.
        wrap: keep all there is beside each other, going on in the next line where a cell is too long.
        whole: cut nothing; a cell that is too long stands below its row.
    """
    rows = [[_one_line(text).rstrip() for text in row] for row in rows]
    widths = [max(cells(row[i]) for row in [header, *rows]) for i in range(len(header))]
    if width is not None:
        widths = _wrapped(widths, width) if wrap else _fit(widths, width)
    lines = [click.style(_line(header, widths), bold=True)]
    for row in rows:
        if wrap:
            parts = [_wrap(text, limit) for text, limit in zip(row, widths, strict=True)]
            height = max(len(part) for part in parts)
            lines += [_line([part[i] if i < len(part) else "" for part in parts], widths) for i in range(height)]
            continue
        beside = len(widths)
        if (whole or beside < len(header)) and beside > 1 and cells(row[beside - 1]) > widths[-1]:
            beside -= 1
        shown = [row[0], *(cut(text, limit) for text, limit in zip(row[1:beside], widths[1:], strict=False))]
        lines += [_line(shown, widths), *_below(header[beside:], row[beside:], width)]
    return "\n".join(lines)


def table_width() -> int | None:
    """Find the terminal's width; None when the table does not go to one and ``COLUMNS`` is not set."""
    if "COLUMNS" not in os.environ and not is_terminal(sys.stdout):
        return None
    import shutil

    return shutil.get_terminal_size().columns


def cells(text: str) -> int:
    """Count the cells of a terminal that a text takes: 2 for wide letters, 0 for marks above or below another."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def size_text(num_bytes: int) -> str:
    """Format bytes as people say them: ``0.4 MB``, ``86 MB``, ``1.2 GB``; empty for 0."""
    if not num_bytes:
        return ""
    amount, unit = (num_bytes / 1e9, "GB") if num_bytes >= 1e9 else (num_bytes / 1e6, "MB")
    return f"{amount:.{0 if amount >= 10 else 1}f} {unit}"


def cut(text: str, width: int) -> str:
    """Cut a text that takes more cells than there are to its beginning and ``…``."""
    if cells(text) <= width:
        return text
    return _head(text, width - 1) + "…"


def is_terminal(stream: IO[Any] | None) -> bool:
    """Check that a stream is a terminal; a closed one is not."""
    return stream is not None and not stream.closed and stream.isatty()


def _fit(widths: list[int], width: int) -> list[int]:
    """Make the last column narrower, or columns fewer, so that they go into `width` cells."""
    widths = [min(widths[0], _LONG_NAME), *widths[1:]]
    while (spare := sum(widths) + 2 * (len(widths) - 1) - width) > 0 and len(widths) > 1:
        if widths[-1] - spare >= _LEAST:
            widths[-1] -= spare
        else:
            del widths[-1]
    return widths


def _wrapped(widths: list[int], width: int) -> list[int]:
    """Make columns narrower, the widest first, so that they go into `width` cells; the first only if others cannot."""
    widths = list(widths)
    for at_least, first in ((_LEAST, 1), (_LEAST_OF_ALL, 0)):
        while (spare := sum(widths) + 2 * (len(widths) - 1) - width) > 0:
            at = max(range(first, len(widths)), key=widths.__getitem__, default=0)
            if widths[at] <= at_least:
                break
            widths[at] = max(at_least, widths[at] - spare)
    return widths


def _below(header: list[str], row: list[str], width: int | None) -> list[str]:
    """Format the columns of a row that have no place beside the others, and anything in them."""
    given = [f"{name} {text}" for name, text in zip(header, row, strict=True) if text]
    return ["  " + line for line in _wrap("  ".join(given), max(_LEAST, (width or 0) - 2))] if given else []


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _line(texts: list[str], widths: list[int]) -> str:
    padded = (text + " " * (width - cells(text)) for text, width in zip(texts, widths, strict=False))
    return "  ".join(padded).rstrip()


def _head(text: str, width: int) -> str:
    """Find the longest beginning that fits."""
    used = 0
    for at, char in enumerate(text):
        used += _cells(char)
        if used > width:
            return text[:at]
    return text


def _wrap(text: str, width: int) -> list[str]:
    lines = []
    while cells(text) > width:
        head = _head(text, width)
        space = head.rfind(" ")
        # A line ends at a space where there is one; scripts without spaces break anywhere.
        if text[len(head)] != " " and space > 0:
            head = head[:space]
        lines.append(head.rstrip())
        text = text[len(head) :].lstrip()
    return [*lines, text]


def _one_line(text: str) -> str:
    """Replace control characters, which would move the cursor or colour the terminal, by spaces."""
    return "".join(char if char.isprintable() else " " for char in text)
