"""What is made only when it is used: names that a package hands out, and values that take long."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """A value that is made when it is first asked for, by one thread while others wait; what fails is tried again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._turn = threading.Lock()

    def __call__(self) -> T:
        if not self._made:
            with self._turn:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]


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
