"""The seam between the walk and the places where models run."""

from __future__ import annotations

import concurrent.futures
import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple, Self

from duomo.execution.plan import ExecutionPlan
from duomo.execution.stats import Stats
from duomo.outcome import ItemError, Meta, Outcome
from duomo.specs import ModelSpec

MODES = ("none", "compile", "bf16", "int8", "onnx", "openvino")
"""How a model may be made faster; ``none`` is exact. What they do: `duomo.execution.speed.optimize`."""


class Job(NamedTuple):
    """What an executor is asked to run: names and strings, so that it can be sent to another process."""

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


class ItemResult(NamedTuple):
    """What became of one item in a worker."""

    result: Any = None
    error: ItemError | None = None
    truncated: bool = False
    windows: int = 1
    batch: int = 1
    ms: float = 0.0
    difference: float = 0.0
    """How far a speed mode moved the output, as in ``Meta``."""
    replica: int = 0
    """Which copy of the model ran it."""

    def unwrap(self) -> Any:
        """The result, or raise the item's error."""
        if self.error is not None:
            raise self.error.to_exception()
        return self.result


class Entry(NamedTuple):
    """One item on its way in."""

    index: int  # type: ignore[assignment]  # a field, not tuple.index
    id: str
    item: Any
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

    @abstractmethod
    def start(self, job: Job) -> None:
        """Load the model; returns when it is ready or raises what prevented it."""

    @abstractmethod
    def run(self, item: Any, options: Any) -> Any:
        """One accepted item to its result; raises the item's error."""

    @abstractmethod
    def map(
        self,
        entries: Iterable[Entry | Flush],
        options: Any,
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
    def stream(self, item: Any, options: Any) -> Iterator[Any]:
        """The parts of one result as they come."""

    def submit(self, item: Any, options: Any) -> concurrent.futures.Future[Any]:
        """Like `run`, but the result or error comes in a future."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(self.run(item, options))
        except Exception as error:
            future.set_exception(error)
        return future

    @abstractmethod
    def meta(self) -> Meta:
        """What is the same for all results of the job."""

    def devices(self) -> list[str]:
        """Where each copy of the model runs."""
        return [self.meta().device]

    def health(self) -> list[str]:
        """One line for each worker that is not well; empty when all is."""
        return []

    def stats(self) -> Stats:
        """Counters since ``start``."""
        return Stats()

    @abstractmethod
    def shutdown(self) -> None:
        """Give the model and its memory back."""


class ModelFacts(NamedTuple):
    """What a worker tells when its model is loaded."""

    meta: Meta
    batch_size: int
    batch_budget: int
    packed: bool

    @classmethod
    def of(cls, worker: Any) -> Self:
        """Of a `Worker`."""
        model = worker.model
        return cls(worker.meta(""), model.batch_size, model.batch_budget, model.packed)
