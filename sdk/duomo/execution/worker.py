"""One model on one device: preprocess → collate → forward → postprocess, faults narrowed to their item."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from duomo.catalog import resolve
from duomo.errors import DeviceUnavailable, DuomoError, WorkerContractError
from duomo.execution.base import Job
from duomo.model import Features, Model
from duomo.outcome import ItemError, Meta
from duomo.weights import WeightsRef


class Settled(NamedTuple):
    """What became of one item in a worker."""

    result: Any = None
    error: ItemError | None = None
    truncated: bool = False
    windows: int = 1
    batch: int = 1


class Worker:
    """Holds a loaded model. Knows nothing of other workers, order or processes."""

    def __init__(self, job: Job) -> None:
        self.job = job
        cls: type[Model[Any, Any]] = resolve(job.spec.loader, job.spec.requires, f"model '{job.spec.name}'")
        self.device, self.dtype = pick_device(job.device), job.dtype
        weights = WeightsRef(job.spec, Path(job.weights_path) if job.weights_path else None, job.revision)
        self.model = cls.load(weights, device=_torch_device(self.device), dtype=_torch_dtype(job.dtype))
        freeze(self.model)
        self._splits = cls.split is not Model.split

    def meta(self, executor: str) -> Meta:
        """What is the same for all results of this worker."""
        dtype = "float32" if self.dtype == "auto" else self.dtype
        job = self.job
        return Meta(job.task, job.reference, job.plugin, job.revision, self.device, dtype, executor)

    def run(self, item: Any, options: Any) -> Any:
        """One item to its result. Raises `DuomoError`; what the model raised is its cause."""
        if self._splits:
            settled = self.run_batch([item], options)[0]
            if settled.error is not None:
                raise settled.error.to_exception()
            return settled.result
        try:
            return self._forward([item], options)[0][0]
        except DuomoError:
            raise
        except Exception as error:
            raise ItemError.of(error).to_exception() from error

    def run_batch(self, items: Sequence[Any], options: Any) -> list[Settled]:
        """Items to their fates, in order; a bad item never costs another its result."""
        if not self._splits:
            return self._isolate(items, options)
        parts = [self._split(item, options) for item in items]
        windows = [window for each in parts if isinstance(each, list) for window in each]
        size = max(len(items), self.model.batch_size)
        fates = iter(
            [fate for at in range(0, len(windows), size) for fate in self._isolate(windows[at : at + size], options)]
        )
        return [
            self._merge(item, [next(fates) for _ in each], options) if isinstance(each, list) else Settled(error=each)
            for item, each in zip(items, parts, strict=True)
        ]

    def _split(self, item: Any, options: Any) -> list[Any] | ItemError:
        try:
            return self.model.split(item, options)
        except Exception as error:
            return ItemError.of(error)

    def _merge(self, item: Any, fates: list[Settled], options: Any) -> Settled:
        if len(fates) == 1:
            return fates[0]
        lost = next((fate for fate in fates if fate.error is not None), None)
        if lost is not None:
            return lost
        try:
            with no_grad():
                result = self.model.merge(item, [fate.result for fate in fates], options)
        except Exception as error:
            return Settled(error=ItemError.of(error))
        return Settled(result, None, any(fate.truncated for fate in fates), len(fates), fates[0].batch if fates else 1)

    def stream(self, item: Any, options: Any) -> Iterator[Any]:
        """The parts of one result as they come."""
        parts = self.model.stream(item, options)
        while True:
            # Entered anew for each part: a grad mode held across a yield would leak into the caller.
            with no_grad():
                part = next(parts, None)
            if part is None:
                return
            yield part

    def _isolate(self, items: Sequence[Any], options: Any) -> list[Settled]:
        """Run a batch; when it fails, halve it until the culprits stand alone."""
        if not items:
            return []
        try:
            results, features = self._forward(items, options)
        except Exception as error:
            if len(items) == 1:
                return [Settled(error=ItemError.of(error))]
            middle = len(items) // 2
            return self._isolate(items[:middle], options) + self._isolate(items[middle:], options)
        return [
            Settled(result, None, bool(each.get("truncated", False)), int(each.get("windows", 1)), len(items))
            for result, each in zip(results, features, strict=True)
        ]

    def _forward(self, items: Sequence[Any], options: Any) -> tuple[list[Any], list[Features]]:
        model = self.model
        with no_grad():
            features = model.preprocess(items, options)
            self._same_length("preprocess", features, items)
            output = model.forward(model.to_device(model.collate(features)))
            results = model.postprocess(output, features, options)
        self._same_length("postprocess", results, items)
        return results, features

    def _same_length(self, step: str, got: Sequence[Any], items: Sequence[Any]) -> None:
        if len(got) != len(items):
            raise WorkerContractError(
                f"'{self.job.spec.name}' gave {len(got)} from {step}() for {len(items)} items",
                why="each item needs exactly one, in the same order",
                fix=f"report it to the author of {self.job.plugin or self.job.spec.plugin}",
            )


def freeze(model: Model[Any, Any]) -> None:
    """Put every network a model holds into evaluation mode, without gradients."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    for value in vars(model).values():
        if isinstance(value, torch.nn.Module):
            value.eval().requires_grad_(False)


def no_grad() -> contextlib.AbstractContextManager[Any]:
    """``inference_mode`` if torch is in use at all; a model without torch should not pay for its import."""
    torch = sys.modules.get("torch")
    context: contextlib.AbstractContextManager[Any] = (
        contextlib.nullcontext() if torch is None else torch.inference_mode()
    )
    return context


def pick_device(name: str) -> str:
    """The device a name means here: ``auto`` is the first GPU, else the CPU. Raises `DeviceUnavailable`."""
    torch: Any = sys.modules.get("torch")
    if name == "auto":
        return "cuda:0" if torch is not None and torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return name
    import torch

    here = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        here.append("mps")
    full = "cuda:0" if name == "cuda" else name
    if full not in here:
        raise DeviceUnavailable(
            f"no device '{name}' here", why=f"this machine has {', '.join(here)}", fix="-d cpu, or -d auto"
        )
    return full


def _torch_device(name: str) -> Any:
    torch: Any = sys.modules.get("torch")
    return name if torch is None else torch.device(name)


def _torch_dtype(name: str) -> Any:
    torch = sys.modules.get("torch")
    return name if torch is None else getattr(torch, "float32" if name == "auto" else name)
