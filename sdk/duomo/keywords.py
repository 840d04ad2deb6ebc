"""The keywords of `load`, `run`, `Runner.map`, `Runner.submit` and `Client.run`; those functions describe them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict

from duomo.counting import a_type
from duomo.errors import UsageProblem, did_you_mean
from duomo.execution.base import MODES

if TYPE_CHECKING:
    from duomo.catalog import Catalog
    from duomo.execution.base import Executor
    from duomo.execution.items import Key
    from duomo.execution.plan import Devices
    from duomo.execution.progress import Progress
    from duomo.execution.resuming.store import RunStore
    from duomo.parallel import ParallelDims
    from duomo.tasks.base import Task


class LoadOptions(TypedDict, total=False):
    """The keywords of `load`, which describes them."""

    device: str
    dtype: str
    optimize: str
    executor: str | Executor
    devices: Devices | None
    parallel: str | ParallelDims | None
    catalog: Catalog | None


class RunOptions(TypedDict, total=False):
    """The keywords of `run` beside the options of the task."""

    model: str | None
    device: str
    dtype: str


class MapOptions(TypedDict, total=False):
    """The keywords of `Runner.map` beside the options of the task."""

    column: str | None
    key: Key | None
    batch_size: int | None
    max_failed: int | None
    store: str | os.PathLike[str] | RunStore | None
    retry_failed: bool
    dedupe: bool
    progress: Progress


class AskOptions(TypedDict, total=False):
    """The keywords of `Client.run` beside the options of the task."""

    deadline_s: float | None


class SubmitOptions(AskOptions, total=False):
    """The keywords of `Runner.submit` beside the options of the task."""

    caller: str


def task_name(task: object) -> str:
    """Return the name of a task that a caller gave by name or class. Raises `UsageProblem` for anything else."""
    name = task if isinstance(task, str) else getattr(task, "name", None)
    if isinstance(name, str):
        return name
    raise UsageProblem(
        f"{task!r:.60} is not a task", why="it is named by a str or its class", fix='duomo.run("ocr", "page.png")'
    )


MISSING = object()
"""Stands for an item that was not given."""


class Called:
    """What a runner is not: a name of another library's method, and a copy, are answered with what to write."""

    task: type[Task[Any, Any, Any]]

    def __reduce__(self) -> NoReturn:
        raise UsageProblem(
            f"a runner of {self.task.name} cannot be copied or sent to another process",
            why="it is a loaded model, with its threads, locks and devices",
            fix='load it there, once: in the initializer of a pool; or let duomo start the processes: executor="local"',
        )

    if not TYPE_CHECKING:  # to a type checker a name that is not there is an error

        def __getattr__(self, name):
            said = f"{a_type(self)} has no {name!r}"
            if not name.startswith("_"):
                said += "; it is called: runner(item), or for many items runner.map(items)"
            raise AttributeError(said, name=name, obj=self)


def check_for_run(task: object, item: object, options: Mapping[str, object]) -> None:
    """Raise `UsageProblem` for a missing item of `run`, or a keyword of `load` among its options."""
    if item is MISSING:
        several = f"({', '.join(options)})" if len(options) > 1 else next(iter(options), "item")
        raise UsageProblem(
            "run() got no item",
            why="it is given by its place behind the task, and several parts are one tuple",
            fix=f'duomo.run("{task_name(task)}", {several})',
        )
    for name in ("optimize", "executor", "devices", "parallel", "catalog"):
        if name in options:
            raise UsageProblem(
                f"run() has no keyword '{name}'",
                why="it says how a model is loaded, and load() does that",
                fix=f"runner = duomo.load(task, {name}=…), then runner(item)",
            )


_DTYPES = ("auto", "float32", "bfloat16", "float16")
_SHORT = {"fp32": "float32", "float": "float32", "bf16": "bfloat16", "fp16": "float16", "half": "float16"}


def dtype_name(dtype: object) -> str:
    """Return the name of a dtype that a caller gave: a `torch.dtype` is known by it, without an import of torch.

    Raises `UsageProblem` for one that there is not.
    """
    is_torch = (type(dtype).__module__, type(dtype).__name__) == ("torch", "dtype")
    name = str(dtype).removeprefix("torch.") if is_torch else dtype
    if isinstance(name, str) and name in _DTYPES:
        return name
    known = _SHORT.get(str(dtype).removeprefix("torch."), str(dtype).removeprefix("torch."))
    raise UsageProblem(
        f"no dtype '{dtype}'",
        why=f"there are {', '.join(_DTYPES)}",
        fix=f'dtype="{known if known in _DTYPES else "auto"}" (--dtype {known if known in _DTYPES else "auto"})',
    )


def check_mode(optimize: str) -> None:
    """Raise `UsageProblem` for a speed mode that there is not."""
    if optimize not in MODES:
        near = did_you_mean(optimize, MODES)
        raise UsageProblem(f"no speed mode '{optimize}'", why=near, fix=f"one of {', '.join(MODES)}")
