"""The keywords of `load`, `run`, `Runner.map` and `Runner.submit`, for type checkers; those functions describe them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypedDict

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
