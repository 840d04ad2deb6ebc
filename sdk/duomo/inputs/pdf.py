"""Pages of PDF files as images, drawn by pypdfium2 (extra ``pdf``)."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from duomo.errors import BadInput, InputMissing, InputTooLarge, InputUnreadable, RequirementMissing
from duomo.inputs.limits import limits

if TYPE_CHECKING:
    import PIL.Image
    import pypdfium2

MAGIC = b"%PDF-"
DPI = 200
"""Dots an inch: print of 8 points is then 22 pixels high, enough for a reader."""
_POINTS = 72
_PAGE = re.compile(r"(.+\.pdf)#page=(\d+)", re.IGNORECASE | re.DOTALL)
_PASSWORD = 4
"""What PDFium says of a file that it needs a password for."""
_drawing = threading.Lock()
"""PDFium may be used by one thread at a time."""


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
        with _drawing, _opened(self.file, self.name) as document:
            page = document[self._index(len(document))]
            try:
                width, height = (side / _POINTS * DPI for side in page.get_size())
                if width * height > limits().image_pixels:
                    raise InputTooLarge(
                        f"a page of '{self.name}' would be {width:,.0f} x {height:,.0f} pixels at {DPI} dots an inch",
                        why=f"the limit is {limits().image_pixels:,} pixels",
                        fix="draw it smaller yourself, or raise the limit: duomo config set limits.image_pixels N",
                    )
                drawn: PIL.Image.Image = page.render(scale=DPI / _POINTS).to_pil()
                return drawn.convert("RGB")
            finally:
                page.close()

    def _index(self, total: int) -> int:
        if self.number is None and total == 1:
            return 0
        if self.number is None:
            raise BadInput(
                f"'{self.name}' has {total} pages, and one image is expected",
                why="each page is an image of its own",
                fix="name the page, report.pdf#page=1, or take all: Image.pages('report.pdf')",
            )
        if not 1 <= self.number <= total:
            raise InputMissing(
                f"'{self.name}' has no page {self.number}",
                why=f"it has {total}",
                fix="count pages from 1",
            )
        return self.number - 1


def page_of(name: str) -> tuple[str, int | None] | None:
    """Take ``report.pdf#page=3`` apart; None for what does not name a PDF file."""
    found = _PAGE.fullmatch(name)
    if found is not None:
        return found[1], int(found[2])
    return (name, None) if name.lower().endswith(".pdf") else None


def count_pages(file: Path | bytes, name: str) -> int:
    """Count the pages; raises as `PdfPage.draw`."""
    with _drawing, _opened(file, name) as document:
        return len(document)


@contextlib.contextmanager
def _opened(file: Path | bytes, name: str) -> Iterator[pypdfium2.PdfDocument]:
    try:
        import pypdfium2
    except ImportError as error:
        raise RequirementMissing(
            "reading PDF needs pypdfium2", why=str(error), fix="pip install 'duomo[pdf]'"
        ) from None
    label = f"'{name}'" if name else "this PDF"
    try:
        document = pypdfium2.PdfDocument(os.fspath(file) if isinstance(file, os.PathLike) else file)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD:
            raise InputUnreadable(
                f"{label} is encrypted",
                why="it needs a password",
                fix="save it without one: qpdf --decrypt --password=… in.pdf out.pdf",
            ) from None
        raise InputUnreadable(
            f"{label} cannot be read as a PDF", why=str(error), fix="copy or download it again; open it in a viewer"
        ) from None
    try:
        yield document
    except pypdfium2.PdfiumError as error:
        raise InputUnreadable(
            f"{label} is damaged", why=str(error), fix="open it in a viewer, and save it again"
        ) from None
    finally:
        document.close()
