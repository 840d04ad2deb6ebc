"""A model-parallel group in one process: its ranks are threads, so that a plan can be tried anywhere, at any size."""

from __future__ import annotations

import copy
import queue
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from duomo import parallel
from duomo.execution.sharding import pipeline, tensor
from duomo.execution.sharding.ranks import Ranks

T = TypeVar("T")
PATIENCE_S = 30.0
"""A rank that waits longer for another has been left alone."""


class ThreadGroup:
    """What the threads of a group share.

    Args:
        pp: stages.
        tp: ranks a stage.
    """

    def __init__(self, pp: int = 1, tp: int = 1) -> None:
        self.ranks: list[ThreadRanks] = []
        self.notes: dict[Any, Any] = {}
        self.hidden: dict[tuple[int, int], queue.SimpleQueue[Tensor | None]] = defaultdict(queue.SimpleQueue)
        self.everyone = threading.Barrier(pp * tp)
        self.stages = [threading.Barrier(tp) for _ in range(pp)]
        self.places = [threading.Barrier(pp) for _ in range(tp)]
        self.ranks = [ThreadRanks(self, pp, tp, rank) for rank in range(pp * tp)]

    def run(self, work: Callable[[T], Any], of: Sequence[T]) -> list[Any]:
        """`work` at every rank at once, with one of `of` each; raises what the first of them raised."""
        with ThreadPoolExecutor(len(self.ranks)) as pool:
            futures = [pool.submit(self._at, rank, work, each) for rank, each in zip(self.ranks, of, strict=True)]
        errors = [error for future in futures if (error := future.exception()) is not None]
        own = [error for error in errors if not isinstance(error, threading.BrokenBarrierError)]
        if errors:
            raise (own or errors)[0]
        return [future.result() for future in futures]

    def _at(self, rank: ThreadRanks, work: Callable[[T], Any], one: T) -> object:
        try:
            with parallel.in_group(rank), torch.no_grad():
                return work(one)
        except Exception:
            for barrier in (self.everyone, *self.stages, *self.places):
                barrier.abort()
            for each in self.ranks:
                self.hidden[each.stage, each.place].put(None)  # for one that waits for hidden states
            raise


def difference_when_cut(
    build: Callable[[], nn.Module],
    call: Callable[[Any], Tensor],
    *,
    tensor_plan: parallel.TensorPlan | None = None,
    pipeline_split: parallel.PipelinePlan | None = None,
    pp: int = 1,
    tp: int = 1,
) -> float:
    """How far a network's output moves when it is cut: rounding for a right plan, and far more for a wrong one.

    Args:
        build: makes the network, of which each rank cuts a copy.
        call: runs it, and gives a tensor of its output.
        tensor_plan: for more than one rank a stage.
        pipeline_split: for more than one stage.
        pp: stages.
        tp: ranks a stage.

    Raises:
        UsageProblem: the network cannot be cut so.
        WorkerContractError: a plan does not fit the network.
    """
    group = ThreadGroup(pp, tp)
    network = build().eval()
    pieces = [copy.deepcopy(network) for _ in group.ranks]
    for piece, ranks in zip(pieces, group.ranks, strict=True):
        if pp > 1:
            pipeline.cut(piece, pipeline.check(pipeline_split, pp, "the network"), ranks, "the network")
        if tp > 1:
            tensor.cut(piece, tensor.check(tensor_plan, tp, "the network"), ranks, "the network")
    with torch.no_grad():
        whole = call(network)
    return max(float((output - whole).abs().max()) for output in group.run(call, pieces))


class ThreadRanks(Ranks):
    """One thread of a `ThreadGroup`."""

    def __init__(self, group: ThreadGroup, pp: int, tp: int, rank: int) -> None:
        self._group = group
        self.pp, self.tp = pp, tp
        self.stage, self.place = divmod(rank, tp)
        self.counts = Counter()

    def all_reduce(self, tensor: Tensor) -> Tensor:
        self.counts["all_reduce"] += 1
        barrier, key = self._group.stages[self.stage], ("sum", self.stage)
        parts = self._exchange(barrier, [(*key, place) for place in range(self.tp)], (*key, self.place), tensor.clone())
        return tensor.copy_(torch.stack(parts).sum(0))

    def send(self, tensor: Tensor) -> Callable[[], Any]:
        self.counts["send"] += 1
        self._group.hidden[self.stage + 1, self.place].put(tensor.clone())
        return lambda: None

    def recv(self, tensor: Tensor) -> Tensor:
        self.counts["recv"] += 1
        came = self._group.hidden[self.stage, self.place].get(timeout=PATIENCE_S)
        if came is None:
            raise threading.BrokenBarrierError
        assert came.shape == tensor.shape, f"{tuple(came.shape)} came where {tuple(tensor.shape)} was awaited"
        return tensor.copy_(came)

    def share(self, tensor: Tensor) -> Tensor:
        self.counts["share"] += 1
        barrier, key = self._group.places[self.place], ("last", self.place)
        [last] = self._exchange(barrier, [key], key if self.is_last else None, tensor)
        assert last.shape == tensor.shape, f"{tuple(last.shape)} was shared where {tuple(tensor.shape)} was awaited"
        return last

    def from_first_rank(self, tensor: Tensor) -> Tensor:
        self.counts["from_first_rank"] += 1
        own = "from_first_rank" if self.stage == self.place == 0 else None
        [first] = self._exchange(self._group.everyone, ["from_first_rank"], own, tensor)
        return first

    def close(self) -> None:
        """Threads end by themselves."""

    def _exchange(self, barrier: threading.Barrier, keys: Iterable[Any], own: object, tensor: Tensor) -> list[Tensor]:
        if own is not None:
            self._group.notes[own] = tensor
        barrier.wait(PATIENCE_S)
        found = [self._group.notes[key] for key in keys]
        barrier.wait(PATIENCE_S)  # no rank writes again before all have read
        return found
