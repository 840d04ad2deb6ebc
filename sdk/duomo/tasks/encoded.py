"""Files in results, such as the PNG of a mask: written when somebody asks for the bytes or for JSON, not before.

To encode an image often takes longer than the network that made it, and who wants its numbers needs no file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic_core import core_schema

if TYPE_CHECKING:
    import numpy as np
    from pydantic.fields import FieldInfo

_Schema: TypeAlias = Any  # a core schema is a dict of whatever its kind asks for


class Encoded(ABC):
    """What a file will hold. It may stand in a field of the kind `File` in place of the file."""

    _content: bytes | None = None

    @property
    @abstractmethod
    def array(self) -> np.ndarray[Any, Any]:
        """The numbers; nobody may change them."""

    @abstractmethod
    def encode(self) -> bytes:
        """Write the file."""

    def __bytes__(self) -> bytes:
        if self._content is None:
            self._content = self.encode()
        return self._content

    def __eq__(self, other: object) -> bool:
        return bytes(self) == bytes(other) if isinstance(other, bytes | Encoded) else NotImplemented

    def __hash__(self) -> int:
        return hash(bytes(self))


class _Late:
    """How pydantic reads and writes such a field."""

    def __get_pydantic_core_schema__(self, source: object, handler: Callable[[object], _Schema]) -> _Schema:
        return core_schema.no_info_wrap_validator_function(
            lambda value, read: value if isinstance(value, Encoded) else read(value),
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(_written, info_arg=True),
        )


File = Annotated[bytes, _Late()]
"""The kind of a field that holds the content of a file: bytes in Python, base64 in JSON."""


def is_file(field: FieldInfo) -> bool:
    """Whether a field is of that kind."""
    return any(isinstance(each, _Late) for each in field.metadata)


class Opened:
    """The attribute of such a field: the file, which is written now if it was not yet."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, result: object | None, owner: type) -> bytes:
        held = None if result is None else result.__dict__.get(self.name)
        if held is None:
            raise AttributeError(self.name)  # of the class: pydantic would take it for a default
        return bytes(held)

    def __set__(self, result: object, value: object) -> None:
        result.__dict__[self.name] = value


def numbers_of(result: object, name: str) -> np.ndarray[Any, Any] | None:
    """The numbers of a field whose file was not read from anywhere; None where there is only the file."""
    held = result.__dict__.get(name)
    return held.array if isinstance(held, Encoded) else None


def _written(value: bytes | Encoded, info: core_schema.SerializationInfo) -> str | bytes:
    import base64

    content = bytes(value)
    return base64.b64encode(content).decode() if info.mode_is_json() else content
