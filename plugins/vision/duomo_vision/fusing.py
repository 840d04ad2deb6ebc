"""A trained convolutional network made faster where it stands: fewer steps, the same results up to rounding.

Batch norms go into the convolutions before them. On a CPU activations go there too, and weights are laid out as
oneDNN computes with them, which it would otherwise do at every call. What follows what is not guessed from names
or order: the network runs once on a small image and is watched.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

SIDE = 64
"""Side of the small image: enough for five halvings, and quick."""
TOLERANCE = 1e-4
"""Relative to the largest output: ten times what rounding makes of it, and far below what a wrong step would."""
FROZEN_EPS = 1e-5
"""Written into the forward of each ``FrozenBatchNorm2d`` of transformers."""
ACTIVATIONS: dict[type[nn.Module], tuple[str, list[float]]] = {
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
    nn.SiLU: ("swish", []),
    nn.Hardswish: ("hardswish", []),
}
"""What oneDNN can do at the end of a convolution: its name there and its numbers."""


def fuse_for_inference(network: nn.Module, side: int, trial: int = SIDE) -> None:
    """Change `network` for inference in evaluation mode on images of about `side` pixels a side.

    A network without batch norms stays as it is. So does one that cannot take a small image, of `trial` pixels a side,
    or gives something else for it afterwards.
    """
    _thaw(network)
    if not any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
        return
    network.to(memory_format=torch.channels_last)
    weight = next(network.parameters())
    picture = torch.rand(2, 3, trial, trial, generator=torch.Generator().manual_seed(0)).to(weight) * 2 - 1
    with torch.no_grad():
        try:
            before, sizes, followers = _watch(network, picture)
        except (RuntimeError, ValueError):
            return
        original = dict(network.named_modules())
        for name, module in _faster(original, sizes, followers, side / trial).items():
            network.set_submodule(name, module)
        difference = (_logits(network(picture)) - before).abs().max()
        if not difference <= TOLERANCE * before.abs().max():  # NaN proves nothing
            for name in (*sizes, *followers.values()):
                network.set_submodule(name, original[name])


class PackedConv2d(nn.Conv2d):
    """A convolution, and its activation if it has one, in float32 on a CPU, with weights in oneDNN's own order."""

    def __init__(self, conv: nn.Conv2d, input_size: list[int], activation: nn.Module | None) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]
            conv.stride,  # type: ignore[arg-type]
            _padding(conv),  # type: ignore[arg-type]
            conv.dilation,  # type: ignore[arg-type]
            conv.groups,
            device="meta",
        )
        self.shape = (self.padding, self.stride, self.dilation, self.groups)
        packed = torch.ops.mkldnn._reorder_convolution_weight(conv.weight, *self.shape, input_size)
        self.weight = nn.Parameter(packed, requires_grad=False)
        self.bias = conv.bias
        self.fused = (activation,)  # within a tuple: it is not a layer of its own any more
        self.end = ("none", []) if activation is None else ACTIVATIONS[type(activation)]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', H', W')."""
        x = x.contiguous(memory_format=torch.channels_last)
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(x, self.weight, self.bias, *self.shape, *self.end, "")
        return out

    def plain(self) -> nn.Module:
        """The same in layers that every runtime knows."""
        conv = PlainConv2d(
            self.in_channels,
            self.out_channels,
            self.kernel_size,  # type: ignore[arg-type]
            self.stride,  # type: ignore[arg-type]
            self.padding,  # type: ignore[arg-type]
            self.dilation,  # type: ignore[arg-type]
            self.groups,
            self.bias is not None,
        )
        conv.weight = nn.Parameter(self.weight.to_dense(), requires_grad=False)
        conv.bias = self.bias
        conv.activation = self.fused[0]
        return conv


class PlainConv2d(nn.Conv2d):
    """A convolution, and its activation if it has one."""

    activation: nn.Module | None

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, C', H', W')."""
        out = super().forward(x)
        return out if self.activation is None else self.activation(out)


def _faster(
    modules: dict[str, nn.Module], sizes: dict[str, torch.Size], followers: dict[str, str], scale: float
) -> dict[str, nn.Module]:
    """What to put in the place of which module."""
    faster: dict[str, nn.Module] = {}
    for name, (batch, channels, *area) in sizes.items():
        conv: Any = modules[name]
        is_packed = conv.weight.device.type == "cpu" and conv.weight.dtype == torch.float32
        follower = followers.get(name, "")
        if isinstance(norm := modules[follower], nn.BatchNorm2d):
            conv = fuse_conv_bn_eval(conv, norm)
            faster[follower] = nn.Identity()
            follower = followers.get(follower, "")
        if is_packed and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            activation = modules[follower] if follower else None
            conv = PackedConv2d(conv, [batch, channels, *(round(side * scale) for side in area)], activation)
            if follower:
                faster[follower] = nn.Identity()
        faster[name] = conv
    return faster


def _watch(network: nn.Module, picture: Tensor) -> tuple[Tensor, dict[str, torch.Size], dict[str, str]]:
    """Run once: the logits, the input size of each convolution, and which batch norm or activation follows on what.

    One follows another when it was given the very tensor the other made, unchanged, each time it was called.
    """
    sizes: dict[str, torch.Size] = {}
    made: dict[int, tuple[str, Tensor, int]] = {}  # by id; the tensor is held so that its id is not given out again
    given: dict[str, list[str]] = defaultdict(list)

    def before(name: str, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        maker, tensor, version = made.get(id(inputs[0]), ("", inputs[0], -1))
        given[name].append(maker if tensor._version == version else "")

    def after(name: str, module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            sizes[name] = inputs[0].shape
        elif not given[name][-1]:
            return
        made[id(out)] = (name, out, out._version)

    handles = []
    for name, module in network.named_modules():
        if (
            isinstance(module, nn.Conv2d)
            and type(module).forward is nn.Conv2d.forward
            and module.padding_mode == "zeros"
        ):
            handles.append(module.register_forward_hook(functools.partial(after, name)))
        elif isinstance(module, nn.BatchNorm2d):
            handles.append(module.register_forward_pre_hook(functools.partial(before, name)))
            handles.append(module.register_forward_hook(functools.partial(after, name)))
        elif type(module) in ACTIVATIONS:
            handles.append(module.register_forward_pre_hook(functools.partial(before, name)))
    try:
        logits = _logits(network(picture))
    finally:
        for handle in handles:
            handle.remove()
    followers = {maker: name for name, makers in given.items() if all(makers) for maker in makers}
    return logits, sizes, followers


def _padding(conv: nn.Conv2d) -> tuple[int, ...]:
    """In numbers; ``same`` for odd kernels."""
    if conv.padding == "valid":
        return (0, 0)
    if conv.padding == "same":
        return tuple(step * (size - 1) // 2 for step, size in zip(conv.dilation, conv.kernel_size, strict=True))
    assert isinstance(conv.padding, tuple)
    return conv.padding


def _logits(output: Any) -> Tensor:
    """Return what a network of torchvision returns as it is, and one of transformers in a field.

    Those of the places that a detector found are sorted: rounding may change their order.
    """
    logits: Tensor = getattr(output, "logits", getattr(output, "pooler_output", output))
    return logits.sort(1).values if logits.dim() == 3 else logits


def _thaw(network: nn.Module) -> None:
    """Put torch's batch norm in the place of each that transformers wrote for detectors, whose numbers are fixed."""
    for name, module in list(network.named_modules()):
        if type(module).__name__.endswith("FrozenBatchNorm2d"):
            norm = nn.BatchNorm2d(len(module.running_mean), eps=FROZEN_EPS)
            norm.load_state_dict(module.state_dict(), strict=False)  # torch's counts batches, too
            network.set_submodule(name, norm.to(module.running_mean).eval().requires_grad_(False))
