"""Where two results differ, and what in one is not plain data."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from duomo.tasks.base import Result


def difference(a: Any, b: Any, tolerance: float, path: str = "") -> str:
    """Where two results differ by more than `tolerance`, in words; empty when they do not."""
    if isinstance(a, Result) and isinstance(b, Result):
        return difference(a.model_dump(), b.model_dump(), tolerance, path)
    if hasattr(a, "__array__") and hasattr(b, "__array__"):
        return "" if _are_close(a, b, tolerance) else f"{path or 'an array'} differs"
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return _first(difference(a[key], b[key], tolerance, f"{path}.{key}") for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        return _first(difference(x, y, tolerance, f"{path}[{i}]") for i, (x, y) in enumerate(zip(a, b, strict=True)))
    if isinstance(a, float) and isinstance(b, float):
        close = abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))
        return "" if close or a == b else f"{path} is {a} and {b}"
    if isinstance(a, bytes) and isinstance(b, bytes) and a != b and a[:4] == b[:4] == b"\x89PNG":
        return _pixels_apart(a, b, tolerance, path)
    if tolerance and isinstance(a, bytes) and isinstance(b, bytes) and a[:4] == b[:4] == b"RIFF":
        return _samples_apart(a, b, tolerance, path)
    compares = "__eq__" in {name for cls in type(a).__mro__[:-1] for name in vars(cls)}
    return "" if a == b or not compares else f"{path or 'it'} is {a!r:.80} and {b!r:.80}"


def _are_close(a: Any, b: Any, tolerance: float) -> bool:
    import numpy as np

    one, other = np.asarray(a), np.asarray(b)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype.kind != "f":
        return bool((one == other).all())
    apart = tolerance * np.maximum(1.0, np.maximum(np.abs(one), np.abs(other)))
    return bool(((one == other) | (np.abs(one - other) <= apart)).all())


def _pixels_apart(a: bytes, b: bytes, tolerance: float, path: str) -> str:
    """Images differ where their pixels do on average by more than `tolerance` of the whitest."""
    import numpy as np
    import PIL.Image

    one, other = (np.asarray(PIL.Image.open(io.BytesIO(each)), dtype=np.float64) for each in (a, b))
    if one.shape == other.shape and np.abs(one - other).mean() <= tolerance * max(1.0, one.max(), other.max()):
        return ""
    return f"{path or 'an image'} has other pixels"


def _samples_apart(a: bytes, b: bytes, tolerance: float, path: str) -> str:
    """Recordings differ where a sample, in [-1, 1], does by more than `tolerance` and a step of 16 bits."""
    import soundfile

    one, other = (soundfile.read(io.BytesIO(each)) for each in (a, b))
    if one[1] == other[1] and one[0].shape == other[0].shape and abs(one[0] - other[0]).max() <= tolerance + 2**-15:
        return ""
    return f"{path or 'a recording'} has other samples"


def _first(found: Iterator[str]) -> str:
    return next((each for each in found if each), "")


def strange(value: object, path: str = "") -> str:
    """The first thing in a dumped result that is not plain data."""
    if isinstance(value, dict):
        return _first(strange(each, f"{path}.{key}") for key, each in value.items())
    if isinstance(value, list | tuple):
        return _first(strange(each, f"{path}[{i}]") for i, each in enumerate(value))
    plain = value is None or isinstance(value, str | int | float | bytes)
    is_vector = type(value).__module__ == "numpy" and getattr(value, "ndim", 0) == 1  # the numbers of an embedding
    return "" if plain or is_vector else f"a {type(value).__module__}.{type(value).__name__} at {path}"
