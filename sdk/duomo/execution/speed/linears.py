"""Linear layers laid out as the CPU computes with them, and GELU in its place, for every model, at loading.

A weight in oneDNN's own order is read as it lies. On an AMD EPYC, one thread, layers of MiniLM and BERT took about 0.85
of their time on thousands of rows, and the larger ones half of it on the few rows of a decoding step or a single text
(`benchmarks/linears.py`). The products are the same and are added up in another order, so that results differ by
rounding, as they do between batch sizes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

ROWS = 16
"""Rows that the layout is chosen for; the result is right for any number, and thousands were as fast."""

LEAST = 2**17
"""Weights of a layer: a call costs some 12 µs more than torch's own, which in a smaller layer is not won back."""

OWNERS = ("ConvLayer", "FeedForward", "Intermediate", "MLP", "Mlp", "PositionalConvEmbedding")
"""How the classes of transformers end that hand what a layer has just made to their activation, and never read it
again."""


class PackedLinear(nn.Linear):
    """A linear layer in float32 on a CPU. Whoever reads its ``weight`` is given a copy in the usual order."""

    def __init__(self, linear: nn.Linear) -> None:
        nn.Module.__init__(self)  # not Linear's, which would make a weight
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), ROWS)
        self.bias = linear.bias
        self.eval()

    @functools.cached_property
    def weight(self) -> Tensor:  # type: ignore[override]
        """(out, in). Kept, since who reads it once will read it at every step."""
        weight: Tensor = self.packed.to_dense()
        return weight

    def forward(self, input: Tensor) -> Tensor:
        """(…, in) → (…, out)."""
        if input.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        out: Tensor = torch.ops.mkldnn._linear_pointwise(input, self.packed, self.bias, "none", [], "")
        return out

    def __reduce__(self) -> tuple[Any, ...]:  # what is packed can be neither copied nor pickled
        return _repacked, (self.packed.to_dense(), self.bias)


def _repacked(weight: Tensor, bias: nn.Parameter | None) -> PackedLinear:
    plain = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    plain.weight, plain.bias = nn.Parameter(weight, requires_grad=False), bias  # type: ignore[assignment]
    return PackedLinear(plain)


def gelu_in_place(input: Tensor) -> Tensor:
    """``torch.nn.functional.gelu``, written over its input: what is wider than the rest is held once, and not twice.

    Not where gradients are kept, which torch refuses for a part of what a layer made, as ModernBERT's.
    """
    if torch.is_grad_enabled():
        return nn.functional.gelu(input)
    out: Tensor = torch.ops.aten.gelu_(input)
    return out


def bend_in_place(network: nn.Module) -> None:
    """Let each GELU of transformers whose input nobody reads again write over it."""
    for owner in network.modules():
        if type(owner).__name__.endswith(OWNERS) and type(owner).__module__.startswith("transformers."):
            part: Any
            for part in owner.children():
                if type(part).__name__ == "GELUActivation" and part.act is nn.functional.gelu:
                    part.act = gelu_in_place


def pack(networks: Iterable[nn.Module]) -> None:
    """Replace every plain linear layer of `networks` that is in float32 on a CPU and not small; bend in place."""
    networks = list(networks)
    for network in networks:
        bend_in_place(network)
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    done: dict[int, PackedLinear] = {}
    for network in networks:
        for name, module in list(network.named_modules(remove_duplicate=False)):
            if name and _is_plain(module):
                if id(module) not in done:
                    done[id(module)] = PackedLinear(module)
                network.set_submodule(name, done[id(module)])


def _is_plain(module: nn.Module) -> bool:
    """Not the subclasses of layer or weight, whose ways are not known; nor what has hooks or a forward of its own."""
    return (
        type(module) is nn.Linear
        and type(getattr(module, "weight", None)) is nn.Parameter  # a quantised one has other tensors
        and module.weight.numel() >= LEAST
        and module.weight.device.type == "cpu"
        and module.weight.dtype == torch.float32
        and not module._forward_hooks
        and not module._forward_pre_hooks
        and "forward" not in vars(module)
    )
