"""What images, recordings and videos share."""

from __future__ import annotations

from typing import Any

from duomo.brief import Brief
from duomo.inputs.source import memory_of


class Media:
    """What is decoded when a model asks for it; it says its name, or what it was made from."""

    __slots__ = ()
    _source: Any
    name: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({Brief(self.name or self._source)!r})"

    @property
    def source(self) -> object:
        """What was handed in."""
        return self._source

    @property
    def nbytes(self) -> int:
        """What it holds in memory before it is decoded; nothing for a path."""
        parts = self._source if isinstance(self._source, tuple) else (self._source,)
        return sum(map(memory_of, parts))
