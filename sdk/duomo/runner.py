"""THE WALK: from what a user typed to a typed result.

    run / load   name → ModelSpec + weights → executor started      (once)
    Runner(…)    accept → executor.run → Result                     (one item; raises)
    Runner.map   accept each → executor.map → Outcome, in order     (many items; a bad one stays alone)

Read next: `duomo.execution.worker` (what happens to a batch), then any model of a plugin.
"""

from __future__ import annotations

import contextvars
import functools
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from duomo.catalog import Catalog, default_catalog
from duomo.entries import Entries, check_count, check_seconds
from duomo.execution.base import Executor, Job
from duomo.execution.devices import device_name
from duomo.execution.items import Key, items_of
from duomo.execution.plan import Devices
from duomo.execution.planning.resolve import plan_for
from duomo.execution.progress import Progress, watched
from duomo.keywords import MISSING, Called, check_for_run, check_mode, dtype_name, task_name
from duomo.lazy import Once
from duomo.lifecycle import Lifecycle, check_process
from duomo.outcome import Meta, Outcome
from duomo.parallel import ParallelDims
from duomo.references import find_executor, find_weights
from duomo.resolving import resolve
from duomo.tasks.base import Result, Task
from duomo.weights import folder_identity

if TYPE_CHECKING:
    from concurrent.futures import Future

    from duomo.execution.resuming.store import RunStore

R = TypeVar("R", bound=Result)
R_co = TypeVar("R_co", bound=Result, covariant=True)
AnyTask = type[Task[Any, Any, R]]
LOG = logging.getLogger(__name__)
_LOADING: contextvars.ContextVar[Catalog | None] = contextvars.ContextVar("duomo_loading", default=None)
"""The catalog of the `load` in progress: a model that loads other models finds them in the same one."""


def load(
    task: str | AnyTask[Any] | None = None,
    model: str | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    optimize: str = "none",
    executor: str | Executor = "inline",
    devices: Devices | None = None,
    parallel: str | ParallelDims | None = None,
    catalog: Catalog | None = None,
) -> Runner[Any]:
    """Load a model once, to use it many times.

    Args:
        task: a task's name or class; may be left out when `model` implies it.
        model: ``plugin/thing``, ``hf:org/name[@revision]``, ``dir:path`` or a path; the task's default when left out.
        device: ``auto``, ``cpu``, ``cuda:0`` …
        dtype: ``auto`` (float32), ``float32``, ``bfloat16`` or ``float16``.
        optimize: a speed mode: ``none``, ``compile``, ``bf16``, ``int8``, ``onnx`` or ``openvino``. All but
            ``none`` move the output a little; how far is measured on the first batch and reported in ``Meta``.
        executor: a name, or an executor that is not yet started.
        devices: of an executor that takes several: how many, or their names, ``"cpu,cpu"``.
        parallel: copies and devices of each, ``"dp=2,tp=2"``; one copy a device when left out. ``"auto"``
            lets the planner choose, and the executor too unless one is named.
        catalog: the plugins to use; all installed ones when left out.

    Raises:
        DuomoError: with what, why and how to fix it.
    """
    catalog = catalog or _LOADING.get() or default_catalog()
    name = None if task is None else catalog.task(task_name(task)).name  # of an alias, such as ner, the task's own
    check_mode(optimize)
    device, dtype = device_name(device), dtype_name(dtype)
    weights, reference = find_weights(name, model, catalog)
    spec = weights.spec
    path = str(weights.path) if weights.path else None
    job = Job(spec, spec.task, reference, path, weights.revision, catalog.plugin_of(spec), device, dtype, optimize)
    named: Any = executor.name if isinstance(executor, Executor) else executor
    remote = any(known.remote for known in catalog.executors.values() if known.name == named)
    task_class = resolve(catalog.task(spec.task).target, owner=f"task '{spec.task}'")
    job = job._replace(plan=plan_for(job, named, devices, parallel, remote=remote), result=task_class.Result)
    # The planner may have chosen another than the default.
    place = find_executor(job.plan.executor if isinstance(executor, str) else executor, catalog)
    LOG.info("loading %s for %s%s", reference, spec.task, f" from {path}" if path else "")
    outer, began = _LOADING.set(catalog), time.monotonic()
    try:
        place.start(job)
    finally:
        _LOADING.reset(outer)
    runner = Runner(task_class, place, catalog)
    LOG.info("loaded in %.1f s: %s", time.monotonic() - began, runner)
    return runner


def run(
    task: str | AnyTask[Any],
    item: object = MISSING,
    /,
    *,
    model: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    **options: Any,
) -> Any:
    """Run one item through one task. The last two models stay loaded; use `load` to hold on to one.

    Args:
        task: a task's name or class.
        item: what the task takes.
        model: as `load` takes it.
        device: as `load` takes it.
        dtype: as `load` takes it.
        options: of the task.

    Raises:
        DuomoError: the item's own error, or what kept the model from loading.
    """
    check_for_run(task, item, options)
    catalog = _LOADING.get() or default_catalog()
    return _kept(task_name(task), model, device, dtype, catalog, folder_identity(model), os.getpid())()(item, **options)


@functools.lru_cache(maxsize=2)
def _kept(task: str, model: str | None, device: str, dtype: str, catalog: Catalog, *_: object) -> Once[Runner[Any]]:
    """The runner for a model; what else decides about it is its process, and what is in its folder now."""
    return Once(lambda: load(task, model, device=device, dtype=dtype, catalog=catalog))


class Runner(Called, Generic[R_co]):
    """A loaded model: call it with one item, or `map` it over many."""

    def __init__(self, task: AnyTask[R_co], executor: Executor, catalog: Catalog) -> None:
        self.task: AnyTask[R_co] = task
        self.executor = executor
        self._accept: Callable[[Any], Any] = task.Input.accept
        self._entries = Entries(task.Input)
        self._process = os.getpid()
        self._lifecycle = Lifecycle(catalog.host)
        self._watched = bool(self._lifecycle)
        self._defaults: Any = None  # options are checked once: most calls of a runner use the same ones

    def __repr__(self) -> str:
        meta = self.meta
        devices = ", ".join(self.executor.devices())
        return f"<Runner {meta.task}: {meta.model} on {devices}, {meta.dtype}>"

    @property
    def meta(self) -> Meta:
        """Model, revision, device and so on, as every outcome of this runner has them."""
        return self.executor.meta()

    def __call__(self, item: object, **options: object) -> R_co:
        """Compute one item; raises the item's error."""
        check_process(self._process, self.task.name)
        if self._watched:
            [outcome] = self._map([item], options)
            return outcome.unwrap()
        parsed = self._parse(options)
        result: R_co = self.executor.run(self._accept(item), parsed)
        return result

    def map(
        self,
        items: object,
        *,
        column: str | None = None,
        key: Key | None = None,
        batch_size: int | None = None,
        max_failed: int | None = None,
        store: str | os.PathLike[str] | RunStore | None = None,
        retry_failed: bool = False,
        dedupe: bool = False,
        progress: Progress = False,
        **options: object,
    ) -> Iterator[Outcome[R_co]]:
        """Compute many items, read lazily; one `Outcome` each, in the order of the input.

        A bad item is an outcome with an error. Wrong options raise at once, before anything is read.

        Args:
            items: any iterable of what the task takes, a table (`column`) or a data set with ``__getitem__`` and
                ``__len__``. After a `duomo.FLUSH` among them nothing more is read until all before it were given
                out; it has no outcome.
            column: of a table of pandas, polars, pyarrow or `datasets`, the one of the items; ``id`` names them.
            key: the part of each row that is the item: a name, a position, or a function of the row.
            batch_size: items in one forward pass at most; the model's own when left out.
            max_failed: more failed items than this end the run.
            store: a file that keeps each outcome as it comes. Given again, only the rest is computed.
            retry_failed: compute items again that failed according to the store.
            dedupe: compute items of equal content once; the last 16,384 distinct ones are remembered.
            progress: True for a bar on standard error or in the notebook, or a function that is called with how many
                items are done and how many there are (None where `items` has no length).
            options: of the task.

        Raises:
            StoreMismatch: the store was made with another model, other options or other versions.
            StoreLocked: another run is using the store.
            SystemicError: the first items all failed alike, or more than `max_failed` did.
        """
        check_count("batch_size", batch_size, 1)
        check_count("max_failed", max_failed, 0)
        many = items_of(items, column, key)
        found = self._map(many, options, batch_size, max_failed, store, retry_failed=retry_failed, dedupe=dedupe)
        return watched(found, progress, items, self.task.name) if progress else found

    def submit(
        self, item: object, *, deadline_s: float | None = None, caller: str = "", **options: object
    ) -> Future[Outcome[R_co]]:
        """Take one item from any thread; its outcome comes in a future, also when it has an error.

        Items with equal options share batches; none costs another its result. One that is cancelled before its batch
        begins is not computed. `close` finishes what has begun.

        Args:
            item: what the task takes.
            deadline_s: an item that has waited for longer is not computed; its error is `DeadlinePassed`.
            caller: whose the item is: those who submit many take turns with those who submit one.
            options: of the task.

        Raises:
            UsageProblem: options or deadline are wrong, or the runner is closed. What the model says is an outcome.
        """
        check_process(self._process, self.task.name)
        check_seconds("deadline_s", deadline_s)

        def ask(options: Mapping[str, object]) -> Future[Outcome[R_co]]:
            parsed = self._parse(options, submitted=True)
            return self.executor.submit(self._entries.one(0, item), parsed, deadline_s=deadline_s, caller=caller)

        return self._lifecycle.watch_one(ask, self.meta, options)

    def stream(self, item: object, **options: object) -> Iterator[Any]:
        """Yield the parts of one result as they come, for models that generate."""
        check_process(self._process, self.task.name)
        self._parse(options)
        accepted = self._accept(item)

        def parts(options: Mapping[str, object]) -> Iterator[Any]:
            return self.executor.stream(accepted, self._parse(options))

        return self._lifecycle.watch(parts, self.meta, options, one=True)

    def close(self) -> None:
        """Give the model and its memory back."""
        self.executor.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _map(
        self,
        items: Iterable[object],
        options: Mapping[str, object],
        batch_size: int | None = None,
        max_failed: int | None = None,
        store: str | os.PathLike[str] | RunStore | None = None,
        *,
        retry_failed: bool = False,
        dedupe: bool = False,
    ) -> Iterator[Outcome[R_co]]:
        check_process(self._process, self.task.name)
        first = self._parse(options)  # wrong options raise here

        def compute(given: Mapping[str, object]) -> Iterator[Outcome[R_co]]:
            parsed, entries = first if given is options else self._parse(given), self._entries.of(items)
            if store is None and not (dedupe or retry_failed):
                return self.executor.map(entries, parsed, batch_size=batch_size, max_failed=max_failed)
            from duomo.execution.resuming.resume import Resume  # most runs have no store

            resume = Resume(self.task.Result, store, retry_failed=retry_failed, dedupe=dedupe, max_failed=max_failed)
            resume.begin(self.meta, parsed)
            new, keep = resume.entries(entries), resume.keep
            ran = self.executor.map(new, parsed, batch_size=batch_size, max_failed=max_failed, on_settled=keep)
            return resume.outcomes(ran)

        return self._lifecycle.watch(compute, self.meta, options)

    def _parse(self, options: Mapping[str, object], *, submitted: bool = False) -> Any:
        # Of a submitted item the worker has the model look at the options: whoever submits waits for nothing.
        if not options and self._defaults is not None:
            return self._defaults
        parsed = self.task.Options.parse(dict(options))
        if not options or not submitted:
            self.executor.check(parsed)
        self._defaults = self._defaults if options else parsed
        return parsed
