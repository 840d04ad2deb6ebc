"""Pages of PDF files as images, drawn by pypdfium2 (extra ``pdf``) in a child process.

A file in which PDFium loops, crashes or takes all memory is an error of its item.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from duomo.errors import BadInput, InputMissing, InputTooLarge, InputUnreadable, RequirementMissing
from duomo.inputs.apart import Child, DecoderFailed
from duomo.inputs.limits import limits

if TYPE_CHECKING:
    import PIL.Image

MAGIC = b"%PDF-"
DPI = 200
"""Dots an inch: print of 8 points is then 22 pixels high, enough for a reader."""
_POINTS = 72
_PAGE = re.compile(r"(.+\.pdf)#page=(\d+)", re.IGNORECASE | re.DOTALL)
SECONDS = 60.0
"""What one page may take."""
CHILD = Child("duomo.inputs.pdfium", SECONDS)


class PdfPage(NamedTuple):
    """One page of a file."""

    file: Path | bytes
    number: int | None
    """From 1; None for the only one."""
    name: str = ""

    @property
    def nbytes(self) -> int:
        """What it holds in memory."""
        return len(self.file) if isinstance(self.file, bytes) else 0

    def draw(self) -> PIL.Image.Image:
        """Draw it on white, as RGB.

        Raises:
            InputUnreadable: the file is not a PDF, is damaged, or needs a password.
            InputMissing: it has no such page.
            BadInput: no page was named, and it has several.
            InputTooLarge: the page would have more pixels than ``limits.image_pixels``.
        """
        import PIL.Image

        pixels = limits().image_pixels
        asked = {"page": self.number, "scale": DPI / _POINTS, "pixels": pixels}
        found, content = _ask(self.file, self.name, asked, budget=12 * pixels)
        if "large" in found:
            width, height = found["large"]
            label = f"'{self.name}'" if self.name else "this PDF"
            raise InputTooLarge(
                f"a page of {label} would be {width:,.0f} x {height:,.0f} pixels at {DPI} dots an inch",
                why=f"the limit is {pixels:,} pixels",
                fix="draw it smaller yourself, or raise the limit: duomo config set limits.image_pixels N",
            )
        if "size" not in found:
            raise self._no_page(found["pages"])
        return PIL.Image.frombytes("RGB", tuple(found["size"]), content)

    def _no_page(self, total: int) -> BadInput:
        if self.number is None and total:
            return BadInput(
                f"'{self.name}' has {total} pages, and one image is expected",
                why="each page is an image of its own",
                fix="take a PDF of one page, or name it: report.pdf#page=1 (in Python all: Image.pages('report.pdf'))",
            )
        return InputMissing(
            f"'{self.name}' has no page {1 if self.number is None else self.number}",
            why=f"it has {total}",
            fix="count pages from 1",
        )


def page_of(name: str) -> tuple[str, int | None] | None:
    """Take ``report.pdf#page=3`` apart; None for what does not name a PDF file."""
    found = _PAGE.fullmatch(name)
    if found is not None:
        return found[1], int(found[2])
    return (name, None) if name.lower().endswith(".pdf") else None


def count_pages(file: Path | bytes, name: str) -> int:
    """Count the pages; raises as `PdfPage.draw`."""
    found, _ = _ask(file, name, {})
    return int(found["pages"])


def _ask(
    file: Path | bytes, name: str, asked: Mapping[str, object], *, budget: int = 0
) -> tuple[dict[str, Any], bytes]:
    """Ask PDFium about a file: what it says, and pixels. Raises as `PdfPage.draw`."""
    if importlib.util.find_spec("pypdfium2") is None:
        raise RequirementMissing(
            "reading PDF needs pypdfium2", why="it is not installed", fix="pip install 'duomo[pdf]'"
        )
    label = f"'{name}'" if name else "this PDF"
    content = file if isinstance(file, bytes) else b""
    path = None if isinstance(file, bytes) else os.path.abspath(file)
    try:
        answer = CHILD.ask(json.dumps({**asked, "path": path}).encode() + b"\n" + content, budget)
    except DecoderFailed as error:
        raise InputUnreadable(
            f"{label} cannot be drawn", why=str(error), fix="open it in a viewer, and save it again"
        ) from None
    line, _, pixels = answer.partition(b"\n")
    found: dict[str, Any] = json.loads(line)
    if "refused" not in found:
        return found, pixels
    if found["refused"] == "password":
        raise InputUnreadable(
            f"{label} is encrypted",
            why="it needs a password",
            fix="save it without one: qpdf --decrypt --password=… in.pdf out.pdf",
        )
    if found["refused"] == "security":
        raise InputUnreadable(
            f"{label} is encrypted",
            why="neither for everybody nor by a password: for certificates, or by a program that manages rights",
            fix="open it with the program and the key it was made for, and print it to a new PDF",
        )
    if found["refused"] == "empty":
        raise InputUnreadable(
            f"{label} has no page", why="there is nothing to draw", fix="save it again, with its pages"
        )
    if found["refused"] == "unreadable":
        raise InputUnreadable(
            f"{label} cannot be read as a PDF",
            why=found["why"],
            fix="copy or download it again; open it in a viewer",
        )
    raise InputUnreadable(f"{label} is damaged", why=found["why"], fix="open it in a viewer, and save it again")
