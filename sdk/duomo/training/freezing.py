"""What is trained: gradients for some modules, evaluation mode for all others."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from duomo.counting import counted
from duomo.errors import BadOption, UsageProblem
from duomo.training import lora
from duomo.training.trainable import Parts, Trainable

Train = Literal["head", "all", "lora"] | int
"""What is trained: the head, everything, low-rank additions, or the head and as many of the upper layers."""


class Trained(NamedTuple):
    """What of a network is trained."""

    modules: tuple[str, ...]
    """Dotted names; the empty one is the whole network."""
    upper: int | None
    """Layers of the stack that are trained, counted from the top; None where there is nothing frozen below."""


def choose(model: Trainable[object], train: Train, reference: str, rank: int = 4) -> Trained:
    """Find the modules that `train` means. Raises `UsageProblem` where a network has no such parts."""
    if train == "all":
        return Trained(("",), None)
    parts = model.parts()
    if parts is None:
        raise UsageProblem(
            f"'{reference}' does not say what its head is", why=f"train={train!r} needs to know", fix="train='all'"
        )
    if train == "head":
        return Trained(parts.head, 0)
    if train == "lora":
        added = lora.add(model.network, parts.head, rank, reference)
        return Trained((*lora_head(model), *added), None)
    num_layers = len(_stack(model.network, parts, reference))
    if not 0 < train <= num_layers:
        raise UsageProblem(
            f"{train} upper layers of '{reference}' cannot be trained",
            why=f"it has {counted(num_layers, 'layer')}",
            fix=f"train=1 to {num_layers}, 'head' or 'all'",
        )
    layers = tuple(f"{parts.stack}.{at}" for at in range(num_layers - train, num_layers))
    return Trained((*parts.head, *parts.above, *layers), train)


def lora_head(model: Trainable[object]) -> tuple[str, ...]:
    """Find the head that is trained whole beside low-rank additions; that of a language model has learned already."""
    parts = model.parts()
    return () if parts is None or model.kind == "none" else parts.head


def tied(network: nn.Module, modules: Iterable[str]) -> list[str]:
    """Names of parameters outside of `modules` that are the same tensor as one inside, and so are trained with it."""
    prefixes = tuple(f"{name}." if name else "" for name in modules)
    every = list(network.named_parameters(remove_duplicate=False))
    inside = {id(each) for name, each in every if name.startswith(prefixes)}
    return [name for name, each in every if id(each) in inside and not name.startswith(prefixes)]


def _stack(network: nn.Module, parts: Parts, reference: str) -> nn.ModuleList:
    if not parts.stack:
        raise UsageProblem(
            f"upper layers of '{reference}' cannot be trained",
            why="it does not say in which list its layers are",
            fix="train='head' or 'all'",
        )
    stack = network.get_submodule(parts.stack)
    assert isinstance(stack, nn.ModuleList)
    return stack


def freeze(network: nn.Module, modules: Iterable[str]) -> dict[str, nn.Parameter]:
    """Leave gradients and training mode to `modules` alone; what is trained, by name.

    A frozen batch norm keeps its statistics, and frozen dropout drops nothing.
    """
    network.requires_grad_(False).eval()
    for name in modules:
        network.get_submodule(name).requires_grad_(True).train()
    return {name: each for name, each in network.named_parameters() if each.requires_grad}


def recompute(model: Trainable[object], reference: str) -> None:
    """Have the trained layers of the stack compute again in the backward pass what they gave. It changes no update.

    Raises `BadOption` where there are none, and where computing twice would change something.
    """
    parts = model.parts()
    stack = model.network.get_submodule(parts.stack) if parts is not None and parts.stack else nn.ModuleList()
    layers = [each for each in stack.children() if any(one.requires_grad for one in each.parameters())]
    counts = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    moves = any(isinstance(module, counts) and module.training for each in layers for module in each.modules())
    if not layers or moves:
        raise BadOption(
            f"recompute is of no use for '{reference}' as it is trained",
            why="statistics of its batch norms would move twice"
            if moves
            else "no layer in a list of layers is trained",
            fix="a smaller micro takes less memory, too",
        )
    for layer in layers:
        layer.forward = functools.partial(_again, layer.forward)


def _again(forward: Callable[..., object], *args: object, **named: object) -> object:
    if not torch.is_grad_enabled():
        return forward(*args, **named)
    return checkpoint(functools.partial(forward, **named), *args, use_reentrant=False)


def trained_buffers(network: nn.Module, modules: Iterable[str]) -> dict[str, nn.Parameter]:
    """The buffers that training changes, such as statistics of batch norms, by name."""
    prefixes = tuple(f"{name}." if name else "" for name in modules)
    return {name: each for name, each in network.named_buffers() if name.startswith(prefixes)}  # type: ignore[misc]
