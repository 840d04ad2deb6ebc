"""Columns of text for a terminal."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from typing import IO


def table(header: list[str], rows: list[list[str]], *, width: int | None = None, wrap: bool = False) -> str:
    """Format columns under headings, two spaces apart; East Asian letters count as the two cells they take.

    Args:
        header: the headings.
        rows: one cell a heading.
        width: cells of the terminal; the last column is cut off with ``…``, and left out where that
            is not enough. The first one is a name to copy, and cut only beyond 40. None: no limit.
        wrap: keep all there is, going on in the next line where a cell is too long.
    """
    rows = [[_one_line(text) for text in row] for row in rows]
    widths = fit(header, rows, width, wrap=wrap)
    lines = [click.style(_line(header, widths), bold=True)]
    for row in rows:
        parts = [_wrap(text, limit) if wrap else [cut(text, limit)] for text, limit in zip(row, widths, strict=False)]
        height = max(len(part) for part in parts)
        lines += [_line([part[i] if i < len(part) else "" for part in parts], widths) for i in range(height)]
    return "\n".join(lines)


def fit(header: list[str], rows: list[list[str]], width: int | None, *, wrap: bool = False) -> list[int]:
    """Compute the widths of the columns of `table`; fewer than there are headings where not all fit."""
    widths = [max(cells(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return widths if width is None else _fit(widths, width, keep_all=wrap)


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


def _fit(widths: list[int], width: int, *, keep_all: bool) -> list[int]:
    """Make columns narrower or fewer, so that they go into `width` cells."""
    widths = [min(widths[0], 40), *widths[1:]]
    while (spare := sum(widths) + 2 * (len(widths) - 1) - width) > 0 and len(widths) > 1:
        at = max(range(1, len(widths)), key=widths.__getitem__) if keep_all else len(widths) - 1
        if keep_all and widths[at] <= 8:
            break
        if keep_all:
            widths[at] = max(8, widths[at] - spare)
        elif widths[at] - spare >= 12:
            widths[at] -= spare
        else:
            del widths[at]
    return widths


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
