"""The ranks of one model-parallel group and what they say to each other.

A group is a grid of ``pp`` stages by ``tp`` ranks a stage. Groups never speak with other groups, so that
the death of one cannot stop another.

    all_reduce    sums over the ranks of a stage, twice a layer                       tensor parallelism
    send, recv    hidden states from a stage to the next                              pipeline parallelism
    share         the last stage's output to the stages before it
    from_first_rank        the first rank's decision to all
"""

from __future__ import annotations

import datetime
import os
import socket
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh

from duomo.errors import WorkerLost


class PeerLost(WorkerLost):
    """A collective failed: another rank has died, raised or not come; its own report says why."""


class Ranks(ABC):
    """One rank's view of its group."""

    pp: int
    tp: int
    stage: int
    """0 is the first."""
    place: int
    """Among the ranks of its stage."""
    counts: Counter[str]
    """How often each of the methods below was used."""

    @property
    def is_first(self) -> bool:
        """Whether this is a rank of the first stage."""
        return self.stage == 0

    @property
    def is_last(self) -> bool:
        """Whether this is a rank of the last stage."""
        return self.stage == self.pp - 1

    @abstractmethod
    def all_reduce(self, tensor: Tensor) -> Tensor:
        """Sum over the ranks of this stage, in place."""

    @abstractmethod
    def send(self, tensor: Tensor) -> Callable[[], Any]:
        """Begin to send to the same place of the next stage; what it returns waits until the tensor is free."""

    @abstractmethod
    def recv(self, tensor: Tensor) -> Tensor:
        """Fill `tensor` with what the stage before sends."""

    @abstractmethod
    def share(self, tensor: Tensor) -> Tensor:
        """Return the last stage's tensor, at every stage; `tensor` gives its shape elsewhere."""

    @abstractmethod
    def from_first_rank(self, tensor: Tensor) -> Tensor:
        """Return the first rank's tensor, at every rank."""

    @abstractmethod
    def close(self) -> None:
        """Part with the others."""


class TorchRanks(Ranks):
    """Processes that torch.distributed has brought together: gloo on CPUs, NCCL on GPUs.

    Args:
        rank: of this process, 0 to pp * tp - 1; a stage's ranks follow each other.
        pp: stages.
        tp: ranks a stage.
        rendezvous: where they meet, a file or ``tcp://host:port``; a new one for each start.
        device: of this rank, such as ``cpu`` or ``cuda:1``.
        timeout_s: after which a rank that waits for another gives up. The driver should be quicker: it hears
            of the other's end from its pipe.
    """

    def __init__(self, rank: int, pp: int, tp: int, rendezvous: str, device: str, timeout_s: float) -> None:
        self.pp, self.tp = pp, tp
        self.stage, self.place = divmod(rank, tp)
        self.counts = Counter()
        on_gpu = device.startswith("cuda")
        if on_gpu:
            torch.cuda.set_device(device)
        if rendezvous.startswith("file:"):
            _stay_on_this_machine()
        dist.init_process_group(
            "nccl" if on_gpu else "gloo",
            init_method=rendezvous,
            rank=rank,
            world_size=pp * tp,
            timeout=datetime.timedelta(seconds=timeout_s),
        )
        mesh = init_device_mesh("cuda" if on_gpu else "cpu", (pp, tp), mesh_dim_names=("pp", "tp"))
        self._tp, self._pp = mesh.get_group("tp"), mesh.get_group("pp")
        self._next, self._before, self._last = ((rank + tp), (rank - tp), (pp - 1) * tp + self.place)

    def all_reduce(self, tensor: Tensor) -> Tensor:
        self._call("all_reduce", dist.all_reduce, tensor, group=self._tp)
        return tensor

    def send(self, tensor: Tensor) -> Callable[[], Any]:
        work: Any = self._call("send", dist.isend, tensor, self._next, group=self._pp)
        return lambda: (self._call("", work.wait), tensor)  # the tensor must live until it is sent

    def recv(self, tensor: Tensor) -> Tensor:
        self._call("recv", dist.recv, tensor, self._before, group=self._pp)
        return tensor

    def share(self, tensor: Tensor) -> Tensor:
        tensor = tensor.contiguous()
        self._call("share", dist.broadcast, tensor, self._last, group=self._pp)
        return tensor

    def from_first_rank(self, tensor: Tensor) -> Tensor:
        tensor = tensor.contiguous()
        self._call("from_first_rank", dist.broadcast, tensor, 0)
        return tensor

    def close(self) -> None:
        if dist.is_initialized():
            dist.destroy_process_group()

    def _call(self, name: str, function: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        if name:
            self.counts[name] += 1
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise PeerLost(
                f"rank {self.stage * self.tp + self.place} has lost another rank of its group",
                why=f"{name or 'send'}: {error}",
                fix="see what the other one says; if it is well, the link between them is slow or cut",
            ) from error


def _stay_on_this_machine() -> None:
    """Keep a group that meets at a file from the network: nothing outside should be able to speak with it."""
    here = {name for _, name in socket.if_nameindex()} if hasattr(socket, "if_nameindex") else set()
    for loopback in here & {"lo", "lo0"}:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
