"""The copies of a model that train together, over torch.distributed: gloo on CPUs, NCCL on GPUs.

Gradients are added up once a step, after all micro-batches of a copy, in one flat tensor. So copies may have unlike
numbers of micro-batches, or no row at all in a short batch, and never wait for a collective that does not come.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from duomo.execution.sharding.ranks import PeerLost
from duomo.training.distributed.pulse import Pulse
from duomo.training.loop import Peers


class TorchPeers(Peers):
    """One copy's view of the others.

    Args:
        rank: of this process.
        size: copies in all.
        rendezvous: where they meet, a file or ``tcp://host:port``; a new one for each start.
        device: of this copy.
        timeout_s: after which a copy that waits for another gives up; the driver is quicker.
        pulse: is told when this copy waits.
    """

    def __init__(
        self, rank: int, size: int, rendezvous: str, device: torch.device, timeout_s: float, pulse: Pulse
    ) -> None:
        self.rank, self.size = rank, size
        self._pulse = pulse
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=rendezvous,
            rank=rank,
            world_size=size,
            timeout=datetime.timedelta(seconds=timeout_s),
        )

    def sum(self, tensor: Tensor) -> Tensor:
        with self._named("all_reduce"):
            dist.all_reduce(tensor)
        return tensor

    def sum_gradients(self, gradients: Sequence[Tensor]) -> None:
        flat = torch.cat([each.reshape(-1) for each in gradients])
        self.sum(flat)
        for each, summed in zip(gradients, torch.split(flat, [each.numel() for each in gradients]), strict=True):
            each.copy_(summed.view_as(each))

    def gather(self, value: object) -> list[Any]:
        found: list[Any] = [None] * self.size
        with self._named("all_gather"):
            dist.all_gather_object(found, value)
        return found

    def from_first(self, tensors: Sequence[Tensor]) -> None:
        with self._named("broadcast"):
            for each in tensors:
                dist.broadcast(each, 0)

    def close(self) -> None:
        """Part with the others."""
        with contextlib.suppress(RuntimeError):  # from torch, when one is gone already
            dist.destroy_process_group()

    @contextlib.contextmanager
    def _named(self, what: str) -> Iterator[None]:
        try:
            with self._pulse.waiting(what):
                yield
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise PeerLost(
                f"rank {self.rank} has lost another rank of its training",
                why=f"{what}: {error}",
                fix="see what the other one says",
            ) from error
