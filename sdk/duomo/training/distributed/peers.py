"""The processes that train together, over torch.distributed: gloo on CPUs, NCCL on GPUs.

They are a grid of ``dp`` copies by ``tp`` processes that share the layers of a copy. Gradients are added up over the
copies once a step, after all micro-batches of a copy, in one flat tensor. So copies may have unlike numbers of
micro-batches, or no row at all in a short batch, and never wait for a collective that does not come.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh

from duomo.execution.sharding.ranks import PeerLost
from duomo.parallel import ParallelDims, TensorPlan
from duomo.training.distributed.pulse import Pulse
from duomo.training.distributed.shares import Shares
from duomo.training.loop import Peers

T = TypeVar("T")


class TorchPeers(Peers):
    """One process's view of the others.

    Args:
        rank: of this process; those that share a copy follow each other.
        dims: copies, and processes a copy.
        rendezvous: where they meet, a file or ``tcp://host:port``; a new one for each start.
        device: of this process.
        timeout_s: after which one that waits for another gives up; the driver is quicker.
        pulse: is told when this process waits.
    """

    def __init__(
        self, rank: int, dims: ParallelDims, rendezvous: str, device: torch.device, timeout_s: float, pulse: Pulse
    ) -> None:
        self.size, self.tp = dims.dp, dims.tp
        self.rank, self._place = divmod(rank, dims.tp)
        self.keeps, self.writes = self.rank == 0, rank == 0
        self._name = rank
        self._pulse = pulse
        self._shares: Shares | None = None
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=rendezvous,
            rank=rank,
            world_size=dims.total,
            timeout=datetime.timedelta(seconds=timeout_s),
        )
        mesh = init_device_mesh(device.type, (dims.dp, dims.tp), mesh_dim_names=("dp", "tp"))
        self._copies, self._layers = mesh.get_group("dp"), mesh.get_group("tp")

    def sum(self, tensor: Tensor) -> Tensor:
        with self._named("all_reduce"):
            dist.all_reduce(tensor, group=self._copies)
        return tensor

    def sum_gradients(self, gradients: Sequence[Tensor]) -> None:
        flat = torch.cat([each.reshape(-1) for each in gradients])
        self.sum(flat)
        for each, summed in zip(gradients, torch.split(flat, [each.numel() for each in gradients]), strict=True):
            each.copy_(summed.view_as(each))

    def gather(self, value: object) -> list[Any]:
        found: list[Any] = [None] * self.size
        with self._named("all_gather"):
            dist.all_gather_object(found, value, group=self._copies)
        return found

    def from_first(self, tensors: Sequence[Tensor]) -> None:
        with self._named("broadcast"):
            for each in tensors:
                dist.broadcast(each, group=self._copies, group_src=0)

    def norm(self, gradients: Mapping[str, Tensor]) -> Tensor:
        if self._shares is None:
            return super().norm(gradients)
        own = [each for name, each in gradients.items() if self._shares.is_cut(name)]
        same = [each for name, each in gradients.items() if not self._shares.is_cut(name)]
        squared = self._sum_layers(torch.nn.utils.get_total_norm(own).to(next(iter(gradients.values()))) ** 2)
        return (squared + torch.nn.utils.get_total_norm(same).to(squared) ** 2).sqrt()

    def meet(self) -> None:
        with self._named("barrier"):
            dist.barrier()

    def agree(self, value: T) -> T:
        if self.tp == 1:
            return value
        found = [value]
        with self._named("broadcast"):
            dist.broadcast_object_list(found, group=self._layers, group_src=0)
        return found[0]

    def cut(self, network: nn.Module, plan: TensorPlan, name: str) -> None:
        self._shares = Shares(network, plan, self.tp, self._place, self._sum_layers, self._collect, name)

    def join(self, network: nn.Module) -> None:
        if self._shares is not None:
            self._shares.join(network)

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return super().whole(tensors) if self._shares is None else self._shares.whole(tensors)

    def share(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return super().share(tensors) if self._shares is None else self._shares.share(tensors)

    def close(self) -> None:
        """Part with the others."""
        with contextlib.suppress(RuntimeError):  # from torch, when one is gone already
            dist.destroy_process_group()

    def _sum_layers(self, tensor: Tensor) -> Tensor:
        with self._named("all_reduce"):
            dist.all_reduce(tensor, group=self._layers)
        return tensor

    def _collect(self, tensor: Tensor) -> list[Tensor]:
        found = [torch.empty_like(tensor) for _ in range(self.tp)]
        with self._named("all_gather"):
            dist.all_gather(found, tensor, group=self._layers)
        return found

    @contextlib.contextmanager
    def _named(self, what: str) -> Iterator[None]:
        try:
            with self._pulse.waiting(what):
                yield
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise PeerLost(
                f"rank {self._name} has lost another rank of its training",
                why=f"{what}: {error}",
                fix="see what the other one says",
            ) from error
