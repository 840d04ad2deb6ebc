"""The other processes of a training, as the loop sees them: none. `duomo.training.distributed` has those there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from duomo.parallel import PipelinePlan, TensorPlan

T = TypeVar("T")


class Peers:
    """One process alone: the copy of the model is whole, and there is one."""

    rank = 0
    """Number of this copy of the model."""
    size = 1
    """Copies."""
    tp = 1
    """Processes that share each layer of a copy."""
    pp = 1
    """Stages of a copy, each with some of the layers."""
    stage = 0
    """Number of this process's stage."""
    shards = False
    """Whether each copy holds only a part of the parameters, and gathers them as it needs them."""
    is_joint = False
    """Whether a pass needs several processes: who leaves it in the middle stops the others."""
    keeps = True
    """Whether this process has a part in checkpoints."""
    writes = True
    """Whether it writes them."""

    def sum(self, tensor: Tensor) -> Tensor:
        """Add up over all copies and stages, in place."""
        return tensor

    def sum_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Add up each gradient over all copies, in place."""

    def gather(self, value: object) -> list[Any]:
        """The values of all copies, in the order of their ranks."""
        return [value]

    def from_first(self, tensors: Sequence[Tensor]) -> None:
        """Make tensors those of the first copy, in place."""

    def norm(self, gradients: Mapping[str, Tensor]) -> Tensor:
        """The norm of all gradients together, by the names of their parameters, after `sum_gradients`."""
        return torch.nn.utils.get_total_norm(list(gradients.values()))

    def meet(self) -> None:
        """Wait for all processes."""

    def agree(self, value: T) -> T:
        """The value of the one that knows it, for all whose passes need each other."""
        return value

    def even(self, parts: Sequence[Sequence[int]]) -> list[Sequence[int]]:
        """The parts that this process takes, with empty ones where others have more or a pass needs them."""
        return list(parts)

    def backward(self, passes: Sequence[Callable[[], Tensor]]) -> None:
        """Run each of `passes`, which gives a loss, forward and backward."""
        for each in passes:
            each().backward()  # type: ignore[no-untyped-call]

    def forward(self, passes: Sequence[Callable[[], object]]) -> None:
        """Run each of `passes` without gradients; where a copy has stages, they end at the last one alone."""
        for each in passes:
            each()

    def cut(self, network: nn.Module, plan: TensorPlan, name: str) -> None:
        """Leave of each layer what this process computes."""
        raise NotImplementedError

    def split(self, network: nn.Module, plan: PipelinePlan, run: Callable[[], object], name: str) -> None:
        """Leave of the stack of layers those of this stage.

        Args:
            network: the network.
            plan: where its layers are.
            run: one pass through it.
            name: for messages.
        """
        raise NotImplementedError

    def shard(self, network: nn.Module, stack: str) -> None:
        """Leave of each parameter this copy's part; `stack` is the name of the list of layers, or empty."""
        raise NotImplementedError

    def parameters(self, network: nn.Module) -> dict[str, nn.Parameter]:
        """The parameters of this process that are trained, by name."""
        return {name: each for name, each in network.named_parameters() if each.requires_grad}

    def join(self, network: nn.Module) -> None:
        """Make a network that was cut whole again."""

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of the whole network from those of its pieces, by ``parameter`` or ``parameter:what``."""
        return dict(tensors)

    def share(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What this process has of tensors of the whole network."""
        return dict(tensors)
