"""Torch's optimisers from a recipe, and the learning rate as a function of the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from duomo.training.recipe import Recipe

MOMENTUM = 0.9


def make(recipe: Recipe, parameters: Mapping[str, nn.Parameter]) -> Optimizer:
    """An optimiser in which matrices decay, and biases and norms do not."""
    matrices = [each for each in parameters.values() if each.dim() > 1]
    others = [each for each in parameters.values() if each.dim() <= 1]
    groups = [
        {"params": params, "weight_decay": decay}
        for params, decay in ((matrices, recipe.decay), (others, 0.0))
        if params
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=0.0, momentum=MOMENTUM)
    # One pass over each tensor instead of a dozen, on a CPU too.
    fused = all(each.device.type in ("cpu", "cuda") for each in parameters.values())
    cls = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return cls(groups, lr=0.0, fused=fused)


def rate(recipe: Recipe, peak: float, step: int, total: int) -> float:
    """The learning rate of a step, counted from 0: it rises to `peak`, then falls as the schedule says."""
    warm = math.ceil(recipe.warmup * total)
    if step < warm:
        return peak * (step + 1) / warm
    if recipe.schedule == "constant":
        return peak
    done = (step - warm) / max(1, total - warm)
    return peak * (1 - done if recipe.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2)


def state(optimizer: Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, torch.Tensor]:
    """What the optimiser remembers, as ``parameter:what``."""
    return {
        f"{name}:{what}": value if isinstance(value, torch.Tensor) else torch.tensor(value)
        for name, parameter in parameters.items()
        for what, value in optimizer.state.get(parameter, {}).items()
    }


def restore(optimizer: Optimizer, parameters: Mapping[str, nn.Parameter], kept: Mapping[str, torch.Tensor]) -> None:
    """Put back what `state` gave; parameters are known by their names, not by their order."""
    for key, value in kept.items():
        name, _, what = key.rpartition(":")
        entry: dict[str, Any] = optimizer.state[parameters[name]]
        entry[what] = value.to(parameters[name].device, copy=True)  # files are read to the CPU
