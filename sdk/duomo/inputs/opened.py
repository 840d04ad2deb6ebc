"""What Pillow has opened and we refuse: several pages, and images that were closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duomo.errors import BadInput

if TYPE_CHECKING:
    import PIL.Image

_FEW_PAGES = 16
"""Entries of a TIFF in which a second page is looked for; photos have some smaller copies."""
_SUBFILE, _COPY_OR_MASK = 254, 0b101
"""Tag of TIFF that says what an entry is, and its bits for a smaller copy and for a mask."""


def check_pages(picture: PIL.Image.Image, label: str) -> None:
    """Refuse a TIFF of several pages, as a PDF is; smaller copies and masks of a page are none."""
    if picture.format != "TIFF":
        return
    is_more = False
    try:
        for at in range(1, _FEW_PAGES):
            picture.seek(at)
            is_more = is_more or not picture.tag_v2.get(_SUBFILE, 0) & _COPY_OR_MASK  # type: ignore[attr-defined]
    except Exception:  # the end, or what follows is damaged
        pass
    picture.seek(0)
    if is_more:
        raise BadInput(
            f"{label} has several pages, and one image is expected",
            why="each page is an image of its own",
            fix="take them apart: [page.copy() for page in PIL.ImageSequence.Iterator(PIL.Image.open(FILE))]",
        )


def check_open(picture: PIL.Image.Image, label: str) -> None:
    """Refuse an image whose pixels were never read from its file, or are gone: it is closed, not damaged."""
    is_closed = False
    if getattr(picture, "tile", ()):  # its pixels are still in the file
        file = getattr(picture, "fp", None)
        is_closed = file is None or file.closed
    else:
        try:
            picture.im  # noqa: B018  # what was closed after it was read raises
        except AssertionError:
            pass  # of WebP, which has no tiles: its decoder holds the file, and no pixel is decoded yet
        except ValueError:
            is_closed = True
    if is_closed:
        raise BadInput(
            f"{label} was closed before its pixels were needed",
            why="Pillow reads a file only then; it is closed where its with block ends",
            fix="call image.load() within the block and keep the image, or pass the path",
        )
