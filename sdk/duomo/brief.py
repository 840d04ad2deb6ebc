"""Values in a few words, for `repr`: a result of a million numbers is one line."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

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
            few = itertools.islice(value.items(), _ITEMS)
            return "{" + _some((f"{name!r}: {Brief(each)!r}" for name, each in few), len(value)) + "}"
        if isinstance(value, tuple) and hasattr(value, "_fields") and hasattr(value, "_field_defaults"):
            return _in_short(value, dict.fromkeys(value._fields, dataclasses.MISSING) | value._field_defaults)
        if isinstance(value, list | tuple):
            some = _some((repr(Brief(each)) for each in value[:_ITEMS]), len(value))
            if isinstance(value, list):
                return f"[{some}]"
            return f"({some},)" if len(value) == 1 else f"({some})"
        return repr(value)


class Named:
    """An object whose `repr` is where its class is found, as the loader of a model is written."""

    def __repr__(self) -> str:
        return f"<{type(self).__module__}:{type(self).__qualname__}>"


class Short:
    """A dataclass whose `repr` is short; it is declared with ``repr=False``, or its own would come first."""

    __slots__ = ()

    def __repr__(self) -> str:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return _in_short(self, {each.name: each.default for each in fields if each.repr})


def _in_short(of: object, defaults: dict[str, Any]) -> str:
    """Fields that hold their default are left out."""
    held = ((name, getattr(of, name), default) for name, default in defaults.items())
    shown = (f"{name}={Brief(v)!r}" for name, v, default in held if type(v) is not type(default) or v != default)
    return f"{type(of).__name__}({', '.join(shown)})"


def _some(parts: Iterable[str], count: int) -> str:
    more = count - _ITEMS
    return ", ".join(parts) + (f", … {more:,} more" if more > 0 else "")
