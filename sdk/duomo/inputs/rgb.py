"""From any image of Pillow, or any array, to RGB: deep greys scaled, transparency on white."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from duomo.errors import BadInput
from duomo.inputs.arrays import to_numpy
from duomo.inputs.planes import check_planes

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image

_BITS_PER_SAMPLE, _PHOTOMETRIC, _COLOURS, _SAMPLE_FORMAT = 258, 262, 320, 339
"""Tags of TIFF."""
_SIGNED = 2
"""The format of a sample in TIFF that may be below zero."""
_SHALLOW = {"L;2": 85, "L;4": 17}
"""How far Pillow spreads the levels of PNGs of 2 and 4 bits; it leaves the level that stands for transparency."""
_ROUNDING = 0.01
"""How far floats may lie outside [0, 1] for the advice to be clipping rather than scaling."""
_LONG = 16
"""Pixels from which an array as narrow as a colour is a line of an image."""
_MANAGED = {"CMYK": "CMYK", "LAB": "Lab "}
"""Modes whose numbers mean nothing without a profile, and what profiles call their colours."""
_DEEP = "RGB;16B"
_LOW_BYTES = "RGB;16L"
"""The layout under which Pillow's reader of big-endian 16-bit colours finds their lower bytes."""


def to_rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """Load an image and convert it to RGB on white; an opaque RGB image is returned as it is.

    Raises `BadInput` for floats outside [0, 1].
    """
    import PIL.Image

    is_key = _colour_key(image)
    _check_format(image)
    check_planes(image)
    image.load()
    if image.mode == "RGB" and is_key is None:
        return image
    if image.mode in _MANAGED and "icc_profile" in image.info:
        return _by_profile(image)
    if image.mode == "F":
        # Pillow clips floats to 0 and 255 when converting; they are judged as in an array.
        return PIL.Image.fromarray(as_uint8(_from_floats(image)), "RGB")
    if image.mode.startswith("I;16") or image.mode == "I":
        return _from_deep_grey(image).convert("RGB")
    if is_key is not None:
        clear = PIL.Image.fromarray(is_key(image))
        opaque = _without_key(image).convert("RGB")
        opaque.paste((255, 255, 255), mask=clear)
        return opaque
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    image = _with_shallow_palette(_without_foreign_key(image))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = PIL.Image.new("RGBA", image.size, "white")
        return PIL.Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _by_profile(image: PIL.Image.Image) -> PIL.Image.Image:
    """Inks as their ICC profile says they look; as Pillow guesses where the profile is damaged or of other colours."""
    import PIL.ImageCms

    try:
        profile = PIL.ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        if profile.profile.xcolor_space == _MANAGED[image.mode]:
            seen = PIL.ImageCms.profileToProfile(image, profile, PIL.ImageCms.createProfile("sRGB"), outputMode="RGB")
            if seen is not None:
                return seen
    except (PIL.ImageCms.PyCMSError, OSError, TypeError, ValueError):
        pass
    return image.convert("RGB")


def as_uint8(value: object) -> np.ndarray[Any, Any]:
    """Pixels of an array or tensor as (H, W, 3) uint8, transparency on white.

    Raises `BadInput` for what could mean several things.
    """
    import numpy as np

    array = _channels_last(value)
    if np.issubdtype(array.dtype, np.floating):
        _check_range(float(array.min()), float(array.max()))
        array = (array * 255).round()
    elif array.dtype != np.uint8:
        raise BadInput(
            f"pixels of type {array.dtype} are ambiguous",
            why="the type does not say which number is white",
            fix="pass uint8, or floats in [0, 1]",
        )
    array = array.astype(np.uint8)
    if array.shape[-1] == 4:
        alpha = array[..., 3:].astype(np.float32) / 255
        array = (array[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(array, (*array.shape[:2], 3)))


def _channels_last(value: object) -> np.ndarray[Any, Any]:
    """An array or tensor as (H, W, 1, 3 or 4). Raises `BadInput` where that is not plain."""
    array = to_numpy(value, "pass (H, W, 3) of uint8, or of floats in [0, 1]")
    if array.ndim == 3 and array.shape[0] in (1, 3):
        is_last = array.shape[-1] in (1, 3, 4)
        if is_last and hasattr(value, "detach"):
            raise BadInput(
                f"a tensor of shape {array.shape} does not say which axis holds the colours",
                why="the first could, and so could the last",
                fix="pass tensor.permute(1, 2, 0).numpy() where they come first, tensor.numpy() where they come last",
            )
        if not is_last:
            array = array.transpose(1, 2, 0)
    if array.ndim == 2 and array.shape[1] in (3, 4) and array.shape[0] >= _LONG:
        raise BadInput(
            f"an array of shape {array.shape} is a line of pixels, not an image",
            why="that is what iterating an image (H, W, 3) gives",
            fix="pass the whole array: runner(array); map takes many images: runner.map([array])",
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or 0 in array.shape:
        raise BadInput(
            f"an array of shape {array.shape} is not an image",
            why="an axis has no length" if 0 in array.shape else "the last axis, or a tensor's first, has the channels",
            fix="pass (H, W), (H, W, 3), (H, W, 4) or, as a tensor, (3, H, W)",
        )
    return array


def _check_range(least: float, most: float) -> None:
    """Raise `BadInput` unless float pixels lie in [0, 1]; NaN does not."""
    if least >= 0 and most <= 1:
        return
    if not math.isfinite(least) or not math.isfinite(most):
        raise BadInput(
            "this image holds pixels that are not numbers",
            why="there are NaN or infinities in it",
            fix="numpy.nan_to_num(array), where they are few",
        )
    slightly = least >= -_ROUNDING and most <= 1 + _ROUNDING
    raise BadInput(
        f"float pixels must lie in [0, 1], these span {least:.9g} to {most:.9g}",
        why="they are off by about a rounding"
        if slightly
        else "a guess at the range would silently change every prediction",
        fix="clip them: array.clip(0, 1)"
        if slightly
        else "pass the pixels before they are normalised: each model does that itself"
        if least < 0
        else "divide by 255, or pass uint8",
    )


def _colour_key(image: PIL.Image.Image) -> Callable[[PIL.Image.Image], Any] | None:
    """How to find the pixels of the colour that stands for transparency, as bool of shape (H, W); None without one.

    Only for modes that Pillow converts wrongly: RGB, and greys of fewer than 8 bits. To be called before the image is
    loaded: then it no longer says how its file stored the levels.
    """
    import numpy as np

    key = image.info.get("transparency")
    tiles = getattr(image, "tile", None)
    layout = tiles[0].args if tiles else None
    layout = layout[0] if isinstance(layout, tuple) else layout
    if image.mode == "L" and layout in _SHALLOW and isinstance(key, int):
        level = key * _SHALLOW[layout]
        return lambda loaded: np.asarray(loaded) == level
    if image.mode != "RGB" or not isinstance(key, tuple) or len(key) != 3:
        return None
    if layout == _DEEP:
        low = _low_bytes(image)
        deep = np.asarray(key, np.uint16)
        return lambda loaded: ((np.asarray(loaded) == deep >> 8) & (low == (deep & 255))).all(-1)
    shallow = [level >> 8 if max(key) > 255 else level for level in key]  # of 16 bits, and loaded by the caller
    return lambda loaded: (np.asarray(loaded) == shallow).all(-1)


def _low_bytes(image: PIL.Image.Image) -> np.ndarray[Any, Any]:
    """The lower bytes of 16-bit colours, (H, W, 3), that Pillow drops: read from the same file a second time."""
    import numpy as np
    import PIL.Image

    file: Any = image.fp  # type: ignore[attr-defined]
    place = file.tell()
    file.seek(0)
    again = PIL.Image.open(file, formats=("PNG",))
    again.tile = [tile._replace(args=_LOW_BYTES) for tile in again.tile]
    low = np.asarray(again)
    file.seek(place)
    return low


def _without_foreign_key(image: PIL.Image.Image) -> PIL.Image.Image:
    """Drop a transparency that the mode of the image does not have: it may be left from the image it was made of."""
    known = {"P": (int, bytes), "L": (int,), "1": (int,)}.get(image.mode, ())
    is_foreign = "transparency" in image.info and not isinstance(image.info["transparency"], known)
    return _without_key(image) if is_foreign else image


def _without_key(image: PIL.Image.Image) -> PIL.Image.Image:
    image = image.copy()
    del image.info["transparency"]
    return image


def _from_deep_grey(image: PIL.Image.Image) -> PIL.Image.Image:
    """Greys of 16 bits scaled to 8, where Pillow would clip them; the one that stands for transparency becomes white.

    Raises `BadInput` for levels that 16 bits cannot hold, or that 8 bits could: it is not known what white is.
    """
    import numpy as np
    import PIL.Image

    bits, is_white_zero = _tiff_levels(image)
    levels = np.asarray(image.convert("I"))
    white = 2**bits - 1 if bits < 16 else 65535
    if levels.min() < 0 or levels.max() > white:
        raise BadInput(
            f"grey levels must lie in 0 to {white}, these span {levels.min()} to {levels.max()}",
            why="a guess at the range would silently change every prediction",
            fix="scale them to 8 or 16 bits",
        )
    if image.mode == "I" and image.format != "PNG" and 0 < levels.max() <= 255:
        raise BadInput(
            f"grey levels of mode I that span {levels.min()} to {levels.max()} could be of 8 bits or of 16",
            why="the mode does not say what white is; as 16 bits the image would be nearly black",
            fix='of 8 bits: image.convert("L"); of 16: image.convert("I;16")',
        )
    clear = image.info.get("transparency")
    scaled = (levels.astype(np.float32) * np.float32(255 / white)).astype(np.uint8)
    if is_white_zero:
        scaled = 255 - scaled
    if isinstance(clear, int):
        scaled[levels == clear] = 255
    return PIL.Image.fromarray(scaled, "L")


def _check_format(image: PIL.Image.Image) -> None:
    """Refuse TIFFs whose levels have a sign, which Pillow drops up to 8 bits; of 32 it writes all with one."""
    bits, _ = _tiff_levels(image)
    if bits <= 16 and _first(getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, 1)) == _SIGNED:
        raise BadInput(
            f"a TIFF of signed levels of {bits} bits has no known white",
            why="they are measurements rather than greys, and which of them is black or white the file does not say",
            fix="scale them to 8 or 16 bits without a sign: (levels - low) / (high - low) * 255",
        )


def _with_shallow_palette(image: PIL.Image.Image) -> PIL.Image.Image:
    """Take a palette of TIFF that was written in 8 bits, not 16, as libtiff does: Pillow would see black."""
    import numpy as np

    colours = getattr(image, "tag_v2", {}).get(_COLOURS)
    if image.mode != "P" or not colours or max(colours) > 255:
        return image
    image = image.copy()
    image.putpalette(np.asarray(colours, np.uint8).reshape(3, -1).T.tobytes())
    return image


def _first(value: int | tuple[int, ...]) -> int:
    return int(value[0] if isinstance(value, tuple) else value)


def _from_floats(image: PIL.Image.Image) -> np.ndarray[Any, Any]:
    import numpy as np

    _, is_white_zero = _tiff_levels(image)
    floats = np.asarray(image)
    return 1 - floats if is_white_zero else floats


def _tiff_levels(image: PIL.Image.Image) -> tuple[int, bool]:
    """Bits of a level and whether 0 is white: Pillow heeds both up to 8 bits, not beyond. (16, False) but for TIFFs."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return 16, False
    return _first(tags.get(_BITS_PER_SAMPLE, (16,))), tags.get(_PHOTOMETRIC) == 0
