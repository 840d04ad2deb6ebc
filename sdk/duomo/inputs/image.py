"""Images."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from duomo.errors import BadInput, DuomoError, InputTooLarge, InputUnreadable
from duomo.inputs.advice import not_one
from duomo.inputs.chatter import native_remarks_left_out
from duomo.inputs.limits import limits
from duomo.inputs.media import Media
from duomo.inputs.opened import check_open, check_pages
from duomo.inputs.orientation import orientation, silence_pillow, turn
from duomo.inputs.pdf import MAGIC, PdfPage, count_pages, page_of
from duomo.inputs.rgb import as_uint8, to_rgb
from duomo.inputs.seal import check_unsealed
from duomo.inputs.signatures import HEAD, by_command, looks_like
from duomo.inputs.source import is_url, name_of, open_source, path_of, read_file, read_object, unpack_file

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import PIL.Image


_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")
"""What is read, as in `duomo.tasks.IMAGES`. Pillow knows more, and hands some, such as EPS, to other programs."""

_MOST_SCANS = 20
"""Passes of a progressive JPEG over as many pixels as an image may have."""


class Image(Media):
    """An image that is decoded when a model asks for it."""

    __slots__ = ("_source", "name")

    def __init__(self, source: object, name: str = "") -> None:
        self._source = source
        self.name = name

    def __reduce__(self) -> tuple[object, ...]:
        # Of a Pillow image only pixels and `info` would go to another process, not what its file says of both.
        is_pillow = hasattr(self._source, "convert") and not hasattr(self._source, "__array__")
        return type(self), (self.pil() if is_pillow else self._source, self.name)

    @classmethod
    def accept(cls, value: object) -> Image:
        """Take a path, URL, bytes, file object, PIL image, or an array or tensor; or a page of a PDF, ``a.pdf#page=2``.

        Arrays are (H, W), (H, W, 3) or (H, W, 4) of uint8, or of floats in [0, 1]; tensors may also
        be (3, H, W), unless that could as well be (H, W, 3). A mapping with
        ``image``, or with ``bytes`` or ``path`` as rows of Hugging Face datasets have, is unwrapped.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return cls._of_mapping(value)
        if is_url(value):
            check_unsealed("this image")
        if isinstance(value, str | os.PathLike) and not is_url(value):
            page = page_of(os.fspath(value))
            if page is not None:
                return cls._of_pdf(read_file(path_of(page[0], "PDF"), "PDF"), page[1], os.fspath(value))
            return cls(read_file(path_of(value, "image"), "image"), str(value))
        if isinstance(value, bytearray | memoryview):
            value = bytes(value)  # a copy: items are read ahead, and the buffer may be filled again
        if isinstance(value, bytes) and value.startswith(MAGIC):
            return cls._of_pdf(value, None, "")
        if isinstance(value, str | bytes):
            return cls(value, name_of(value))
        if hasattr(value, "read"):
            content, name = read_object(value), name_of(value)
            return cls._of_pdf(content, None, name) if content.startswith(MAGIC) else cls(content, name)
        if hasattr(value, "convert"):
            return cls(value, getattr(value, "filename", ""))
        if hasattr(value, "__array__"):
            return cls(value)
        usual = "a path, URL, bytes, file object, PIL image, array (H, W, 3) or tensor (3, H, W)"
        raise not_one("an image", value, usual)

    @classmethod
    def _of_mapping(cls, value: Mapping[Any, Any]) -> Image:
        inner = value.get("image", value)
        if not isinstance(inner, Mapping):
            return cls.accept(inner)
        file, name = unpack_file(inner, "an image", 'pass {"image": path, URL, bytes …}')
        image = cls.accept(file)
        image.name = image.name or name
        return image

    @classmethod
    def _of_pdf(cls, file: Path | bytes, number: int | None, name: str) -> Image:
        return cls(PdfPage(file, number, name), name)

    @classmethod
    def pages(cls, value: str | os.PathLike[str] | bytes) -> list[Image]:
        """Give each page of a PDF file as an image of its own, named ``report.pdf#page=1`` and so on.

        Args:
            value: a path, or the bytes of a file.

        Raises:
            InputUnreadable: it is not a PDF, is damaged, or needs a password.
            RequirementMissing: pypdfium2 is not installed.
        """
        name = "" if isinstance(value, bytes) else os.fspath(value)
        file = value if isinstance(value, bytes) else read_file(path_of(value, "PDF"), "PDF")
        return [
            cls._of_pdf(file, number, f"{name}#page={number}" if name else f"page {number}")
            for number in range(1, count_pages(file, name) + 1)
        ]

    def pil(self, at_least: int | None = None) -> PIL.Image.Image:
        """Decode to RGB, upright (EXIF orientation applied), transparency on white.

        With `at_least` a JPEG may come smaller by 2, 4 or 8 (its decoder then skips the work), as
        long as neither side falls below this many pixels; other formats come whole.

        Raises `InputUnreadable` for what is not an image or is cut short, `InputTooLarge` beyond
        ``limits.image_pixels``; the size is known before any pixel is decoded.
        """
        import PIL.Image

        if isinstance(self._source, PdfPage):
            return self._source.draw()
        if hasattr(self._source, "__array__") and not isinstance(self._source, PIL.Image.Image):
            return PIL.Image.fromarray(as_uint8(self._source), "RGB")
        with self._opened() as picture:
            if at_least is not None and picture is not self._source:
                picture.draft("RGB", (at_least, at_least))
            rgb = to_rgb(picture)
            return turn(rgb, orientation(picture))

    def jpeg(self) -> bytes | None:
        """The file as it is, if it is a JPEG in colour; None for all else. What cannot be opened raises as in `pil`."""
        found = self.jpeg_to_turn()
        return found[0] if found is not None else None

    def jpeg_to_turn(self) -> tuple[bytes, int] | None:
        """The content of `jpeg` with the orientation `pil` would apply: for a model that has a faster decoder."""
        if not isinstance(self._source, bytes | bytearray | os.PathLike):
            return None
        with self._opened() as picture:
            if picture.format != "JPEG" or picture.mode != "RGB":
                return None
            file: Any = picture.fp  # type: ignore[attr-defined]
            file.seek(0)
            content: bytes = file.read()
            return content, orientation(picture)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[PIL.Image.Image]:
        """The image with its size checked and no pixel decoded; what goes wrong within is said in our words."""
        import PIL.Image

        silence_pillow()
        label = f"'{self.name}'" if self.name else "this image"
        try:
            if isinstance(self._source, PIL.Image.Image):
                _check_size(self._source, label)
                check_open(self._source, label)
                yield self._source
                return
            # Pillow stops hard at twice its own limit, which is the program's: a user who configured more means it,
            # and one who took it away (None) goes on without.
            most = PIL.Image.MAX_IMAGE_PIXELS
            if most is not None and 2 * most < limits().image_pixels:
                PIL.Image.MAX_IMAGE_PIXELS = limits().image_pixels
            with open_source(self._source, "image") as file, PIL.Image.open(file, formats=_FORMATS) as picture:
                _check_size(picture, label)
                if "progressive" in picture.info:
                    _check_scans(picture, file, label)
                # Of Pillow's decoders only libtiff prints.
                with native_remarks_left_out() if picture.format == "TIFF" else contextlib.nullcontext():
                    check_pages(picture, label)
                    yield picture
        except PIL.Image.DecompressionBombError as error:
            # Pillow says how many pixels first, then a limit of its own.
            raise _too_many_pixels(label, f"it has {int(re.findall(r'[0-9]+', str(error))[0]):,}") from None
        except PIL.Image.DecompressionBombWarning as error:  # the program has made an error of it
            raise InputTooLarge(
                f"{label} has more pixels than PIL.Image.MAX_IMAGE_PIXELS",
                why=f"this program takes Pillow's warning for an error: {error}",
                fix="scale it down, or raise PIL.Image.MAX_IMAGE_PIXELS",
            ) from None
        except PIL.UnidentifiedImageError:
            raise self._not_one(label) from None
        except (DuomoError, MemoryError):
            raise
        except Exception as error:  # a decoder raises whatever it trips over: RuntimeError, struct.error, IndexError …
            raise InputUnreadable(
                f"{label} is damaged",
                why=str(error) or type(error).__name__,
                fix="copy or download it again; it was probably cut short",
            ) from None

    def _not_one(self, label: str) -> InputUnreadable:
        """Say of a file that none of Pillow's readers takes what it looks like."""
        with open_source(self._source, "image") as file:
            looks = looks_like(file.read(HEAD))
        if looks in _FORMATS:
            return InputUnreadable(
                f"{label} is {looks} of a kind that is not read",
                why="Pillow does not know its samples or coding, or its header is damaged",
                fix="save it as PNG of 8 or 16 bits a colour",
            )
        return InputUnreadable(
            f"{label} is not an image",
            why=(f"it looks like {looks}; read are " if looks else "its first bytes are those of none of ")
            + ", ".join(_FORMATS),
            fix="pass its bytes, or a path that ends with .pdf: each page is an image"
            if looks == "PDF"
            else "save it as PNG or JPEG, if it shows an image"
            if looks
            else f"check what it really holds: {by_command('file', self._source)}; save another format as PNG",
        )

    def array(self) -> np.ndarray[Any, Any]:
        """Decode to RGB as uint8 of shape (H, W, 3)."""
        import numpy as np

        return np.asarray(self.pil())


def check_apart(images: Iterable[object]) -> None:
    """Refuse an animation that is in a list more than once, as in `list(PIL.ImageSequence.Iterator(image))`."""
    moving = [id(each) for each in images if getattr(each, "is_animated", False)]
    if len(set(moving)) < len(moving):
        raise BadInput(
            "the frames of a list are one image object",
            why="Pillow shows each frame of an animation in the same object, so that all would be the last one",
            fix="copy each: [frame.copy() for frame in PIL.ImageSequence.Iterator(image)]",
        )


def _check_size(picture: PIL.Image.Image, label: str) -> None:
    width, height = picture.size
    if not width or not height:
        raise BadInput(f"{label} has no pixels", why=f"its size is {width} x {height}", fix="leave it out")
    if width * height > limits().image_pixels:
        raise _too_many_pixels(label, f"{width:,} x {height:,} pixels would take {width * height * 3:,} bytes")


def _check_scans(picture: PIL.Image.Image, file: BinaryIO, label: str) -> None:
    """Refuse a JPEG that goes over its pixels again and again: each scan costs as much, and takes some bytes."""
    at = file.tell()
    file.seek(0)
    scans = file.read().count(b"\xff\xda")
    file.seek(at)
    width, height = picture.size
    if scans > _MOST_SCANS and scans * width * height > _MOST_SCANS * limits().image_pixels:
        raise InputTooLarge(
            f"{label} takes {scans:,} passes over {width:,} x {height:,} pixels",
            why=f"a progressive JPEG has a dozen; more than {_MOST_SCANS} are read of small images only",
            fix="save it again, as PNG or as a JPEG that is not progressive",
        )


def _too_many_pixels(label: str, why: str) -> InputTooLarge:
    return InputTooLarge(
        f"{label} has more pixels than the limit of {limits().image_pixels:,}",
        why=why,
        fix="scale it down, or raise the limit: duomo config set limits.image_pixels N",
    )
