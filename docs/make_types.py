"""Write sdk/duomo/typed.pyi from the tasks: what a type checker knows of `run`, `load`, `Client` and each runner."""

import types
import typing
from pathlib import Path

import pydantic
from pydantic.fields import FieldInfo

from duomo.resolving import resolve
from duomo.specs import TaskSpec
from duomo.tasks import CORE_TASKS
from duomo.tasks.aliases import aliases_of

PAGE = Path(__file__).parents[1] / "sdk" / "duomo" / "typed.pyi"
HEAD = '''"""`load`, `run` and `Client` with the types of each task's options and result."""

# Made by docs/make_types.py; `make docs` writes it again.
# ruff: noqa
# mypy: disable-error-code="override"

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from os import PathLike
from typing import Any, Literal, Required, TypedDict, TypeVar, Unpack, overload

from duomo import tasks
from duomo.client.client import Client as _Client
from duomo.outcome import Outcome
from duomo.keywords import AskOptions, LoadOptions, MapOptions, RunOptions, SubmitOptions
from duomo.runner import Runner
from duomo.tasks.base import Result, Task

R = TypeVar("R", bound=Result)
'''
RUNNER = """
class {name}Options(TypedDict, total=False):
{options}

class _{name}Run({name}Options, RunOptions, total=False): ...
class _{name}Map({name}Options, MapOptions, total=False): ...
class _{name}Submit({name}Options, SubmitOptions, total=False): ...
class _{name}Ask({name}Options, AskOptions, total=False): ...

class {name}Runner(Runner[{result}]):
    def __call__(self, item: object, **options: Unpack[{name}Options]) -> {result}: ...
    def map(self, items: object, **options: Unpack[_{name}Map]) -> Iterator[Outcome[{result}]]: ...
    def submit(self, item: object, **options: Unpack[_{name}Submit]) -> Future[Outcome[{result}]]: ...
"""
LOAD = """
@overload
def load(task: {task}, model: str | None = ..., **options: Unpack[LoadOptions]) -> {name}Runner: ...
"""
ANY_LOAD = """
@overload
def load(task: type[Task[Any, Any, R]], model: str | None = ..., **options: Unpack[LoadOptions]) -> Runner[R]: ...
@overload
def load(task: str | None = ..., model: str | None = ..., **options: Unpack[LoadOptions]) -> Runner[Result]: ...
"""
RUN = """
@overload
def run(task: {task}, item: object, /, **options: Unpack[_{name}Run]) -> {result}: ...
"""
# Not with any option at all: a misspelt option of a known task would fall through to these. A task of a plugin that has
# options is loaded: `load(TheirTask)(item, depth=3)`.
ANY_RUN = """
@overload
def run(task: type[Task[Any, Any, R]], item: object, /, **options: Unpack[RunOptions]) -> R: ...
@overload
def run(task: str, item: object, /, **options: Unpack[RunOptions]) -> Result: ...
"""
# As `run`: a task of a plugin that has options is asked through `duomo.client.Client`, which knows of none.
CLIENT = """
class Client(_Client):"""
ASK = """
    @overload
    def run(self, task: {task}, item: object, /, **options: Unpack[_{name}Ask]) -> {result}: ..."""
ANY_ASK = """
    @overload
    def run(self, task: type[Task[Any, Any, R]], item: object, /, **options: Unpack[AskOptions]) -> R: ...
    @overload
    def run(self, task: str, item: object, /, **options: Unpack[AskOptions]) -> Result: ...
"""
MAP = """
    @overload
    def map(
        self, task: {task}, items: Iterable[object], /, **options: Unpack[{name}Options]
    ) -> Iterator[Outcome[{result}]]: ..."""
ANY_MAP = """
    @overload
    def map(self, task: type[Task[Any, Any, R]], items: Iterable[object], /) -> Iterator[Outcome[R]]: ...
    @overload
    def map(self, task: str, items: Iterable[object], /) -> Iterator[Outcome[Result]]: ...
"""


def page() -> str:
    """Make the whole file."""
    parts = [parts_of(spec) for spec in CORE_TASKS]
    runners, loads, runs, asks, maps = ("".join(each) for each in zip(*parts, strict=True))
    return HEAD + runners + loads + ANY_LOAD + runs + ANY_RUN + CLIENT + asks + ANY_ASK + maps + ANY_MAP


def parts_of(spec: TaskSpec) -> list[str]:
    """Make the classes of one task, and its overloads of `load`, `run`, `Client.run` and `Client.map`."""
    task = resolve(spec.target)
    name = task.__name__
    literals = ", ".join(f'"{each}"' for each in (spec.name, *aliases_of(spec.name)))
    words = {
        "name": name,
        "task": f"Literal[{literals}] | type[tasks.{name}]",
        "result": f"tasks.{task.Result.__name__}",
        "options": "\n".join(f"    {each}" for each in options_of(task.Options)) or "    ...",
    }
    return [each.format(**words) for each in (RUNNER, LOAD, RUN, ASK, MAP)]


def options_of(options: type[pydantic.BaseModel]) -> list[str]:
    """List the options with what a caller may give for each."""
    lines = []
    for name, field in options.model_fields.items():
        kind = kind_of(field)
        lines.append(f"{name}: Required[{kind}]" if field.is_required() else f"{name}: {kind}")
    return lines


def kind_of(field: FieldInfo) -> str:
    """Spell what may be given for an option."""
    changed = any(isinstance(each, pydantic.BeforeValidator) for each in field.metadata)
    kind = spell(field.annotation)
    return "object" if changed and kind != "Sequence[str]" else kind


def spell(kind: object) -> str:
    """Spell a type as a caller may meet it: any sequence for a list, anything where a validator makes the value."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        changed = any(isinstance(each, pydantic.BeforeValidator) for each in inner[1:])
        spelled = spell(inner[0])
        return "object" if changed and spelled != "Sequence[str]" else spelled
    if origin in (typing.Union, types.UnionType):
        return " | ".join(dict.fromkeys(map(spell, inner)))
    if origin in (list, tuple):
        return f"Sequence[{spell(inner[0])}]"
    if origin is dict:
        return f"Mapping[{spell(inner[0])}, {spell(inner[1])}]"
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, inner))}]"
    if kind is Path:
        return "str | PathLike[str]"
    simple = {bool: "bool", int: "int", float: "float", str: "str", types.NoneType: "None"}
    return next((word for each, word in simple.items() if kind is each), "object")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
