"""Names that a package hands out and loads only when one is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping


def face(package: str, homes: Mapping[str, str]) -> None:
    """Give a package its ``__getattr__``, ``__dir__`` and ``__all__``.

    They are set here and not assigned in the package: to a type checker a module with a ``__getattr__`` has every
    name there is, so that a misspelt one would pass.

    Args:
        package: its ``__name__``.
        homes: module → the names that come from it, with spaces between. The same names stand under
            ``TYPE_CHECKING`` in the package, as ``from module import Name as Name``; a test compares the two.
    """
    where = {name: module for module, names in homes.items() for name in names.split()}
    module = sys.modules[package]

    def get(name: str) -> object:
        if name not in where:
            # With these two Python itself adds the nearest name to what it prints.
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=module)
        value = getattr(importlib.import_module(where[name]), name)
        setattr(module, name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(module), *where})

    vars(module).update(__getattr__=get, __dir__=names, __all__=sorted(where))
