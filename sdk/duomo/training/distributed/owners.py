"""Which stage a tensor of a network belongs to: that of its layer, the first one, or the last one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from duomo.errors import UsageProblem
from duomo.execution.sharding import pipeline


def find_owners(
    network: nn.Module, path: str, stages: Sequence[range], run: Callable[[], object], name: str
) -> dict[str, int]:
    """The stage of each parameter and buffer, by its name; a buffer that both ends use is the first one's.

    Args:
        network: whole.
        path: of the list of its layers.
        stages: the layers of each stage.
        run: one pass, which shows which modules are called before the layers and which after.
        name: for messages.

    Raises:
        UsageProblem: a tensor is used on both sides.
        WorkerContractError: hidden states change between one layer and the next.
    """
    sides, last = _sides(network, path, run, name), len(stages) - 1
    users: dict[nn.Parameter, set[int]] = {}
    names: dict[nn.Parameter, list[str]] = {}
    stack = f"{path}."

    def stages_of(full: str) -> set[int]:
        if full.startswith(stack):
            at = int(full.removeprefix(stack).partition(".")[0])
            return {next(stage for stage, own in enumerate(stages) if at in own)}
        return {0 if side == 0 else last for side in sides.get(full.rpartition(".")[0], {2})}

    for full, parameter in network.named_parameters(remove_duplicate=False):
        users.setdefault(parameter, set()).update(stages_of(full))
        names.setdefault(parameter, []).append(full)
    shared = next((names[each] for each, used in users.items() if len(used) > 1), None)
    if shared is not None:
        raise UsageProblem(
            f"'{name}' cannot be cut for pp={len(stages)}",
            why=f"{' and '.join(shared)} is used at both ends (tied embeddings), and a parameter has one stage",
            fix=f"tp={len(stages)} or dp={len(stages)}",
        )
    owners = {full: next(iter(users[each])) for each, all_names in names.items() for full in all_names}
    return {full: min(stages_of(full)) for full, _ in network.named_buffers(remove_duplicate=False)} | owners


def _sides(network: nn.Module, path: str, run: Callable[[], object], name: str) -> dict[str, set[int]]:
    """0, 1 or 2 for each module that is called before, between or after the layers."""
    layers: Any = network.get_submodule(path)
    side, found, given = 0, dict[str, set[int]](), list[Tensor]()
    handles = []

    def enter(path: str) -> Callable[..., None]:
        return lambda *_: found.setdefault(path, set()).add(side)

    def begin(*_: object) -> None:
        nonlocal side
        side = 1

    def end(*_: object) -> None:
        nonlocal side
        side = 2

    def keep(_module: nn.Module, _args: object, output: object) -> None:
        given.append(pipeline.hidden_of(output))

    def compare(_module: nn.Module, args: tuple[Any, ...]) -> None:
        pipeline.check_handed_on(given.pop(), args[0], name)

    for each, module in network.named_modules():
        if not each.startswith(f"{path}."):
            handles.append(module.register_forward_pre_hook(enter(each)))
    handles += [
        layers[0].register_forward_pre_hook(begin),
        layers[-1].register_forward_hook(end),
    ]
    for layer, following in pairwise(layers):
        handles += [layer.register_forward_hook(keep), following.register_forward_pre_hook(compare)]
    try:
        with unchanged(network):
            run()
    finally:
        for handle in handles:
            handle.remove()
    return found


@contextlib.contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """A pass that is only looked at: without gradients, and without a trace in batch norms."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
