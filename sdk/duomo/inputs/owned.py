"""Values that the caller can no longer change: what is read ahead is decoded later than it was given."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from duomo.inputs.image import Image, check_apart

_FIXED = {str, bytes, int, float, bool, type(None)}
"""Types that cannot change, and are most of what lists hold."""


def owned(given: object) -> object:
    """Copy the arrays, tensors and Pillow images of a value, also inside lists, tuples and mappings.

    A source such as a camera or `PIL.ImageSequence.Iterator` fills one buffer again for each item.
    A Pillow image of one frame that is not loaded yet stays as it is: loading it is the work of later.
    Raises what `Image.pil` raises, and `BadInput` for a list that holds one animation more than once.
    """
    value: Any = given
    kind = type(value)
    if kind in _FIXED:
        return value
    if kind is tuple or kind is list:
        if _FIXED.issuperset(map(type, value)):
            return value
        check_apart(value)
        return kind(map(owned, value))
    if isinstance(value, Mapping):
        return {key: owned(each) for key, each in value.items()}
    if isinstance(value, _loaded("PIL.Image", "Image")):
        is_unread = bool(getattr(value, "tile", ())) and not getattr(value, "is_animated", False)
        return value if is_unread else Image(Image.accept(value).array().copy(), getattr(value, "filename", ""))
    if isinstance(given, _loaded("numpy", "ndarray")):
        return value.copy()
    return value.detach().clone() if isinstance(given, _loaded("torch", "Tensor")) else value


def _loaded(module: str, name: str) -> type | tuple[()]:
    """Find a class of a library; no class at all where nobody has imported the library: then no value is of it."""
    found: type | tuple[()] = getattr(sys.modules.get(module), name, ())
    return found
