"""Tensor parallelism: a network cut inside its layers, so that each rank has some heads and some inner units.

After Megatron-LM (Shoeybi et al. 2019, https://arxiv.org/abs/1909.08053): the first linear layers of a block
are cut by outputs (``colwise``), the last by inputs (``rowwise``), whose partial results are summed over
the ranks: two sums a transformer layer, one for attention and one for its MLP, and nothing else is exchanged.

The pieces are ordinary layers with ordinary tensors; each sum is one call that can be seen and counted. Why not
``DTensor``: docs/decisions/0008-model-parallel-with-plain-tensors.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from duomo.counting import a_type
from duomo.errors import UsageProblem, WorkerContractError
from duomo.parallel import ONCE, STYLES, SUMMED, WHOLE, TensorPlan, matches


class Side(Protocol):
    """What a piece asks of the ranks that share a layer."""

    @property
    def tp(self) -> int:
        """How many they are."""

    @property
    def place(self) -> int:
        """Number of this one among them."""

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """Sum over them."""


class Piece(NamedTuple):
    """Where a layer was cut."""

    path: str
    style: str
    whole: nn.Module
    """The layer as it was."""


class SummedLinear(nn.Linear):
    """A ``rowwise`` piece: some inputs of a linear layer; the ranks' products are summed, and the bias added once."""

    def __init__(self, weight: Tensor, bias: Tensor | None, ranks: Side) -> None:
        super().__init__(weight.shape[1], weight.shape[0], bias=False, device="meta")
        self.weight = nn.Parameter(weight, requires_grad=False)
        if bias is not None:
            self.bias = nn.Parameter(bias, requires_grad=False)
        self.ranks = ranks

    def forward(self, input: Tensor) -> Tensor:
        """(…, inputs of this rank) → (…, all outputs)."""
        partial = nn.functional.linear(input, self.weight)
        whole = self.ranks.all_reduce(partial)
        return whole if self.bias is None else whole + self.bias


def check(plan: TensorPlan | None, tp: int, name: str) -> TensorPlan:
    """Check that the plan can be followed by `tp` ranks. Raises `UsageProblem` with what can be done instead."""
    if plan is None:
        raise UsageProblem(
            f"'{name}' has no tensor plan",
            why=f"tp={tp} cuts each layer, and its plugin does not say how",
            fix="use dp, a whole copy on each device; or write Model.tensor_plan (docs/plugins.md)",
        )
    uneven = [f"{count:,} {what}" for what, count in plan.divisible.items() if count % tp]
    if uneven:
        common = math.gcd(*plan.divisible.values())
        fits = max(each for each in range(1, tp) if common % each == 0)
        raise UsageProblem(
            f"'{name}' cannot be cut for tp={tp}",
            why=f"it has {' and '.join(uneven)}, which {tp} does not divide",
            fix=f"tp={fits} is the largest below that does" if fits > 1 else "use dp or pp: no tp but 1 does",
        )
    if plan.styles and WHOLE.issuperset(plan.styles.values()):
        raise UsageProblem(
            f"'{name}' cannot be cut for tp={tp}",
            why="its plan leaves every layer whole on each device, and would save nothing",
            fix="use dp or pp",
        )
    unknown = sorted({style for style in plan.styles.values() if style not in {*STYLES, *WHOLE, ONCE, SUMMED}})
    if unknown:
        raise UsageProblem(
            f"'{name}' cannot be cut for tp={tp}",
            why=f"its plan asks for {', '.join(unknown)}, and layers are cut {', '.join(STYLES)} here",
            fix="use dp or pp",
        )
    return plan


def cut(network: nn.Module, plan: TensorPlan, ranks: Side, name: str) -> list[Piece]:
    """Leave of `network` what this rank computes. Raises `WorkerContractError` for a plan that does not fit it."""
    modules, parameters = dict(network.named_modules()), dict(network.named_parameters())
    styles = styles_of(network, plan, name)
    pieces = []
    for path, style in styles.items():
        if style == ONCE:
            if ranks.place:
                parameters[path].data = torch.zeros_like(parameters[path])
        elif path in parameters:
            _keep_share(modules, path, _dim(parameters[path], style), STYLES[style], ranks, name)
        elif style == SUMMED:
            _sum(modules[path], path, styles, ranks, name)
        else:
            network.set_submodule(path, _piece(modules[path], style, ranks, f"{name}: {path}"))
            pieces.append(Piece(path, style, modules[path]))
    for pattern, dim in plan.sliced.items():
        for path in _found(pattern, parameters, name):
            _keep_share(modules, path, dim, 1, ranks, name)
    for pattern, attributes in plan.divided.items():
        for path in _found(pattern, modules, name):
            for attribute in attributes:
                setattr(modules[path], attribute, getattr(modules[path], attribute) // ranks.tp)
    return pieces


def styles_of(network: nn.Module, plan: TensorPlan, name: str) -> dict[str, str]:
    """The style of each module and parameter that is cut, by its dotted name."""
    named: dict[str, object] = {**dict(network.named_modules()), **dict(network.named_parameters())}
    styles = {pattern: style for pattern, style in plan.styles.items() if style not in WHOLE}
    if plan.is_loose:
        there = {pattern: style for pattern, style in styles.items() if any(matches(pattern, path) for path in named)}
        styles = there or styles
    return {path: style for pattern, style in styles.items() for path in _found(pattern, named, name)}


def _found(pattern: str, named: Mapping[str, object], name: str) -> list[str]:
    found = [path for path in named if matches(pattern, path)]
    if not found:
        raise WorkerContractError(
            f"the tensor plan of '{name}' names '{pattern}', which its network does not have",
            why=f"it has, for example, {', '.join(list(named)[1:4])}",
            fix="give the end of a module's dotted name, with * for a number",
        )
    return found


def _keep_share(modules: dict[str, nn.Module], path: str, dim: int, parts: int, ranks: Side, name: str) -> None:
    owner, _, last = path.rpartition(".")
    piece = share(modules[owner].get_parameter(last), dim, parts, ranks, f"{name}: {path}")
    setattr(modules[owner], last, nn.Parameter(piece, requires_grad=False))


def _dim(parameter: Tensor, style: str) -> int:
    """Along which a bare parameter is cut: (…, outputs, inputs), or (outputs)."""
    return parameter.ndim - 1 if style.endswith("rowwise") else max(0, parameter.ndim - 2)


def _sum(experts: nn.Module, path: str, styles: Mapping[str, str], ranks: Side, name: str) -> None:
    """Sum what experts give, each of whose parameters must be cut: what is whole would count once for each rank."""
    whole = [each for each, _ in experts.named_parameters() if f"{path}.{each}" not in styles]
    if whole:
        raise WorkerContractError(
            f"the tensor plan of '{name}' sums the experts of {path} and leaves their {', '.join(whole[:3])} whole",
            why="each rank would add it",
            fix="cut it, too, or leave the experts out of the plan",
        )
    experts.register_forward_hook(lambda _module, _inputs, output: ranks.all_reduce(output))


def _piece(module: nn.Module, style: str, ranks: Side, name: str) -> nn.Module:
    weight, bias = _as_linear(module, name)
    parts = STYLES[style]
    if style.endswith("rowwise"):
        return SummedLinear(share(weight, 1, parts, ranks, name), None if bias is None else bias.detach(), ranks)
    piece = nn.Linear(weight.shape[1], weight.shape[0] // ranks.tp, bias=False, device="meta")
    piece.weight = nn.Parameter(share(weight, 0, parts, ranks, name), requires_grad=False)
    if bias is not None:
        piece.bias = nn.Parameter(share(bias, 0, parts, ranks, name), requires_grad=False)
    return piece


def _as_linear(module: Any, name: str) -> tuple[Tensor, Tensor | None]:
    """Weight (out, in) and bias of a linear layer."""
    if isinstance(module, nn.Linear):
        return module.weight, module.bias
    if hasattr(module, "nf"):  # the Conv1D of GPT-2, whose weight lies the other way
        return module.weight.T, module.bias
    raise WorkerContractError(
        f"{name} is {a_type(module)}, which cannot be cut",
        why="a tensor plan cuts linear layers",
        fix="leave it out of the plan: it then stays whole on each device",
    )


def share(tensor: Tensor, dim: int, parts: int, ranks: Side, name: str) -> Tensor:
    """Return this rank's share of each of `parts` equal parts along `dim`, as a copy, so that the whole can go."""
    size = tensor.shape[dim]
    if size % (parts * ranks.tp):
        raise WorkerContractError(
            f"{name} has {size} units, which tp={ranks.tp} does not divide",
            why="its tensor plan does not list them as divisible",
            fix="add them to TensorPlan.divisible, so that it is refused before any work",
        )
    pieces = [part.chunk(ranks.tp, dim)[ranks.place] for part in tensor.detach().chunk(parts, dim)]
    return torch.cat(pieces, dim).contiguous() if parts > 1 else pieces[0].clone(memory_format=torch.contiguous_format)
