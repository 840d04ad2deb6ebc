"""Positions of vision transformers, stretched to a size of image once and not at every pass."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch
from torch import Tensor, nn

MOST_BYTES = 2**26
"""Most memory for the positions that one module keeps."""


def keep_positions(network: nn.Module) -> None:
    """Let each module that stretches its table of positions keep what it made for the last sizes."""
    for module in network.modules():
        if "interpolate_pos_encoding" in dir(type(module)):
            name = "interpolate_pos_encoding"
        elif type(module).__name__ in ("InterpolateInitialPositionEmbeddings", "InterpolateMidPositionEmbeddings"):
            name = "forward"
        else:
            continue
        setattr(module, name, Kept(module, getattr(module, name)))


class Kept:
    """A method whose result depends on the weights of its module and on the sizes it is given, not on values."""

    def __init__(self, module: nn.Module, method: Callable[..., Tensor]) -> None:
        self.module = (module,)  # within a tuple: a module would become a part of itself
        self.method = method
        self.found: OrderedDict[Hashable, Tensor] = OrderedDict()

    def __call__(self, *given: object, **named: object) -> Tensor:
        (module,) = self.module
        traced = torch.jit.is_tracing() or torch.compiler.is_compiling()  # type: ignore[attr-defined, no-untyped-call]
        if module.training or torch.is_grad_enabled() or traced:
            return self.method(*given, **named)
        key = (
            *map(_place, module.parameters(recurse=False)),
            *map(_size, given),
            *((name, _size(each)) for name, each in sorted(named.items())),
        )
        if key not in self.found:
            self.found[key] = self.method(*given, **named)
            while sum(each.nbytes for each in self.found.values()) > MOST_BYTES and len(self.found) > 1:
                self.found.popitem(last=False)
        self.found.move_to_end(key)
        return self.found[key]


def _size(given: object) -> Hashable:
    """What a result depends on: the sizes of an image, without how many there are; the table of positions itself."""
    if isinstance(given, nn.Parameter):
        return _place(given)
    if isinstance(given, Tensor):
        return (given.shape[1:], given.device, given.dtype)
    assert isinstance(given, Hashable)
    return given


def _place(weights: Tensor) -> Hashable:
    """Where weights lie; those of a loaded model do not change there, as packed layers have it, too."""
    return (weights.data_ptr(), weights.device, weights.dtype)
