"""Pipeline parallelism: a network cut between its layers, so that each stage has some of them.

A batch goes through as microbatches, in the order of GPipe (Huang et al. 2019, https://arxiv.org/abs/1811.06965)
without its backward half: a stage computes one and sends it on while the stage before computes the next.

Every stage calls the network's own forward. What differs is in the network: layers of other stages are
gone, the first layer here takes what the stage before sends, the last one here sends what it gives.
What a stage computes after that is of no use, and replaced by what the last stage shares. All ranks
have the same inputs, so that each knows every shape, and none is sent.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from duomo.counting import counted
from duomo.errors import UsageProblem, WorkerContractError
from duomo.execution.sharding.ranks import Ranks
from duomo.parallel import PipelinePlan, matches

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MICROBATCHES = 4
"""For each stage: of (p - 1) / (m + p - 1) idle time, two stages then have a ninth."""


def check(plan: PipelinePlan | None, pp: int, name: str) -> PipelinePlan:
    """Check that the plan has layers for `pp` stages. Raises `UsageProblem` with what can be done instead."""
    if plan is None:
        raise UsageProblem(
            f"'{name}' has no pipeline split",
            why=f"pp={pp} spreads its layers over devices, and its plugin does not say where they are",
            fix="use dp, a whole copy on each device; or write Model.pipeline_split (docs/plugins.md)",
        )
    if plan.num_layers < pp:
        raise UsageProblem(
            f"'{name}' cannot be cut for pp={pp}",
            why=f"it has {counted(plan.num_layers, 'layer')}, and a stage has at least one",
            fix=f"pp={plan.num_layers} at most",
        )
    return plan


def balance(sizes: Sequence[int], stages: int, first: int = 0, last: int = 0) -> list[range]:
    """Layers to stages, in order, so that the largest stage is as small as can be.

    Args:
        sizes: bytes of each layer.
        stages: not more than there are layers; each has at least one.
        first: bytes that the first stage has besides its layers.
        last: the same of the last.
    """
    count = len(sizes)
    sums = [0]
    for size in sizes:
        sums.append(sums[-1] + size)

    @functools.cache
    def best(end: int, stage: int) -> tuple[int, int]:
        """Find the least largest stage when `stage` ends before layer `end`, and where it then starts."""
        extra = (first if stage == 0 else 0) + (last if stage == stages - 1 else 0)
        if stage == 0:
            return sums[end] + extra, 0
        return min(
            (max(best(start, stage - 1)[0], sums[end] - sums[start] + extra), start) for start in range(stage, end)
        )

    found, end = [], count
    for stage in reversed(range(stages)):
        start = best(end, stage)[1]
        found.append(range(start, end))
        end = start
    return found[::-1]


def cut(network: Any, plan: PipelinePlan, ranks: Ranks, name: str) -> None:
    """Leave of `network` the layers of this rank's stage. Raises `WorkerContractError` for a plan that does not fit."""
    path = layers_of(network, plan, name)
    stack: Any = network.get_submodule(path)
    own = balanced(network, plan, ranks.pp, name)[ranks.stage]
    layers = [stack[at] for at in own]
    for at, layer in enumerate(layers):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = at  # its place in the key-value cache of this stage
    shorten(network, own)
    network.set_submodule(path, nn.ModuleList(layers))
    for needless, here in ((plan.first, ranks.is_first), (plan.last, ranks.is_last)):
        if not here:
            blank(network, needless, name)
    network.forward = Pipeline(network, layers, ranks, name)
    network.run_stages = network.forward.run
    network.num_stages = getattr(network, "base_model", network).num_stages = ranks.pp


def layers_of(network: nn.Module, plan: PipelinePlan, name: str) -> str:
    """The dotted name of the stack of layers. Raises `WorkerContractError` unless the plan names one."""
    [path] = _found(plan.layers, dict(network.named_modules()), name, nn.ModuleList)
    return path


def balanced(network: nn.Module, plan: PipelinePlan, pp: int, name: str) -> list[range]:
    """The layers of each stage, by the bytes of their parameters and of what the first and the last have besides."""
    modules = dict(network.named_modules())
    stack: Any = modules[layers_of(network, plan, name)]
    first, last = (
        sum(_size(modules[at]) for each in names for at in _found(each, modules, name))
        for names in (plan.first, plan.last)
    )
    return balance([_size(layer) for layer in stack], pp, first, last)


def blank(network: nn.Module, patterns: Sequence[str], name: str) -> dict[str, nn.Module]:
    """Put a `Blank` in the place of the modules that `patterns` name; those that were there, by their dotted names."""
    modules = dict(network.named_modules())
    found = {path: modules[path] for each in patterns for path in _found(each, modules, name)}
    for path, module in found.items():
        network.set_submodule(path, Blank(module))
    return found


class Blank(nn.Module):
    """In the place of an embedding or a linear layer that this stage does not need: zeros of the same shape."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.is_embedding = isinstance(module, nn.Embedding)
        self.width: int = module.embedding_dim if self.is_embedding else module.out_features
        self.dtype = module.weight.dtype
        if self.is_embedding:  # some ask it how many positions there are
            self.num_embeddings: int = module.num_embeddings
            self.padding_idx: int | None = module.padding_idx

    def forward(self, input: Tensor) -> Tensor:
        """Tokens (…) or vectors (…, D) → (…, width)."""
        shape = input.shape if self.is_embedding else input.shape[:-1]
        return torch.zeros(*shape, self.width, dtype=self.dtype, device=input.device)


class Pipeline:
    """Stands in the place of a network's ``forward``, at every stage."""

    def __init__(self, network: PreTrainedModel, layers: Sequence[nn.Module], ranks: Ranks, name: str) -> None:
        functools.update_wrapper(self, network.forward)  # its signature can still be asked for
        self._forward: Callable[..., Any] = network.forward
        self._names = list(inspect.signature(network.forward).parameters)
        self._ranks = ranks
        self._name = name
        self._sending: list[Callable[[], Any]] = []
        self._given: Tensor | None = None
        if not ranks.is_first:
            layers[0].register_forward_pre_hook(self._receive)
        for layer, following in pairwise(layers):
            layer.register_forward_hook(self._remember)
            following.register_forward_pre_hook(self._compare)
        if not ranks.is_last:
            layers[-1].register_forward_hook(self._send)

    def __call__(self, *args: object, **inputs: Any) -> Any:
        """Run one batch, cut into microbatches unless it continues or begins a key-value cache."""
        inputs = dict(zip(self._names, args, strict=False)) | inputs
        rows = {len(each) for each in inputs.values() if isinstance(each, Tensor) and each.ndim}
        keeps_cache = inputs.get("use_cache") or inputs.get("past_key_values") is not None
        count = 1 if keeps_cache else min(max(rows), MICROBATCHES * self._ranks.pp)
        if count == 1:
            return self.run([inputs])[0]
        size = max(rows)
        pieces: dict[str, Sequence[Any]] = {
            key: each.tensor_split(count) if isinstance(each, Tensor) and len(each) == size else [each] * count
            for key, each in inputs.items()
        }
        outputs = self.run([dict(zip(pieces, piece, strict=True)) for piece in zip(*pieces.values(), strict=True)])
        return type(outputs[0])(**{key: torch.cat([each[key] for each in outputs]) for key in outputs[0]})

    def run(self, microbatches: Sequence[dict[str, Any]]) -> list[Any]:
        """Run each; gives the network's output, the same at every stage."""
        outputs = [self._forward(**inputs) for inputs in microbatches]
        for wait in self._sending:
            wait()
        self._sending.clear()
        for output in outputs:
            for key, value in output.items():
                if isinstance(value, Tensor):
                    output[key] = self._ranks.share(value)
        return outputs

    def _receive(self, _layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._ranks.recv(torch.empty_like(args[0], memory_format=torch.contiguous_format)), *args[1:])

    def _send(self, _layer: nn.Module, _args: object, output: object) -> None:
        self._sending.append(self._ranks.send(hidden_of(output).contiguous()))

    def _remember(self, _layer: nn.Module, _args: object, output: object) -> None:
        self._given = hidden_of(output)

    def _compare(self, _layer: nn.Module, args: tuple[Any, ...]) -> None:
        assert self._given is not None
        check_handed_on(self._given, args[0], self._name)
        self._given = None


def check_handed_on(given: Tensor, taken: Tensor, name: str) -> None:
    """Check that a layer gives what the next one takes, or what is sent to the next stage would be wrong."""
    if taken.data_ptr() != given.data_ptr():
        raise WorkerContractError(
            f"'{name}' cannot be cut between its layers",
            why="its forward changes the hidden states between one layer and the next",
            fix="use tp or dp; or write the network so that its layers do all of it",
        )


def hidden_of(output: Any) -> Tensor:
    """The hidden states among what a layer gives."""
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


def _found(pattern: str, modules: dict[str, nn.Module], name: str, kind: type = nn.Module) -> list[str]:
    found = [path for path, module in modules.items() if matches(pattern, path) and isinstance(module, kind)]
    if kind is nn.ModuleList and len(found) != 1:
        raise WorkerContractError(
            f"the pipeline split of '{name}' names '{pattern}', which is {len(found)} stacks of layers of its network",
            why="exactly one ModuleList is spread over the stages",
            fix="give the end of its dotted name, such as 'encoder.layer'",
        )
    return found


def shorten(network: object, own: range) -> dict[str, Any]:
    """Make the network's config that of a network with these layers only: caches are built from it.

    Returns:
        What was changed, for `lengthen`.
    """
    config: Any = _config_of_layers(network)
    if config is None or not hasattr(config, "num_hidden_layers"):
        return {}
    before = {"num_hidden_layers": config.num_hidden_layers}
    config.num_hidden_layers = len(own)
    if getattr(config, "layer_types", None):
        before["layer_types"] = config.layer_types
        config.layer_types = [config.layer_types[at] for at in own]
    return before


def lengthen(network: object, before: dict[str, Any]) -> None:
    """Undo `shorten`."""
    for name, value in before.items():
        setattr(_config_of_layers(network), name, value)


def _config_of_layers(network: object) -> object:
    """The config of what has the layers: in a chat with images, of its model of texts."""
    config = getattr(network, "config", None)
    return config.get_text_config() if config is not None and hasattr(config, "get_text_config") else config


def _size(module: nn.Module) -> int:
    return sum(each.numel() * each.element_size() for each in module.parameters())
