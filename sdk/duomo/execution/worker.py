"""One model on one device: preprocess → collate → forward → postprocess, faults narrowed to their item."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from duomo.errors import DuomoError, Unavailable, WeightsProblem
from duomo.execution.base import ItemResult, Job, Timing
from duomo.execution.contract import check_class, check_length, check_result
from duomo.execution.devices import (
    describe_and_release,
    freeze,
    is_out_of_memory,
    move,
    networks,
    no_grad,
    own_random_numbers,
    pick_device,
    torch_device,
    torch_dtype,
)
from duomo.execution.finite import check_output, check_results
from duomo.model import Features, Model
from duomo.outcome import ItemError, Meta
from duomo.resolving import resolve
from duomo.weights import WeightsRef, first_line

Windows = list[Features | ItemError]


class Prepared(NamedTuple):
    """A batch that is ready for the device."""

    items: Sequence[object]
    windows: list[Windows | ItemError]
    """For each item the features of its windows (one, unless it was long), or why there are none."""
    chunks: list[tuple[list[Features], Any]]
    """Good features and their collated batch, in order."""
    seconds: float


class Worker:
    """Holds a loaded model. Knows nothing of other workers, order or processes."""

    no_grad = staticmethod(no_grad)
    """The context in which the model's methods run."""
    replica = 0
    """Which copy of the model this is; set by what starts several."""

    def __init__(self, job: Job) -> None:
        self.job = job
        cls: type[Model[Any, Any]] = resolve(job.spec.loader, job.spec.requires, f"model '{job.spec.name}'")
        self.device, self.dtype = pick_device(job.device), job.dtype
        self._device = torch_device(self.device)
        weights = WeightsRef(job.spec, Path(job.weights_path) if job.weights_path else None, job.revision)
        self.model = self._load(cls, weights)
        freeze(self.model)
        self._trial: Any = None
        if job.optimize != "none":
            optimize = resolve("duomo.execution.speed.optimize:optimize", ("torch",), f"the speed mode {job.optimize}")
            self._trial = optimize(self.model, job.optimize, self.device)
        elif self.device == "cpu" and (held := networks(self.model)):
            resolve("duomo.execution.speed.linears:pack", ("torch",), "a network on the CPU")(held.values())
        self._result = job.result
        self._splits = cls.split is not Model.split
        self.checks_options = cls.check_options is not Model.check_options
        self._checked: object = None  # the options that were found good last

    def __repr__(self) -> str:
        return f"<Worker: {self.job.reference} on {self.device}>"

    def _load(self, cls: type[Model[Any, Any]], weights: WeightsRef) -> Model[Any, Any]:
        with opening(weights), own_random_numbers():
            model = cls.load(weights, device=self._device, dtype=torch_dtype(self.job.dtype))
        check_class(self.job, "load", model, Model, "load() returns the model, of a subclass of duomo.Model")
        return model

    def meta(self, executor: str) -> Meta:
        """Return what is the same for all results of this worker."""
        dtype = "float32" if self.dtype == "auto" else self.dtype
        job = self.job
        return Meta(
            job.task,
            job.reference,
            job.plugin,
            job.revision,
            self.device,
            dtype,
            executor,
            optimize=job.optimize,
            difference=self.difference,
        )

    def check(self, options: object) -> None:
        """Have the model look at the options. Raises `BadOption` for those that it cannot take."""
        if options is not self._checked and self.checks_options:
            with self.no_grad():
                self.model.check_options(options)
            self._checked = options

    def run(self, item: object, options: object) -> Any:
        """Compute one item. Raises `DuomoError`; what the model raised is its cause."""
        try:
            self.check(options)
            if self._splits:
                return self.compute(self.prepare([item], options), options)[0].unwrap()
            with self.no_grad():
                features = self.model.preprocess([item], options)
                return self._finish(features, self.model.collate(features), options)[0]
        except DuomoError:
            raise
        except BaseException as error:
            if not _is_failure(error):
                raise
            raise ItemError.of(error).to_exception() from error

    def stream(self, item: object, options: object) -> Iterator[Any]:
        """Yield the parts of one result as they come."""
        parts: Iterator[Any] | None = None
        while True:
            try:
                # Entered again for each part: a grad mode held across a yield would leak into the caller.
                self.check(options)
                with self.no_grad():
                    parts = parts or self.model.stream(item, options)
                    part = next(parts, None)
            except DuomoError:
                raise
            except BaseException as error:
                if not _is_failure(error):
                    raise
                raise ItemError.of(error).to_exception() from error
            if part is None:
                return
            yield part

    def prepare(self, items: Sequence[object], options: object) -> Prepared:
        """Decode, tokenize and collate on the CPU; safe in a thread beside `compute`.

        An item that cannot be split or preprocessed fails alone. Options that the model cannot take are the error of
        all items, or the one error of a batch without items.
        """
        start = time.perf_counter()
        try:
            self.check(options)
        except BaseException as error:
            if not _is_failure(error):
                raise
            return Prepared(items, [describe_and_release(error)[0]] * max(1, len(items)), [], 0.0)
        with self.no_grad():
            windows = self._windows(items, options)
            good = [each for some in windows if isinstance(some, list) for each in some if isinstance(each, dict)]
            size = max(len(items), self.model.batch_size)
            chunks = [
                (part, self.model.collate(part)) for at in range(0, len(good), size) if (part := good[at : at + size])
            ]
        return Prepared(items, windows, chunks, time.perf_counter() - start)

    def compute(self, prepared: Prepared, options: object) -> list[ItemResult]:
        """Compute a prepared batch; one result for each item, in order.

        A batch without items has none, or one with what its options are refused for.
        What the forward pass raises is raised: the caller knows how to cut the batch.
        """
        start = time.perf_counter()
        if not prepared.items:
            return [ItemResult(error=each) for each in prepared.windows if isinstance(each, ItemError)]
        with self.no_grad():
            results = iter([r for features, batch in prepared.chunks for r in self._finish(features, batch, options)])
            item_results = [
                ItemResult(error=windows)
                if isinstance(windows, ItemError)
                else self._join(item, [_item_result(each, results) for each in windows], options)
                for item, windows in zip(prepared.items, prepared.windows, strict=True)
            ]
        num = len(item_results)
        ms = round((prepared.seconds + time.perf_counter() - start) * 1000 / num, 3)
        timing = Timing(num, ms, self.difference, self.replica)
        # `_replace` takes three times as long
        return [
            ItemResult(each.result, each.error, each.truncated, each.windows, timing, each.num_tokens)
            for each in item_results
        ]

    @property
    def difference(self) -> float:
        """How far the speed mode moved the output of the first batch; 0 before it, and where there is none."""
        return self._trial.difference if self._trial is not None else 0.0

    def _windows(self, items: Sequence[object], options: object) -> list[Windows | ItemError]:
        if not self._splits:
            return [each if isinstance(each, ItemError) else [each] for each in self._preprocess(items, options)]
        parts = [self._split(item, options) for item in items]
        flat = [window for some in parts if isinstance(some, list) for window in some]
        features = iter(self._preprocess(flat, options) if flat else [])
        return [some if isinstance(some, ItemError) else [next(features) for _ in some] for some in parts]

    def _split(self, item: object, options: object) -> list[Any] | ItemError:
        try:
            return self.model.split(item, options)
        except BaseException as error:
            if not _is_failure(error):
                raise
            return describe_and_release(error)[0]

    def _preprocess(self, items: Sequence[object], options: object) -> Windows:
        """Preprocess all at once; when that raises, one by one to find the culprits."""
        try:
            features = self.model.preprocess(items, options)
        except BaseException as error:
            if not _is_failure(error):
                raise
            if len(items) == 1:
                return [describe_and_release(error)[0]]
            return [self._preprocess([item], options)[0] for item in items]
        check_length(self.job, "preprocess", features, items)
        for each in features:
            if type(each) is not dict:
                check_class(self.job, "preprocess", each, dict, "each item needs a dict of its own")
        return list(features)

    def _finish(self, features: list[Features], batch: object, options: object) -> list[Any]:
        model = self.model
        try:
            output = model.forward(batch if self.device == "cpu" else move(batch, self._device))
            check_output(output)
            results = model.postprocess(output, features, options)
            check_results(results)
        except BaseException as error:
            if isinstance(error, Exception) or not _is_failure(error):
                raise
            raise RuntimeError(f"{type(error).__name__}: {error}") from error  # only an `Exception` is handled
        check_length(self.job, "postprocess", results, features)
        for each in results:
            if type(each) is not self._result:
                check_result(self.job, "postprocess", each)
        return results

    def _join(self, item: object, item_results: list[ItemResult], options: object) -> ItemResult:
        """Make the result of an item from those of its windows."""
        if len(item_results) == 1:
            return item_results[0]
        lost = next((item_result for item_result in item_results if item_result.error is not None), None)
        if lost is not None:
            return lost
        try:
            result = self.model.merge(item, [item_result.result for item_result in item_results], options)
            check_results([result])
            check_result(self.job, "merge", result)
        except Exception as error:
            return ItemResult(error=ItemError.of(error))
        was_cut = any(each.truncated for each in item_results)
        num_tokens = sum(each.num_tokens for each in item_results)
        return ItemResult(result, None, was_cut, len(item_results), num_tokens=num_tokens)


@contextlib.contextmanager
def opening(weights: WeightsRef) -> Iterator[None]:
    """Say what is wrong where a model ends while it is loaded, whatever its libraries raise.

    Raises:
        Unavailable: there is not enough memory.
        WeightsProblem: a checkpoint that the caller names is at fault; settings of a wrong type end as any exception.
    """
    try:
        yield
    except DuomoError:
        raise
    except BaseException as error:
        if is_out_of_memory(error):
            raise Unavailable(
                f"there is not enough memory to load '{weights.spec.name}'",
                why=first_line(error),
                fix="take a smaller model, or more devices: duomo plan MODEL says what fits where",
            ) from error
        if not _is_failure(error) or not weights.spec.is_family:
            raise
        raise WeightsProblem(
            f"'{weights.folder}' cannot be loaded",
            why=f"'{weights.spec.name}' raised {type(error).__name__}: {first_line(error)}",
            fix="a setting in its files is wrong, or it is not whole: save or download it again, "
            "or compare it with one that loads; --debug shows where it ended",
        ) from error


def _is_failure(error: BaseException) -> bool:
    """Whether an error is the fault of the model or its item. A panic in Rust is, and it is not an `Exception`."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _item_result(features: Features | ItemError, results: Iterator[Any]) -> ItemResult:
    if isinstance(features, ItemError):
        return ItemResult(error=features)
    was_cut, windows = bool(features.get("truncated", False)), int(features.get("windows", 1))
    return ItemResult(next(results), None, was_cut, windows, num_tokens=int(features.get("num_tokens", 0)))
