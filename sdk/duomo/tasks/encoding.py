"""How results hold numbers and bytes: arrays in Python, lists and base64 in JSON, plain bytes in a store."""

from __future__ import annotations

import base64
import functools
import json
import struct
import typing
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic_core import core_schema

if TYPE_CHECKING:
    import numpy as np
    import pydantic

M = TypeVar("M", bound="pydantic.BaseModel")
_LENGTH = struct.Struct("<I")
_Schema: TypeAlias = Any  # a core schema is a dict of whatever its kind asks for


if TYPE_CHECKING:
    Vector: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]
else:

    class Vector:
        """The kind of a field that holds float32 numbers of shape (n,): an array in Python, a list in JSON."""

        @classmethod
        def __get_pydantic_core_schema__(cls, source, handler):
            numbers = core_schema.list_schema(core_schema.nullable_schema(core_schema.float_schema()))
            read = core_schema.with_info_after_validator_function(_read, numbers)
            return core_schema.json_or_python_schema(
                json_schema=read,
                python_schema=core_schema.no_info_plain_validator_function(as_vector),
                serialization=core_schema.plain_serializer_function_ser_schema(
                    _written,
                    info_arg=True,
                    when_used="json",
                    return_schema=core_schema.list_schema(core_schema.float_schema()),
                ),
            )


def as_vector(value: object) -> Vector:
    """Make a float32 array of shape (n,) of numbers, which holds no larger one in memory. None is NaN."""
    import numpy as np

    array = np.asarray(value, dtype=np.float32)
    if array.ndim != 1:
        raise ValueError(f"a vector has one dimension, not {array.ndim}")
    return array if array.base is None else array.copy()  # a row of a batch would keep all of it


def pack(result: pydantic.BaseModel) -> bytes | None:
    """Write a result with its vectors as bytes: the length of the JSON, the JSON, the vectors; None if it has none."""
    if not _holds_vectors(type(result)):
        return None
    vectors: list[bytes] = []
    # By way of Python's JSON, in which NaN of another field stays NaN.
    text = json.dumps(result.model_dump(mode="json", context=vectors)).encode()
    return b"".join([_LENGTH.pack(len(text)), text, *vectors])


def unpack(kind: type[M], packed: bytes) -> M:
    """Read what `pack` has written. Raises `ValueError` for anything else."""
    start = _LENGTH.size + _LENGTH.unpack_from(packed)[0]
    return kind.model_validate_json(packed[_LENGTH.size : start], context=memoryview(packed)[start:])


def standard_base64(schema: _Schema) -> _Schema:
    """Have bytes written as RFC 4648 §4 says, in the schema of a model: pydantic's own is that of §5, for addresses."""
    if isinstance(schema, dict):
        for part in schema.values():
            standard_base64(part)
        if schema.get("type") == "bytes":
            schema["serialization"] = core_schema.plain_serializer_function_ser_schema(_base64, when_used="json")
    elif isinstance(schema, list | tuple):
        for part in schema:
            standard_base64(part)
    return schema


def described_base64(schema: _Schema) -> _Schema:
    """Have a JSON schema say so."""
    if isinstance(schema, dict):
        if schema.get("format") == "base64url":
            del schema["format"]
            schema["contentEncoding"] = "base64"
        for part in schema.values():
            described_base64(part)
    elif isinstance(schema, list):
        for part in schema:
            described_base64(part)
    return schema


@functools.cache
def _holds_vectors(kind: object) -> bool:
    if isinstance(kind, type) and hasattr(kind, "__pydantic_fields__"):
        return any(_holds_vectors(field.annotation) for field in kind.__pydantic_fields__.values())
    return kind is Vector or any(_holds_vectors(part) for part in typing.get_args(kind))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _written(vector: Vector, info: core_schema.SerializationInfo) -> list[float]:
    """Write the numbers; for `pack`, where they begin among its bytes and how many there are."""
    if not isinstance(info.context, list):
        numbers: list[float] = vector.tolist()
        return numbers
    begin = sum(map(len, info.context))
    info.context.append(vector.astype("<f4").tobytes())
    return [begin, len(vector)]


def _read(numbers: list[float | None], info: core_schema.ValidationInfo) -> Vector:
    if not isinstance(info.context, memoryview):
        return as_vector(numbers)
    import numpy as np

    begin, count = (int(each or 0) for each in numbers)
    return np.frombuffer(info.context, "<f4", count, begin).astype(np.float32)
