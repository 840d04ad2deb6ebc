"""The keywords of `load`, `run`, `Runner.map` and `Runner.submit`; those functions describe them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

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


class SubmitOptions(TypedDict, total=False):
    """The keywords of `Runner.submit` beside the options of the task."""

    deadline_s: float | None
    caller: str


def check_for_load(options: Mapping[str, object]) -> None:
    """Raise `UsageProblem` for a keyword of `load` among the options of `run`."""
    for name in ("optimize", "executor", "devices", "parallel", "catalog"):
        if name in options:
            raise UsageProblem(
                f"run() has no keyword '{name}'",
                why="it says how a model is loaded, and load() does that",
                fix=f"runner = duomo.load(task, {name}=…), then runner(item)",
            )


def check_modes(dtype: str, optimize: str) -> None:
    """Raise `UsageProblem` for a dtype or a speed mode that there is not."""
    if dtype not in ("auto", "float32", "bfloat16", "float16"):
        raise UsageProblem(f"no dtype '{dtype}'", fix="auto, float32, bfloat16 or float16")
    if optimize not in MODES:
        near = did_you_mean(optimize, MODES)
        raise UsageProblem(f"no speed mode '{optimize}'", why=near, fix=f"one of {', '.join(MODES)}")
