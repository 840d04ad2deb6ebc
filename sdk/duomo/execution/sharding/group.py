"""A worker that is one rank of a model-parallel group: the same walk at every rank, the forward pass cut.

Every rank is given the same items and prepares the same batches; rank 0's results are the answer. After
an exception the ranks may be out of step, and nothing can bring them back: the driver reports
it past the collectives, and ends and starts the whole group again.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from duomo import parallel
from duomo.errors import UsageProblem, WorkerContractError
from duomo.execution.base import ItemResult, Job
from duomo.execution.devices import networks, pick_device
from duomo.execution.planning.profile import transformers_folder
from duomo.execution.sharding import pipeline, tensor
from duomo.execution.sharding.ranks import Ranks, TorchRanks
from duomo.execution.worker import Prepared, Worker
from duomo.model import Model
from duomo.parallel import ParallelDims
from duomo.resolving import resolve
from duomo.tasks.base import Result
from duomo.weights import WeightsRef

TIMEOUT_S = 60.0
"""A rank that hears nothing so long gives up; only a driver that died too leaves it to that."""


PLACE = "duomo-group-"
LEFT_S = 3600.0
"""A meeting place this old, whose process is gone, was left by one that was killed."""


def new_rendezvous() -> str:
    """Make a place where the ranks of one start of a group on this machine meet; removes those left behind."""
    for place in Path(tempfile.gettempdir()).glob(f"{PLACE}*-*"):
        if _is_left(place):
            shutil.rmtree(place, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=f"{PLACE}{os.getpid()}-")
    # torch takes the path as it is, with a slash before the drive of Windows.
    return f"file:///{folder.replace(chr(92), '/')}/ranks" if sys.platform == "win32" else f"file://{folder}/ranks"


def remove_rendezvous(address: str) -> None:
    """Remove a place that `new_rendezvous` made."""
    path = address.removeprefix("file:///" if sys.platform == "win32" else "file://")
    shutil.rmtree(Path(path).parent, ignore_errors=True)


def _is_left(place: Path) -> bool:
    pid = place.name.removeprefix(PLACE).partition("-")[0]
    try:
        if not pid.isdecimal() or sys.platform == "win32" or time.time() - place.stat().st_mtime < LEFT_S:
            return False
        os.kill(int(pid), 0)  # asks only; there it ends a process
    except ProcessLookupError:
        return True
    except OSError:  # someone else's, or removed a moment ago
        return False
    return False


def check(job: Job) -> None:
    """See before any work whether a model can be cut as the job's plan says.

    Raises:
        UsageProblem: it has no plan for this, or does not divide; with the nearest thing that works.
    """
    dims = job.plan.dims
    if job.optimize != "none" and dims.pp * dims.tp > 1:
        raise UsageProblem(
            f"--optimize {job.optimize} and {dims} do not go together",
            why="a speed mode is checked against the whole network, and no device holds it",
            fix="leave one of them out",
        )
    check_plans(type_of(job), Path(job.weights_path) if job.weights_path else None, dims, job.reference)


def check_plans(cls: type[Model[object, Result]], weights: Path | None, dims: ParallelDims, name: str) -> None:
    """See from a model's class and its config whether it can be cut. Raises `UsageProblem` with what can be done."""
    if dims.tp > 1 and _is_inherited(cls, "tensor_plan"):
        tensor.check(None, dims.tp, name)
    if dims.pp > 1 and _is_inherited(cls, "pipeline_split"):
        pipeline.check(None, dims.pp, name)
    folder = transformers_folder(weights)
    if folder is not None:
        from duomo.pretrained import load_config  # not every model is a checkpoint of transformers

        config = load_config(folder)
        if config is not None:
            _plans(cls, config, dims, name)


def _plans(
    cls: type[Model[Any, Any]], config: object, dims: ParallelDims, name: str
) -> tuple[parallel.PipelinePlan | None, parallel.TensorPlan | None]:
    """Find what is to be done to a network with this `config`. Raises `UsageProblem`."""
    split = pipeline.check(cls.pipeline_split(config), dims.pp, name) if dims.pp > 1 else None
    plan = tensor.check(cls.tensor_plan(config), dims.tp, name) if dims.tp > 1 else None
    return split, plan


class GroupWorker(Worker):
    """One rank. Its networks are cut as they are loaded: by `duomo.pretrained.load_network`, else after ``load``.

    Args:
        job: with the device of this rank, and the plan of all.
        rank: in the group, 0 to pp * tp - 1.
        world: ranks of the group.
        rendezvous: of this start of the group, the same at each rank (`new_rendezvous`).
        timeout_s: after which a rank gives up waiting for another.
        ranks: instead of processes that meet at `rendezvous`; for tests.
    """

    # Never inference mode: under it a DTensor that a plugin made would silently gather every weight.
    no_grad = staticmethod(torch.no_grad)

    def __init__(
        self,
        job: Job,
        rank: int,
        world: int,
        rendezvous: str = "",
        *,
        timeout_s: float = TIMEOUT_S,
        ranks: Ranks | None = None,
    ) -> None:
        dims = job.plan.dims
        assert world == dims.group, f"{world} ranks, but {dims} has {dims.group} in a group"
        self.ranks = ranks or TorchRanks(rank, dims.pp, dims.tp, rendezvous, pick_device(job.device), timeout_s)
        self._cuts = 0
        with parallel.in_group(self.ranks, self._cut):
            super().__init__(job)

    def _load(self, cls: type[Model[Any, Any]], weights: WeightsRef) -> Model[Any, Any]:
        model = super()._load(cls, weights)
        if not self._cuts:
            held = networks(model)
            if not held:
                raise WorkerContractError(
                    f"'{self.job.reference}' cannot be cut", why="it holds no torch network", fix="use dp"
                )
            for network in held.values():
                self._cut(network, must=True)
        return model

    def run(self, item: object, options: object) -> Any:
        """Compute one item; at rank 0 the result is the answer."""
        return self.compute(self.prepare([item], options), options)[0].unwrap()

    def compute(self, prepared: Prepared, options: object) -> list[ItemResult]:
        """Compute a batch; one result for each item. Raises `PeerLost` when it failed because of another rank."""
        with parallel.in_group(self.ranks):
            self._same_batch(prepared)
            return super().compute(prepared, options)

    def stream(self, item: object, options: object) -> Iterator[Any]:
        """Yield the parts of one result; to be read to its end at every rank."""
        parts = super().stream(item, options)
        while True:
            with parallel.in_group(self.ranks):
                part = next(parts, None)
            if part is None:
                return
            yield part

    def close(self) -> None:
        """Part with the other ranks."""
        with contextlib.suppress(RuntimeError):  # from torch, when one is gone already
            self.ranks.close()

    def _cut(self, network: torch.nn.Module, must: bool = False) -> torch.nn.Module:
        """Cut the share of a network; a small one beside it that has no plan stays whole unless it `must`."""
        name, dims, cls = self.job.reference, self.job.plan.dims, type_of(self.job)
        config = getattr(network, "config", None)
        lacks = (dims.tp > 1 and cls.tensor_plan(config) is None) or (
            dims.pp > 1 and cls.pipeline_split(config) is None
        )
        if lacks and not must:
            return network
        split, plan = _plans(cls, config, dims, name)
        if split is not None:
            pipeline.cut(network, split, self.ranks, name)
        if plan is not None:
            tensor.cut(network, plan, self.ranks, name)
        self._cuts += 1
        return network

    def _same_batch(self, prepared: Prepared) -> None:
        """Make sure that all ranks have prepared the same: of unlike batches they would wait for each other in vain."""
        own = zlib.crc32(repr([_shapes(batch) for _, batch in prepared.chunks]).encode())
        first = int(self.ranks.from_first_rank(torch.tensor([own], device=self._device)))
        if first != own:
            raise WorkerContractError(
                f"'{self.job.reference}' prepared another batch here than at rank 0",
                why="preprocess must give the same at every rank: no randomness, and files that all can read",
                fix="use dp; or report it to the plugin's author",
            )


def _is_inherited(cls: type[Model[Any, Any]], method: str) -> bool:
    return inspect.getattr_static(cls, method) is inspect.getattr_static(Model, method)


def type_of(job: Job) -> type[Model[Any, Any]]:
    """Return the class of a job's model."""
    cls: type[Model[Any, Any]] = resolve(job.spec.loader, job.spec.requires, f"model '{job.spec.name}'")
    return cls


def _shapes(batch: object) -> object:
    """Return the structure of a batch, a shape in the place of each tensor."""
    if isinstance(batch, torch.Tensor):
        return tuple(batch.shape)
    if isinstance(batch, dict):
        return {key: _shapes(value) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return [_shapes(each) for each in batch]
    return batch if isinstance(batch, str | int | float | None) else type(batch).__name__
