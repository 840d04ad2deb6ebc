"""Which way is up: the orientation a file states, read the same way by whichever decoder."""

from __future__ import annotations

import logging
import re
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import PIL.Image

UPRIGHT = 1
_TAG = 0x0112
_MODULES = r"PIL\."
_STATING = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
"""Where Pillow keeps what states an orientation."""
_SILENT = ("ignore", None, UserWarning, re.compile(_MODULES), 0)


def silence_pillow() -> None:
    """Keep Pillow's remarks on files off stderr; what matters about a file is said by our errors.

    The filter covers Pillow's modules alone. It stays in force: one that comes and goes with each image would be lost
    or left behind when two threads decode at a time. It stands before the program's own: a remark on EXIF that becomes
    an error would leave a photo on its side. The warning of too many pixels is the program's, and is silenced last.
    """
    import PIL.Image

    if _SILENT not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=_MODULES)
        warnings.filterwarnings("ignore", category=PIL.Image.DecompressionBombWarning, append=True)
        # Without a handler, logging itself prints what Pillow logs as an error.
        logging.getLogger("PIL").addHandler(logging.NullHandler())


def orientation(image: PIL.Image.Image) -> int:
    """Read the orientation, 1 to 8 as in EXIF, from EXIF or else from XMP; 1 where there is none that can be read.

    Decodes nothing for a JPEG. Other formats may keep EXIF behind the pixels: load them first, or damage to the pixels
    is taken for damage to the EXIF.
    """
    try:
        value = image.getexif().get(_TAG, UPRIGHT)
    except Exception:  # Pillow's parser raises anything, and damaged metadata is not a reason to refuse the pixels
        return UPRIGHT
    return _whole(value)


def turn(image: PIL.Image.Image, stated: int) -> PIL.Image.Image:
    """Turn an image upright that was stored with the orientation `stated`.

    What is turned states no orientation any more, or whoever is given it would turn it again.
    """
    import PIL.Image

    how = PIL.Image.Transpose
    turns = {
        2: how.FLIP_LEFT_RIGHT,
        3: how.ROTATE_180,
        4: how.FLIP_TOP_BOTTOM,
        5: how.TRANSPOSE,
        6: how.ROTATE_270,
        7: how.TRANSVERSE,
        8: how.ROTATE_90,
    }
    if stated not in turns:
        return image
    turned = image.transpose(turns[stated])
    for name in _STATING:
        turned.info.pop(name, None)
    return turned


def _whole(value: Any) -> int:
    """A number that EXIF knows as an orientation, of whatever type the file stores it; 1 for all else."""
    if isinstance(value, bytes | tuple) and value:
        value = value[0]  # one byte, or more numbers than belong there: the first is what other readers take
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return UPRIGHT
    return whole if whole == value and 1 <= whole <= 8 else UPRIGHT
