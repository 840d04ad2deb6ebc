"""The processes of one start of a training, as the driver sees them: what they say, and their end.

``local`` are processes of this machine, with pipes; ``ray`` are actors of a cluster (`duomo.training.distributed.ray`).
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from duomo.execution.pools.process import Child, end
from duomo.execution.sharding.group import new_rendezvous, remove_rendezvous
from duomo.parallel import ParallelDims
from duomo.specs import TaskSpec
from duomo.training.distributed.rank import main
from duomo.training.request import Request
from duomo.training.starts import Start

DEADLINE_S = 600.0
"""A rank that says nothing for so long hangs; it is longer than a step, an evaluation or the trunk may take."""
PRELOAD = ("torch", "torch._dynamo", "duomo.training.distributed.rank", "matplotlib.backends.backend_svg")
"""What every rank needs, or the one that draws the curves: imported once for all, and for those after a restart."""


class Orders(NamedTuple):
    """What all ranks of a start are told."""

    devices: tuple[str, ...]
    dims: ParallelDims
    request: Request
    start: Start
    spec: TaskSpec

    @property
    def deadline_s(self) -> float:
        """After which a rank that says nothing hangs: longer than the others wait for one."""
        return max(DEADLINE_S, 2 * (self.request.recipe.hang_s or 0.0))

    def of(self, rank: int) -> Request:
        """The request with the device of one rank."""
        return dataclasses.replace(self.request, device=self.devices[rank])


class Members(ABC):
    """The ranks of one start."""

    pids: Sequence[int | None]
    """Their processes, where those are on this machine."""

    @abstractmethod
    def hear(self, ranks: Sequence[int], timeout_s: float) -> list[tuple[int, tuple[Any, ...]]]:
        """What some of `ranks` say, waiting for the first of it: a kind and more; ``("gone", why)`` of a dead one."""

    @abstractmethod
    def close(self) -> None:
        """End them all."""


class LocalMembers(Members):
    """Processes of this machine."""

    def __init__(self, orders: Orders) -> None:
        self._rendezvous = new_rendezvous()
        self._children: list[Child] = []
        self._pipes: list[Connection] = []
        # The trainer's class has brought what it needs of transformers here, and will there.
        trainer = orders.start.spec.trainer.partition(":")[0]
        preload = (*PRELOAD, trainer, *({"transformers"} & sys.modules.keys()))
        try:
            for rank in range(len(orders.devices)):
                here, there = multiprocessing.Pipe(duplex=False)
                args = (
                    rank,
                    orders.dims,
                    self._rendezvous,
                    orders.deadline_s,
                    orders.of(rank),
                    orders.start,
                    orders.spec,
                )
                self._children.append(Child(main, (*args, there), preload=preload))
                self._pipes.append(here)
                there.close()
        except BaseException:
            self.close()
            raise
        self.pids = [each.pid for each in self._children]

    def hear(self, ranks: Sequence[int], timeout_s: float) -> list[tuple[int, tuple[Any, ...]]]:
        waiting = {self._pipes[rank]: rank for rank in ranks}
        found: list[tuple[int, tuple[Any, ...]]] = []
        for pipe in wait(list(waiting), timeout=timeout_s):
            rank = waiting[pipe]  # type: ignore[index]
            try:
                found.append((rank, self._pipes[rank].recv()))
            except (EOFError, OSError):
                found.append((rank, ("gone", self._children[rank].ending)))
        return found

    def close(self) -> None:
        end(self._children, grace_s=0.5)
        for each in self._pipes:
            each.close()
        remove_rendezvous(self._rendezvous)
