"""One model on one device: preprocess → collate → forward → postprocess, faults narrowed to their item."""

from __future__ import annotations

import contextlib
import gc
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from duomo.catalog import resolve
from duomo.errors import DeviceUnavailable, DuomoError, WorkerContractError
from duomo.execution.base import Fate, Job
from duomo.model import Features, Model
from duomo.outcome import ItemError, Meta
from duomo.weights import WeightsRef


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
            fate = self.run_batch([item], options)[0]
            if fate.error is not None:
                raise fate.error.to_exception()
            return fate.result
        try:
            with no_grad():
                return self._finish(self.model.preprocess([item], options), options)[0]
        except DuomoError:
            raise
        except Exception as error:
            raise ItemError.of(error).to_exception() from error

    def run_batch(self, items: Sequence[Any], options: Any) -> list[Fate]:
        """Items to their fates, in order.

        An item that cannot be split, preprocessed or merged fails alone. What the forward pass
        raises is raised: the caller knows how to cut the batch.
        """
        start = time.perf_counter()
        if not self._splits:
            fates = self._run_windows(items, options)
        else:
            parts = [self._split(item, options) for item in items]
            windows = [window for each in parts if isinstance(each, list) for window in each]
            size = max(len(items), self.model.batch_size)
            done = iter(
                [f for at in range(0, len(windows), size) for f in self._run_windows(windows[at : at + size], options)]
            )
            fates = [
                self._merge(item, [next(done) for _ in each], options) if isinstance(each, list) else Fate(error=each)
                for item, each in zip(items, parts, strict=True)
            ]
        ms = round((time.perf_counter() - start) * 1000 / len(items), 3)
        return [fate._replace(batch=len(items), ms=ms) for fate in fates]

    def _split(self, item: Any, options: Any) -> list[Any] | ItemError:
        try:
            return self.model.split(item, options)
        except Exception as error:
            return ItemError.of(error)

    def _merge(self, item: Any, fates: list[Fate], options: Any) -> Fate:
        if len(fates) == 1:
            return fates[0]
        lost = next((fate for fate in fates if fate.error is not None), None)
        if lost is not None:
            return lost
        try:
            with no_grad():
                result = self.model.merge(item, [fate.result for fate in fates], options)
        except Exception as error:
            return Fate(error=ItemError.of(error))
        return Fate(result, None, any(fate.truncated for fate in fates), len(fates))

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

    def _run_windows(self, items: Sequence[Any], options: Any) -> list[Fate]:
        features = self._preprocess(items, options)
        good = [each for each in features if not isinstance(each, ItemError)]
        with no_grad():
            results = iter(self._finish(good, options) if good else [])
        return [
            Fate(error=each)
            if isinstance(each, ItemError)
            else Fate(next(results), None, bool(each.get("truncated", False)), int(each.get("windows", 1)))
            for each in features
        ]

    def _preprocess(self, items: Sequence[Any], options: Any) -> list[Features | ItemError]:
        """All at once; when that raises, one by one to find the culprits."""
        preprocess = self.model.preprocess
        try:
            features = preprocess(items, options)
        except Exception as error:
            if len(items) == 1:
                return [ItemError.of(error)]
            return [self._preprocess([item], options)[0] for item in items]
        self._same_length("preprocess", features, items)
        return list(features)

    def _finish(self, features: list[Features], options: Any) -> list[Any]:
        model = self.model
        output = model.forward(model.to_device(model.collate(features)))
        results = model.postprocess(output, features, options)
        self._same_length("postprocess", results, features)
        return results

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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on any device."""
    torch: Any = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    # Raised as a plain RuntimeError by these allocators and libraries.
    signs = ("can't allocate memory", "CUDA out of memory", "CUDNN_STATUS_NOT_SUPPORTED", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def free_memory() -> None:
    """Give cached blocks back, so that a smaller batch finds room."""
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


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
