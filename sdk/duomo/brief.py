"""Values in a few words, for `repr`: a result of a million numbers is one line."""

from __future__ import annotations

from collections.abc import Iterable

_ITEMS = 3
_CHARACTERS = 60


class Brief:
    """A value whose `repr` is short."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        value = self._value
        if isinstance(value, bytes):
            return f"<{len(value):,} bytes>"
        if isinstance(value, str):
            return repr(value) if len(value) <= _CHARACTERS else f"{value[:_CHARACTERS]!r}… ({len(value):,} characters)"
        if hasattr(value, "dtype") and hasattr(value, "shape"):
            return f"<{value.dtype} {'×'.join(map(str, value.shape))}>"
        if isinstance(value, dict):
            return "{" + _some(f"{name!r}: {Brief(each)!r}" for name, each in value.items()) + "}"
        if isinstance(value, list | tuple):
            few = _some((repr(Brief(each)) for each in value[:_ITEMS]), len(value))
            return f"[{few}]" if isinstance(value, list) else f"({few})"
        return repr(value)


def _some(parts: Iterable[str], count: int | None = None) -> str:
    shown = list(parts)
    more = (count if count is not None else len(shown)) - _ITEMS
    return ", ".join(shown[:_ITEMS]) + (f", … {more:,} more" if more > 0 else "")
