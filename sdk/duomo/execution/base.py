"""The seam between the walk and the places where models run."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, Self

from duomo.errors import UsageProblem
from duomo.execution.garbage import uncollected
from duomo.execution.plan import ExecutionPlan
from duomo.execution.stats import Stats
from duomo.outcome import ItemError, Meta, Outcome, outcome_of
from duomo.specs import ModelSpec

MODES = ("none", "compile", "bf16", "int8", "onnx", "openvino")
"""How a model may be made faster; ``none`` is exact. What they do: `duomo.execution.speed.optimize`."""


MOST_METAS = 1024
"""How many batches an executor remembers the shared `Meta` of."""


class Job(NamedTuple):
    """What an executor is asked to run: names, strings and a class, so that it can be sent to another process."""

    spec: ModelSpec
    task: str
    reference: str
    """The model reference as resolved: ``plugin/thing``, ``hf:…`` or ``dir:…``."""
    weights_path: str | None
    revision: str
    plugin: str
    """Distribution and version of the plugin; a worker that sees another one must refuse."""
    device: str = "auto"
    dtype: str = "auto"
    optimize: str = "none"
    """One of `MODES`."""
    plan: ExecutionPlan = ExecutionPlan()
    """Over what it is spread."""
    result: type | None = None
    """The class of the task's results; None where it is not known."""


class Timing(NamedTuple):
    """How a batch ran: the same for all of its items."""

    batch: int = 1
    """Number of items."""
    ms: float = 0.0
    """Wall time divided by that number."""
    difference: float = 0.0
    """How far a speed mode moved the output, as in ``Meta``."""
    replica: int = 0
    """Which copy of the model ran it."""


class ItemResult(NamedTuple):
    """What a worker made of one item."""

    result: Any = None
    error: ItemError | None = None
    truncated: bool = False
    windows: int = 1
    timing: Timing = Timing()
    num_tokens: int = 0

    def unwrap(self) -> Any:
        """Return the result, or raise the item's error."""
        if self.error is not None:
            raise self.error.to_exception()
        return self.result


class Entry(NamedTuple):
    """One item on its way in."""

    index: int  # type: ignore[assignment]  # a field, not tuple.index
    id: str
    item: object
    known: ItemResult | None = None
    """Known beforehand: it was refused at the border, or an earlier run did it. Such an item is not run."""


class Flush(enum.Enum):
    """The class of `FLUSH`, for annotations."""

    MARK = "flush"

    def __repr__(self) -> str:
        return "duomo.FLUSH"


FLUSH: Final = Flush.MARK
"""A mark among the items of a run: what came before it is computed and given out before more is read.

A source puts it where it has nothing more for now. It has no outcome and takes no index.
"""


class Executor(ABC):
    """Runs one job. ``start`` before use; ``shutdown`` is safe to call twice."""

    name: str
    slo_s: float = 0.0
    """Seconds in which a submitted item is to be answered: no batch takes a larger share of them. 0 for none. To be set
    before the first item is submitted."""
    _job: Job | None = None
    _meta: Meta
    _metas: dict[tuple[Timing, bool, int, int], Meta]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._job.reference if self._job is not None else 'nothing loaded'}>"

    def start(self, job: Job) -> None:
        """Load the model; returns when it is ready or raises what prevented it."""
        if self._job is not None:
            raise UsageProblem(
                f"this executor already runs '{self._job.reference}'",
                why="an executor has one job",
                fix=f"{type(self).__name__}() makes another",
            )
        with uncollected():
            self._meta, self._metas = self.load(job), {}
        self._job = job

    @abstractmethod
    def load(self, job: Job) -> Meta:
        """Load the model of a job, for `start`; gives what is the same for all results."""

    def check(self, options: object) -> None:  # noqa: B027 - a worker checks them too, before it reads an item
        """Have the model look at the options before anything is read. Raises `BadOption` for those it cannot take."""

    @abstractmethod
    def run(self, item: object, options: object) -> Any:
        """Compute one accepted item; raises the item's error."""

    @abstractmethod
    def map(
        self,
        entries: Iterable[Entry | Flush],
        options: object,
        *,
        batch_size: int | None = None,
        max_failed: int | None = None,
        on_settled: Callable[[list[Outcome[Any]]], None] | None = None,
    ) -> Iterator[Outcome[Any]]:
        """Lazily in and out, one outcome an entry, in order.

        After a `FLUSH` among the entries nothing more is read until all before it were given out.

        More than `max_failed` failed items end the run with `SystemicError`, after what came before.

        `on_settled` is given the outcomes of items that ran, a batch at a time and as soon as they
        are known, in any order: a journal should not lose what waits for its turn. What it raises
        ends the run.
        """

    @abstractmethod
    def stream(self, item: object, options: object) -> Iterator[Any]:
        """Yield the parts of one result as they come."""

    def submit(
        self,
        entry: Entry,
        options: object,
        *,
        deadline_s: float | None = None,
        caller: str = "",
    ) -> concurrent.futures.Future[Outcome[Any]]:
        """Take one entry from any thread; it may share a batch with others of equal options.

        Args:
            entry: its outcome has index 0.
            options: of the task.
            deadline_s: an item that has waited for longer is not computed; its outcome has an error.
            caller: whose it is; callers with many items take turns.
        """
        future: concurrent.futures.Future[Outcome[Any]] = concurrent.futures.Future()
        try:
            [outcome] = self.map([entry], options)
            future.set_result(outcome)
        except Exception as error:
            future.set_exception(error)
        return future

    def meta(self) -> Meta:
        """Return what is the same for all results of the job."""
        return self._meta

    def devices(self) -> list[str]:
        """Return where each copy of the model runs."""
        return [self.meta().device]

    def health(self) -> list[str]:
        """Return one line for each worker that is not well; empty when all is."""
        return []

    def stats(self) -> Stats:
        """Counters since ``start``."""
        return Stats()

    @abstractmethod
    def shutdown(self) -> None:
        """Give the model and its memory back."""

    def device_of(self, replica: int) -> str:
        """Return where a copy of the model runs."""
        return self._meta.device

    def outcome(self, entry: Entry, item_result: ItemResult) -> Outcome[Any]:
        """Return the outcome of an entry from what a worker made of it."""
        result, error, truncated, windows, timing, num_tokens = item_result
        key = timing, truncated, windows, num_tokens
        meta = self._metas.get(key) or self._meta_of(*key)
        return outcome_of(entry.index, entry.id, result, error, meta)

    def _meta_of(self, timing: Timing, truncated: bool, windows: int, num_tokens: int) -> Meta:
        """Build the Meta that items of a batch share: it costs more than all the rest of an outcome."""
        if len(self._metas) >= MOST_METAS:
            self._metas.clear()
        meta = dataclasses.replace(
            self._meta,
            device=self.device_of(timing.replica),
            batch=timing.batch,
            ms=timing.ms,
            truncated=truncated,
            windows=windows,
            num_tokens=num_tokens,
            difference=timing.difference,
        )
        self._metas[timing, truncated, windows, num_tokens] = meta
        return meta


class ModelFacts(NamedTuple):
    """What a worker knows of its model once it is loaded."""

    meta: Meta
    batch_size: int
    batch_budget: int
    packed: bool

    @classmethod
    def of(cls, worker: Any) -> Self:
        """Read them from a `Worker`."""
        model = worker.model
        return cls(worker.meta(""), model.batch_size, model.batch_budget, model.packed)
