"""A network whose parameters are shared out among the copies that train it (``shard``), by torch's ``fully_shard``.

Each copy keeps a part of every parameter, its gradient and what the optimiser remembers of it; the whole of a layer is
there while it computes (Rajbhandari et al. 2020, ZeRO, https://arxiv.org/abs/1910.02054). Gradients are summed, not
averaged, and each copy comes to a layer equally often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

T = TypeVar("T")


class Parts:
    """The parts that one copy has of a network.

    Args:
        network: is cut; what is trained has gradients already.
        stack: dotted name of the list of layers, each of which is gathered alone; empty for none.
        mesh: the copies.
    """

    def __init__(self, network: nn.Module, stack: str, mesh: DeviceMesh) -> None:
        self._around = _Whole(network)
        layers: Any = network.get_submodule(stack) if stack else ()
        for module in (*layers, self._around):
            fully_shard(module, mesh=mesh, reshard_after_forward=True)
            assert isinstance(module, FSDPModule)
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo has no other
        self._places: dict[str, DTensor] = {
            name: each for name, each in network.named_parameters() if isinstance(each, DTensor)
        }

    def around(self, passes: Sequence[Callable[[], T]]) -> list[Callable[[], T]]:
        """The passes with all that gathers parameters around them: they may call any part of the network."""
        return [lambda run=each: self._around(run) for each in passes]  # type: ignore[misc]

    @staticmethod
    def own(tensor: Tensor) -> Tensor:
        """What this copy has of a tensor."""
        return tensor.to_local() if isinstance(tensor, DTensor) else tensor

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put parts together; all copies call it with the same names."""
        return {key: _full(each) for key, each in tensors.items()}

    def share(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Take this copy's part of whole tensors."""
        found = {}
        for key, each in tensors.items():
            like = self._places.get(key.partition(":")[0])
            if like is not None and each.dim():
                mesh, placements = like.device_mesh, like.placements
                each = distribute_tensor(each.to(like.device), mesh, placements, src_data_rank=None)
            found[key] = each
        return found

    def join(self, network: nn.Module) -> None:
        """Put whole parameters back."""
        for name, each in list(network.named_parameters()):
            if isinstance(each, DTensor):
                path, _, last = name.rpartition(".")
                full = nn.Parameter(_full(each), requires_grad=each.requires_grad)
                setattr(network.get_submodule(path), last, full)


def _full(tensor: Tensor) -> Tensor:
    if not isinstance(tensor, DTensor):
        return tensor
    with torch.no_grad():
        found: Tensor = tensor.full_tensor()
    return found


class _Whole(nn.Module):
    """The module whose call gathers what belongs to no layer, whichever part of the network is then called."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, run: Callable[[], T]) -> T:
        """One pass."""
        return run()
