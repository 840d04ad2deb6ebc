"""Pictures."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duomo.errors import BadInput, InputTooLarge, InputUnreadable
from duomo.inputs.limits import limits
from duomo.inputs.orientation import orientation, silence_pillow, turn
from duomo.inputs.source import check_file, is_url, memory_of, name_of, open_source, read_object

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image


_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")
"""What is read, as in `duomo.tasks.IMAGES`. Pillow knows more, and hands some, such as EPS, to other programs."""


class Image:
    """A picture that is decoded when a model asks for it."""

    __slots__ = ("_source", "name")

    def __init__(self, source: Any, name: str = "") -> None:
        self._source = source
        self.name = name

    @classmethod
    def accept(cls, value: Any) -> Image:
        """Take a path, URL, bytes, file object, PIL image, or an array or tensor.

        Arrays are (H, W), (H, W, 3) or (H, W, 4) of uint8, or of floats in [0, 1]; tensors may also
        be (3, H, W). A mapping with key ``image`` is unwrapped.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, dict) and "image" in value:
            value = value["image"]
        if isinstance(value, str | os.PathLike) and not is_url(value):
            return cls(check_file(Path(value), "image"), str(value))
        if isinstance(value, str | bytes | bytearray):
            return cls(value, name_of(value))
        if hasattr(value, "read"):
            return cls(read_object(value), name_of(value))
        if hasattr(value, "convert"):
            return cls(value, getattr(value, "filename", ""))
        if hasattr(value, "__array__"):
            return cls(value)
        raise BadInput(
            f"an image is expected, not {type(value).__name__}",
            fix="pass a path, URL, bytes, file object, PIL image, array (H, W, 3) or tensor (3, H, W)",
        )

    @property
    def source(self) -> Any:
        """What was handed in."""
        return self._source

    @property
    def nbytes(self) -> int:
        """What it holds in memory before it is decoded; nothing for a path."""
        return memory_of(self._source)

    def pil(self, at_least: int | None = None) -> PIL.Image.Image:
        """Decode to RGB, upright (EXIF orientation applied), transparency on white.

        With `at_least` a JPEG may come smaller by 2, 4 or 8 (its decoder then skips the work), as
        long as neither side falls below so many pixels; other formats come whole.

        Raises `InputUnreadable` for what is no picture or is cut short, `InputTooLarge` beyond
        ``limits.image_pixels``; the size is known before any pixel is decoded.
        """
        import PIL.Image

        if hasattr(self._source, "__array__") and not isinstance(self._source, PIL.Image.Image):
            return PIL.Image.fromarray(_as_uint8(self._source), "RGB")
        with self._opened() as picture:
            if at_least is not None and picture is not self._source:
                picture.draft("RGB", (at_least, at_least))
            picture.load()
            rgb = _to_rgb(picture)
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
        """The picture with its size checked and no pixel decoded; what goes wrong within is said in our words."""
        import PIL.Image

        silence_pillow()
        label = f"'{self.name}'" if self.name else "this image"
        try:
            if isinstance(self._source, PIL.Image.Image):
                _check_size(self._source, label)
                yield self._source
                return
            # Pillow stops hard at twice its own limit; a user who configured more means it.
            PIL.Image.MAX_IMAGE_PIXELS = max(PIL.Image.MAX_IMAGE_PIXELS or 0, limits().image_pixels)
            with open_source(self._source, "image") as file, PIL.Image.open(file, formats=_FORMATS) as picture:
                _check_size(picture, label)
                yield picture
        except PIL.Image.DecompressionBombError as error:
            # Pillow says how many pixels first, then a limit of its own.
            raise _too_many_pixels(label, f"it has {int(re.findall(r'[0-9]+', str(error))[0]):,}") from None
        except PIL.UnidentifiedImageError:
            raise InputUnreadable(
                f"{label} is not a picture",
                why=f"its first bytes are those of none of {', '.join(_FORMATS)}",
                fix="check what the file really holds: file NAME; save another format as PNG",
            ) from None
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise InputUnreadable(
                f"{label} is damaged", why=str(error), fix="copy or download it again; it was probably cut short"
            ) from None

    def array(self) -> np.ndarray[Any, Any]:
        """Decode to RGB as uint8 of shape (H, W, 3)."""
        import numpy as np

        return np.asarray(self.pil())


def _check_size(picture: PIL.Image.Image, label: str) -> None:
    width, height = picture.size
    if width * height > limits().image_pixels:
        raise _too_many_pixels(label, f"{width:,} x {height:,} pixels would take {width * height * 3:,} bytes")


def _too_many_pixels(label: str, why: str) -> InputTooLarge:
    return InputTooLarge(
        f"{label} has more pixels than the limit of {limits().image_pixels:,}",
        why=why,
        fix="scale it down, or raise the limit: duomo config set limits.image_pixels N",
    )


def _to_rgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    import PIL.Image

    if picture.mode == "RGB":
        picture.load()
        return picture
    if picture.mode == "F":
        # Pillow clips floats to 0 and 255 when converting; they are judged as in an array.
        return PIL.Image.fromarray(_as_uint8(picture), "RGB")
    if picture.mode.startswith("I;16") or picture.mode == "I":
        return _from_deep_grey(picture).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = PIL.Image.new("RGBA", picture.size, "white")
        return PIL.Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _from_deep_grey(picture: PIL.Image.Image) -> PIL.Image.Image:
    """16-bit greys scaled to 8, where Pillow would clip them; the grey that stands for transparency becomes white."""
    import numpy as np
    import PIL.Image

    clear = picture.info.get("transparency")
    deep = picture.convert("I")
    grey = deep.point(lambda level: level / 257).convert("L")
    grey.info.pop("transparency", None)  # a level of 16 bits
    if clear is not None:
        grey.paste(255, mask=PIL.Image.fromarray(np.asarray(deep) == clear))
    return grey


def _as_uint8(value: Any) -> np.ndarray[Any, Any]:
    import numpy as np

    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[-1] not in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or 0 in array.shape:
        raise BadInput(
            f"an array of shape {array.shape} is no picture",
            fix="pass (H, W), (H, W, 3), (H, W, 4) or, as a tensor, (3, H, W)",
        )
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise BadInput(
                f"float pixels must lie in [0, 1], these span {array.min():.3g} to {array.max():.3g}",
                why="a guess at the range would silently change every prediction",
                fix="divide by 255, or pass uint8",
            )
        array = (array * 255).round()
    elif array.dtype != np.uint8:
        raise BadInput(f"pixels of type {array.dtype} are ambiguous", fix="pass uint8, or floats in [0, 1]")
    array = array.astype(np.uint8)
    if array.shape[-1] == 4:
        alpha = array[..., 3:].astype(np.float32) / 255
        array = (array[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))
