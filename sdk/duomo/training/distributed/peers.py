"""The processes that train together, over torch.distributed: gloo on CPUs, NCCL on GPUs.

They are a grid of ``dp`` copies by ``pp`` stages by ``tp`` processes that share the layers of a stage. Gradients are
added up over the copies once a step, after all micro-batches of a copy, in one flat tensor. So copies may have unlike
numbers of micro-batches, or no row at all in a short batch, and never wait for a collective that does not come. Where
passes need each other, copies that have fewer micro-batches run empty ones (`TorchPeers.even`).
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh

from duomo.execution.devices import is_out_of_memory
from duomo.execution.sharding.ranks import PeerLost
from duomo.parallel import ParallelDims, PipelinePlan, TensorPlan
from duomo.training.distributed.parts import Parts
from duomo.training.distributed.pulse import Pulse
from duomo.training.distributed.shares import Shares
from duomo.training.distributed.stages import Stages
from duomo.training.peers import Peers

T = TypeVar("T")


class TorchPeers(Peers):
    """One process's view of the others.

    Args:
        rank: of this process; those that share a copy follow each other, and in it those that share a stage.
        dims: copies, stages, and processes a stage.
        rendezvous: where they meet, a file or ``tcp://host:port``; a new one for each start.
        device: of this process.
        timeout_s: after which one that waits for another gives up; the driver is quicker.
        pulse: is told when this process waits.
        shards: whether copies share out the parameters.
    """

    def __init__(
        self,
        rank: int,
        dims: ParallelDims,
        rendezvous: str,
        device: torch.device,
        timeout_s: float,
        pulse: Pulse,
        shards: bool = False,
    ) -> None:
        self.size, self.pp, self.tp = dims
        self.rank, within = divmod(rank, dims.group)
        self.stage, self._place = divmod(within, dims.tp)
        self.shards, self.is_joint = shards, shards or dims.group > 1
        self.keeps, self.writes = self.rank == 0 or shards, rank == 0
        self._name = rank
        self._speaker = dims.group - dims.tp
        """The first process of the first copy's last stage: the one that sees what the network says."""
        self._pulse = pulse
        self._shares: Shares | None = None
        self._stages: Stages | None = None
        self._parts: Parts | None = None
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=rendezvous,
            rank=rank,
            world_size=dims.total,
            timeout=datetime.timedelta(seconds=timeout_s),
        )
        self._mesh = init_device_mesh(device.type, tuple(dims), mesh_dim_names=dims._fields)
        self._copies, self._row, self._layers = (self._mesh.get_group(each) for each in dims._fields)

    def sum(self, tensor: Tensor) -> Tensor:
        with self._named("all_reduce"):
            for group, size in ((self._copies, self.size), (self._row, self.pp)):
                if size > 1:
                    dist.all_reduce(tensor, group=group)
        return tensor

    def sum_gradients(self, gradients: Sequence[Tensor]) -> None:
        if self.size == 1 or self._parts is not None:  # parts are added up in the backward pass
            return
        flat = torch.cat([each.reshape(-1) for each in gradients])
        with self._named("all_reduce"):
            dist.all_reduce(flat, group=self._copies)
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
        if not self.is_joint:
            return super().norm(gradients)
        cut, rest = list[Tensor](), list[Tensor]()
        for name, each in gradients.items():
            is_cut = self._shares is not None and self._shares.is_cut(name)
            (cut if is_cut else rest).append(each if self._parts is None else self._parts.own(each))
        like = next(iter(gradients.values())).new_zeros(()) if self._parts is None else torch.zeros(())
        squared = torch.nn.utils.get_total_norm(rest).to(like) ** 2
        squared = squared + self._reduced(torch.nn.utils.get_total_norm(cut).to(like) ** 2, self._layers, self.tp)
        if self._parts is not None:
            squared = self._reduced(squared, self._copies, self.size)
        return self._reduced(squared, self._row, self.pp).sqrt()

    def meet(self) -> None:
        with self._named("barrier"):
            dist.barrier()

    def agree(self, value: T) -> T:
        if not self.is_joint:
            return value
        found = [value]
        with self._named("broadcast"):
            dist.broadcast_object_list(found, src=self._speaker)
        return found[0]

    def even(self, parts: Sequence[Sequence[int]]) -> list[Sequence[int]]:
        count = max(len(parts), self.pp)
        if self.shards:
            count = int(self._reduced(torch.tensor(count), self._copies, self.size, dist.ReduceOp.MAX))
        return [*parts, *([()] * (count - len(parts) if self.shards or self.pp > 1 else 0))]

    def backward(self, passes: Sequence[Callable[[], Tensor]]) -> None:
        if self._stages is not None:
            with self._named("pipeline"):
                self._stages.backward(passes)
        else:
            super().backward(passes if self._parts is None else self._parts.around(passes))

    def forward(self, passes: Sequence[Callable[[], object]]) -> None:
        if self._stages is not None:
            with self._named("pipeline"):
                self._stages.forward(passes)
        else:
            super().forward(passes if self._parts is None else self._parts.around(passes))

    def cut(self, network: nn.Module, plan: TensorPlan, name: str) -> None:
        self._shares = Shares(network, plan, self.tp, self._place, self._sum_layers, self._collect, name)

    def split(self, network: nn.Module, plan: PipelinePlan, run: Callable[[], object], name: str) -> None:
        self._stages = Stages(network, plan, run, self.pp, self.stage, self._row, name, self._pulse.computing)

    def shard(self, network: nn.Module, stack: str) -> None:
        self._parts = Parts(network, stack, self._mesh["dp"])

    def join(self, network: nn.Module) -> None:
        for each in (self._parts, self._stages, self._shares):
            if each is not None:
                each.join(network)

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = dict(tensors)
        for each in (self._parts, self._shares, self._stages):
            if each is not None:
                found = each.whole(found)
        return found

    def share(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = dict(tensors)
        for each in (self._stages, self._shares, self._parts):
            if each is not None:
                found = each.share(found)
        return found

    def parameters(self, network: nn.Module) -> dict[str, nn.Parameter]:
        return super().parameters(network) if self._stages is None else self._stages.parameters()

    def close(self) -> None:
        """Part with the others."""
        with contextlib.suppress(RuntimeError):  # from torch, when one is gone already
            dist.destroy_process_group()

    def _reduced(
        self, tensor: Tensor, group: dist.ProcessGroup, size: int, how: dist.ReduceOp.RedOpType = dist.ReduceOp.SUM
    ) -> Tensor:
        if size > 1:
            with self._named("all_reduce"):
                dist.all_reduce(tensor, how, group=group)
        return tensor

    def _sum_layers(self, tensor: Tensor) -> Tensor:
        return self._reduced(tensor, self._layers, self.tp)

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
            is_own = self._stages is not None and error is self._stages.error
            if is_own or is_out_of_memory(error):
                raise
            raise PeerLost(
                f"rank {self._name} has lost another rank of its training",
                why=f"{what}: {error}",
                fix="see what the other one says",
            ) from error
