"""What a task is: an input class, an options class and a result class."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    Protocol,
    Self,
    TypeVar,
    get_args,
    get_origin,
    overload,
)  # fmt: skip

import pydantic

from duomo.brief import Brief
from duomo.errors import BadOption, did_you_mean
from duomo.tasks.encoded import Encoded, Opened, is_file
from duomo.tasks.encoding import described_base64, standard_base64

if TYPE_CHECKING:
    from pydantic_core import CoreSchema, ErrorDetails


class Options(pydantic.BaseModel):
    """Options of a task; a name it does not know is an error, not ignored."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        return ((name, Brief(value)) for name, value in super().__repr_args__())

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Check `values`; raises `BadOption` with the nearest name or the allowed range. A number may be a str."""
        for name, value in values.items():
            if isinstance(value, int | float) and name in cls.model_fields:
                _check_truth(cls, name, value)
        try:
            return cls(**values)
        except pydantic.ValidationError as error:
            # A name that is unknown explains the required one that is missing.
            first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
            raise _bad_option(cls, first) from None

    @classmethod
    def cutting(cls) -> dict[str, str]:
        """The option with which inputs longer than the model reads are cut; nothing where the task has none."""
        field = cls.model_fields.get("long")
        return {"long": "truncate"} if field is not None and "truncate" in get_args(field.annotation) else {}


_set = object.__setattr__
_OTHER_NAMES = {"max_length": "max_new_tokens", "max_tokens": "max_new_tokens", "max_output_tokens": "max_new_tokens"}
"""What other libraries call an option of ours."""

LongPolicy = Literal["error", "truncate", "window"]
"""What to do with an input longer than the model reads."""


class Result(pydantic.BaseModel):
    """What a task gives back: typed, of one shape whatever the options, and JSON-safe.

    Models build results with ``model_construct``: our own output needs no validation.
    """

    model_config = pydantic.ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name, field in cls.__pydantic_fields__.items():
            if is_file(field):
                setattr(cls, name, Opened(name))

    def __iter__(self) -> Iterator[object]:  # type: ignore[override]  # pydantic's would give fields and their names
        raise _is_not("a list", self)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[pydantic.BaseModel], handler: pydantic.GetCoreSchemaHandler
    ) -> CoreSchema:
        schema: CoreSchema = standard_base64(handler(source))
        return schema

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: pydantic.GetJsonSchemaHandler
    ) -> dict[str, object]:
        found = handler(schema)
        described_base64(handler.resolve_ref_schema(found))
        return found

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        for name, value in super().__repr_args__():
            yield name, Brief(bytes(value) if isinstance(value, Encoded) else value)

    if not TYPE_CHECKING:  # to a type checker a name that is not there is an error

        def __getitem__(self, key):
            raise _is_not("a list or a dict", self)

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError as error:
                if name.startswith("_"):
                    raise
                here = [each for each in dir(type(self)) if each[0] != "_" and each not in dir(pydantic.BaseModel)]
                has = ", ".join(dict.fromkeys((*type(self).model_fields, *here)))
                raise AttributeError(f"{error}; it has {has}", name=name, obj=self) from None

    def _repr_html_(self) -> str:
        """Show it in a notebook."""
        from duomo.tasks.showing import result_html

        return result_html(self)

    @classmethod
    def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        """Build without validation, and leaner than pydantic does: results are built by the million.

        Every field without a default must be given by its name.
        """
        self = cls.__new__(cls)
        _set(self, "__dict__", values if len(values) == len(cls.__pydantic_fields__) else cls._complete(values))
        _set(self, "__pydantic_fields_set__", set(values) if _fields_set is None else _fields_set)
        _set(self, "__pydantic_extra__", None)
        _set(self, "__pydantic_private__", None)
        return self

    @classmethod
    def _complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        fields = cls.__pydantic_fields__.items()
        return {name: values[name] if name in values else field.get_default(call_default_factory=True)
                for name, field in fields}  # fmt: skip


T = TypeVar("T")


class ListOf(Result, Generic[T]):
    """A result that lists things: ``class Detections(ListOf[Box])`` with a field ``boxes: list[Box]``.

    Iteration, ``len``, an index or a slice, and truth are those of that list: an empty one is false.

    Raises:
        TypeError: the class, when it is defined, has no field of that type.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        is_of_brackets = cls.__pydantic_generic_metadata__["origin"] is not None
        if cls.__pydantic_fields_complete__ and not is_of_brackets:
            cls._list_field()

    @classmethod
    @functools.cache
    def _list_field(cls) -> str:
        """Return the name of the first field that is a list of what stands in the brackets."""
        known = [base.__pydantic_generic_metadata__["args"] for base in cls.__mro__ if issubclass(base, ListOf)]
        listed = next(filter(None, known), ())
        for name, field in cls.__pydantic_fields__.items():
            if get_origin(field.annotation) is list and listed in ((), get_args(field.annotation)):
                return name
        thing = getattr(listed[0], "__name__", str(listed[0])) if listed else "…"
        raise TypeError(
            f"{cls.__name__} has no field of the type list[{thing}]: a ListOf is read as that list. "
            f"Write one, such as things: list[{thing}], or derive the class from Result"
        )

    @property
    def _things(self) -> list[T]:
        things: list[T] = getattr(self, self._list_field())
        return things

    def __iter__(self) -> Iterator[T]:  # type: ignore[override]  # as in `Result`
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, str):
            raise _is_not("a dict", self)
        return self._things[index]


def _is_not(what: str, result: Result) -> TypeError:
    fields = ", ".join(f"result.{name}" for name in type(result).__pydantic_fields__)
    return TypeError(f"{type(result).__name__} is not {what}: it has {fields}; result.model_dump() gives a dict")


class Input(Protocol):
    """What every input class offers."""

    name: str

    @classmethod
    def accept(cls, value: object) -> Self:
        """Take every reasonable shape, or raise `BadInput`."""


In = TypeVar("In")
O = TypeVar("O", bound=Options)  # noqa: E741 - the field's letter for options
R = TypeVar("R", bound=Result)


class Task(Generic[In, O, R]):
    """One verb: ``class Mine(Task[Text, MyOptions, MyResult])`` with a `name`.

    The three classes are also found as attributes, taken from the brackets where a subclass does not set them.
    """

    name: ClassVar[str]
    Input: ClassVar[type[Any]]
    Options: ClassVar[type[Any]]
    Result: ClassVar[type[Any]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in cls.__dict__.get("__orig_bases__", ()):
            if get_origin(base) is Task:
                for name, given in zip(("Input", "Options", "Result"), get_args(base), strict=True):
                    if isinstance(given, type) and name not in cls.__dict__:
                        setattr(cls, name, given)


def _check_truth(cls: type[Options], name: str, value: float) -> None:
    """Raise `BadOption` for a truth value where a number is meant, or the other way: pydantic takes True for 1."""
    annotation = cls.model_fields[name].annotation
    kinds = {annotation, *get_args(annotation)} & {bool, int, float}
    takes_truth, is_truth = bool in kinds, isinstance(value, bool)
    if kinds and is_truth != takes_truth and not (takes_truth and len(kinds) > 1):
        why = "it is a truth value" if takes_truth else "it is a number"
        raise BadOption(f"option '{name}' cannot be {value}", why=why, fix=_describe(cls, name))


def _bad_option(cls: type[Options], problem: ErrorDetails) -> BadOption:
    name = ".".join(str(part) for part in problem["loc"]) or "options"
    known = ", ".join(cls.model_fields) or "none"
    if problem["type"] == "extra_forbidden":
        ours = _OTHER_NAMES.get(name)
        near = f"Did you mean '{ours}'?" if ours in cls.model_fields else did_you_mean(name, cls.model_fields)
        return BadOption(f"unknown option '{name}'", why=f"the options are: {known}", fix=near or "leave it out")
    if problem["type"] == "missing":
        return BadOption(f"option '{name}' is required", why=_describe(cls, name), fix=f"pass {name}=… (-p {name}=…)")
    message = problem["msg"].removeprefix("Value error, ").replace(" after validation", "")
    value = repr(problem["input"])
    shown = value if len(value) <= 60 else value[:57] + "…"
    return BadOption(
        f"option '{name}' cannot be {shown}",
        why=message[0].lower() + message[1:],
        fix=_describe(cls, name) or f"the options are: {known}",
    )


def _describe(cls: type[Options], name: str) -> str:
    field = cls.model_fields.get(name.partition(".")[0])
    return f"{name}: {field.description}" if field is not None and field.description else ""
