"""A network whose layers are shared by several processes while it is trained (``tp``).

After Megatron-LM (Shoeybi et al. 2019, https://arxiv.org/abs/1909.08053), as in inference, with the backward pass:

    colwise    inputs as they are             gradients of the inputs are summed
    rowwise    outputs are summed             gradients of the outputs as they are

So what is not cut has the same gradients in all processes. Weights that are kept or saved are put together first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from duomo.errors import UsageProblem
from duomo.execution.sharding import tensor
from duomo.parallel import STYLES, SUMMED, TensorPlan, matches

Sum = Callable[[Tensor], Tensor]
"""Adds up over the processes that share the layers, in place."""
Collect = Callable[[Tensor], list[Tensor]]
"""The tensors of all of them, in their order."""


class _Side(NamedTuple):
    tp: int
    place: int
    sum: Sum

    def all_reduce(self, tensor: Tensor) -> Tensor:
        summed: Tensor = _SumForward.apply(tensor, self.sum)
        return summed


class _Layout(NamedTuple):
    """How a tensor was cut."""

    dim: int
    parts: int
    is_turned: bool
    """Whether the whole has inputs before outputs, as the Conv1D of GPT-2."""


class Shares:
    """The pieces that one process has of a network.

    Args:
        network: is cut.
        plan: how.
        tp: processes that share it.
        place: of this one among them.
        sum: over them.
        collect: from them.
        name: for messages.
    """

    def __init__(
        self, network: nn.Module, plan: TensorPlan, tp: int, place: int, sum: Sum, collect: Collect, name: str
    ) -> None:
        self._side, self._collect = _Side(tp, place, sum), collect
        modules = dict(network.named_modules())
        _refuse_experts(network, plan, name)
        self._pieces = tensor.cut(network, plan, self._side, name)
        self._divided = {
            (path, attribute): getattr(modules[path], attribute) * tp
            for pattern, attributes in plan.divided.items()
            for path in modules
            if matches(pattern, path)
            for attribute in attributes
        }
        self._layouts: dict[str, _Layout] = {}
        for path, style, whole in self._pieces:
            is_turned = not isinstance(whole, nn.Linear)
            is_rowwise = style == "rowwise"
            self._layouts[f"{path}.weight"] = _Layout(int(is_rowwise), STYLES[style], is_turned)
            if not is_rowwise:
                self._layouts[f"{path}.bias"] = _Layout(0, STYLES[style], False)
                network.get_submodule(path).register_forward_pre_hook(self._spread)
            whole.to("meta")  # only its kind is needed, to be filled again
        self._sliced = {
            path: dim
            for pattern, dim in plan.sliced.items()
            for path, _ in network.named_parameters()
            if matches(pattern, path)
        }
        self._layouts |= {path: _Layout(dim, 1, False) for path, dim in self._sliced.items()}

    def is_cut(self, key: str) -> bool:
        """Whether the tensor called ``parameter`` or ``parameter:what`` is a piece."""
        return key.partition(":")[0] in self._layouts

    def whole(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put pieces together; all processes call it with the same names."""
        return {
            key: self._whole(key, each) if self.is_cut(key) and each.dim() else each for key, each in tensors.items()
        }

    def share(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Take this process's pieces of whole tensors."""
        return {
            key: self._share(key, each) if self.is_cut(key) and each.dim() else each for key, each in tensors.items()
        }

    def join(self, network: nn.Module) -> None:
        """Put the whole layers back."""
        for path, _style, whole in self._pieces:
            piece = network.get_submodule(path)
            for name, each in list(piece.named_parameters(recurse=False)):
                full = self.whole({f"{path}.{name}": each.detach()})[f"{path}.{name}"]
                setattr(whole, name, nn.Parameter(full, requires_grad=each.requires_grad))
            network.set_submodule(path, whole.train(piece.training))
        for path in self._sliced:
            owner, _, last = path.rpartition(".")
            each = network.get_parameter(path)
            full = self.whole({path: each.detach()})[path]
            setattr(network.get_submodule(owner), last, nn.Parameter(full, requires_grad=each.requires_grad))
        for (path, attribute), value in self._divided.items():
            setattr(network.get_submodule(path), attribute, value)

    def _whole(self, key: str, piece: Tensor) -> Tensor:
        dim, parts, is_turned = self._layouts[key.partition(":")[0]]
        found = [each.chunk(parts, dim) for each in self._collect(piece.contiguous())]
        whole = torch.cat([each[part] for part in range(parts) for each in found], dim)
        return whole.T.contiguous() if is_turned else whole

    def _share(self, key: str, whole: Tensor) -> Tensor:
        dim, parts, is_turned = self._layouts[key.partition(":")[0]]
        return tensor.share(whole.T if is_turned else whole, dim, parts, self._side, key)

    def _spread(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        first: Tensor = _SumBackward.apply(inputs[0], self._side.sum)
        return (first, *inputs[1:])


def _refuse_experts(network: nn.Module, plan: TensorPlan, name: str) -> None:
    """Refuse what is cut otherwise than as a linear layer. Raises `UsageProblem`."""
    parameters = dict(network.named_parameters())
    bare = [
        path for path, style in tensor.styles_of(network, plan, name).items() if path in parameters or style == SUMMED
    ]
    if bare:
        raise UsageProblem(
            f"'{name}' cannot be trained with tp",
            why=f"{bare[0]} is cut to compute with, and its gradients are not put together",
            fix="use dp, pp or shard=True  (--shard)",
        )


class _SumForward(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: FunctionCtx, given: Tensor, sum: Sum) -> Tensor:
        return sum(given.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(_ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class _Context(FunctionCtx):
    sum: Sum


class _SumBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Context, given: Tensor, sum: Sum) -> Tensor:
        ctx.sum = sum
        return given.view_as(given)

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.sum(gradients[0].clone(memory_format=torch.contiguous_format)), None
