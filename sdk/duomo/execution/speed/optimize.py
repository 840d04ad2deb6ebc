"""Speed modes: a loaded model made faster, and the check on real input that its output stays what it was.

    compile   one kernel for many operations (torch.compile): the same arithmetic in another order
    bf16      linear and convolution layers in bfloat16, the rest by autocast: 8 bits of mantissa
    int8      linear layers in 8-bit integers; CPU only
    onnx      the network in ONNX Runtime, in float32: the same arithmetic in another order; CPU only
    openvino  the same in OpenVINO

Before any result both networks run on the first batch. The largest difference of their outputs,
relative to the largest exact value, is in ``Meta.difference`` of every outcome; beyond the mode's
tolerance nothing is given out, and the exact network is dropped when the check has passed.
"""

from __future__ import annotations

import copy
import math
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from duomo.errors import OptimizeRefused, RequirementMissing
from duomo.execution.devices import is_out_of_memory, networks
from duomo.execution.speed.graph import NEEDS, Exported, need
from duomo.model import Model

TOLERANCES = {"compile": 1e-3, "bf16": 3e-2, "int8": 0.1, "onnx": 1e-3, "openvino": 1e-3}
"""The largest difference that a mode may make: some times what is measured on healthy networks, and far below what
a broken one gives. For sentence vectors 0.1 is a cosine of 0.99 with the exact vector; where a few values far out
spoil the scales of 8-bit layers, it is 0.5 and more."""
PLAIN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers that may be changed; no subclass: it has a forward of its own, or an owner that reads its weight."""
EXACT = "optimize='none'  (--optimize none)"


def optimize(model: Model[Any, Any], mode: str, device: str) -> Trial:
    """Put a faster forward pass in the place of the model's own; its first batch is the check.

    Raises:
        OptimizeRefused: the mode can do nothing for this model, or not on this device.
        RequirementMissing: ``compile`` without a compiler, ``onnx`` or ``openvino`` without their libraries.
    """
    held, forward = networks(model), model.forward
    if not held:
        raise _refusal(mode, "the model holds no torch network")
    if type(model).stream is not Model.stream:
        raise _refusal(mode, "each part it generates depends on those before: one batch says nothing of the next")
    if mode == "compile":
        if model.packed:
            raise _refusal(mode, "the model packs its rows: each batch has a structure of its own to compile")
        need_compiler("the speed mode compile", EXACT)
        # Not dynamic=True: with every side of an image unknown, EfficientNet takes over five minutes to build.
        # This way the first shape is built as it is, and what turns out to vary is left open the second time.
        return Trial(model, mode, held, torch.compile(forward))
    if mode == "bf16":
        return Trial(model, mode, _rebuilt(held, mode, _in_bfloat16), _autocast(forward, torch.device(device).type))
    if device != "cpu":
        fix = "optimize='bf16'  (--optimize bf16)"
        raise _refusal(mode, f"its layers run on the CPU, and the model is on {device}", fix)
    if mode in NEEDS:
        need(mode)
        return Trial(model, mode, {name: Exported(each, mode) for name, each in held.items()}, forward)
    if torch.backends.cpu.get_cpu_capability() == "AVX2":
        raise _refusal(mode, "with AVX2 alone, without VNNI, sums of 8-bit products overflow, and are no faster")
    return Trial(model, mode, _rebuilt(held, mode, _in_int8), forward)


class Trial:
    """Stands before a model's ``forward``: compares exact and faster output on the first batch, then steps aside.

    Args:
        model: with its exact networks.
        mode: of `TOLERANCES`.
        faster: the networks to put in their place, by attribute.
        forward: the model's forward pass as it is to be with these.
    """

    def __init__(
        self, model: Model[Any, Any], mode: str, faster: dict[str, nn.Module], forward: Callable[[Any], Any]
    ) -> None:
        self.difference = 0.0
        """Measured on the first batch."""
        self._model, self._mode, self._faster, self._forward = model, mode, faster, forward
        self._exact, self._networks = model.forward, networks(model)
        self._refused: OptimizeRefused | None = None
        model.forward = self  # type: ignore[method-assign]

    def __call__(self, batch: object) -> object:
        """Compute the first batch in both ways. Raises `OptimizeRefused`, and from then on always."""
        if self._refused is not None:
            raise self._refused
        expected = self._exact(batch)
        vars(self._model).update(self._faster)
        try:
            output = self._forward(batch)
            self.difference = self._compare(expected, output)
        except Exception as error:
            vars(self._model).update(self._networks)
            if is_out_of_memory(error):
                raise  # two networks need more than one: a smaller batch may do
            if isinstance(error, OptimizeRefused):
                self._refused = error
                raise
            self._refused = _refusal(self._mode, f"its forward pass raised {type(error).__name__}: {error}")
            raise self._refused from error
        self._model.forward = self._forward  # type: ignore[assignment]
        del self._networks, self._faster
        return output

    def _compare(self, expected: object, output: object) -> float:
        """Measure the difference, which must be small enough and change no label. Raises `OptimizeRefused`."""
        before, after = list(_tensors(expected)), list(_tensors(output))
        if not before:
            raise _refusal(self._mode, "the model's output has no tensors that could be compared")
        pairs, tolerance = list(zip(before, after, strict=True)), TOLERANCES[self._mode]
        difference = max(_difference(a, b) for a, b in pairs)
        if difference > tolerance:
            moves = f"{difference:.2g} of its largest value; {tolerance:g} is allowed"
            raise _refusal(self._mode, f"it moves the output by {moves}")
        classes = len(getattr(self._model, "labels", ()))
        scores = [(a, b) for a, b in pairs if a.ndim == 2 and a.shape[1] == classes]
        moved = sum(int((a.argmax(-1) != b.argmax(-1)).sum()) for a, b in scores)
        if moved:
            raise _refusal(self._mode, f"{moved} of the first {len(scores[0][0])} rows get another label")
        return difference


def _refusal(mode: str, why: str, fix: str = EXACT) -> OptimizeRefused:
    return OptimizeRefused(f"the speed mode {mode} was refused", why=why, fix=fix)


def _tensors(output: object) -> Iterator[Tensor]:
    """Every tensor or array in an output; dicts, lists and tuples are looked into."""
    if hasattr(output, "shape"):
        yield torch.as_tensor(output)
    elif isinstance(output, dict | list | tuple):
        for each in output.values() if isinstance(output, dict) else output:
            yield from _tensors(each)


def _difference(expected: Tensor, output: Tensor) -> float:
    """Largest difference over the largest finite exact value; infinite where shapes, whole numbers or NaN differ."""
    if expected.shape != output.shape or not expected.is_floating_point():
        return 0.0 if torch.equal(expected, output) else math.inf
    a, b = expected.double(), output.double()
    apart = torch.where(a == b, 0.0, (a - b).abs()).nan_to_num(nan=math.inf)
    largest = a.abs()[a.isfinite()].max() if a.isfinite().any() else a.new_ones(())
    return float(apart.max() / largest.clamp_min(1e-30)) if a.numel() else 0.0


def need_compiler(what: str, instead: str) -> None:
    """Raise `RequirementMissing` where torch.compile would find no C++ compiler."""
    if not any(shutil.which(name) for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++", "cl")):
        raise RequirementMissing(
            f"{what} needs a C++ compiler",
            why="torch.compile writes a program for this machine and has it compiled",
            fix=f"install g++ or clang++, or set CXX; or {instead}",
        )


def _autocast(forward: Callable[[Any], Any], kind: str) -> Callable[[Any], Any]:
    def run(batch: object) -> object:
        with torch.autocast(kind, torch.bfloat16):
            return forward(batch)

    return run


def _rebuilt(
    held: dict[str, nn.Module], mode: str, change: Callable[[nn.Module], nn.Module | None]
) -> dict[str, nn.Module]:
    """Copies of networks in which some layers are changed; all tensors but theirs are shared."""
    layers = {id(each): each for network in held.values() for each in network.modules()}
    changed = {key: new for key, each in layers.items() if (new := change(each)) is not None}
    if not changed:
        raise _refusal(mode, "the network has no plain layers that could be changed")
    tensors = {id(each): each for network in held.values() for each in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(held, {**tensors, **changed})


def _in_bfloat16(layer: nn.Module) -> nn.Module | None:
    """Autocast would do without, but would cast the weights again for every batch."""
    return copy.deepcopy(layer).to(torch.bfloat16) if type(layer) in PLAIN else None


def _in_int8(layer: nn.Module) -> nn.Module | None:
    return Int8Linear(layer) if type(layer) is nn.Linear else None


class Int8Linear(nn.Module):
    """A linear layer on integers: each row of input has a scale and an offset, each output a scale.

    Rows of their own are nearer to the exact output than the one scale for a whole batch that
    ``torch.ao.quantization`` takes, which is deprecated besides.
    """

    weight: Tensor
    scale: Tensor
    sums: Tensor
    bias: Tensor

    def __init__(self, exact: nn.Linear) -> None:
        super().__init__()
        weight = exact.weight.detach().float()
        scale = weight.abs().amax(1).clamp_min(1e-12) / 127
        whole = (weight / scale[:, None]).round()
        self.register_buffer("weight", whole.to(torch.int8).t())
        self.register_buffer("scale", scale)
        self.register_buffer("sums", whole.sum(1) * scale)
        self.register_buffer("bias", torch.zeros_like(scale) if exact.bias is None else exact.bias.detach().float())

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) → (…, outputs)."""
        rows = x.reshape(-1, x.shape[-1]).float()
        low, high = rows.aminmax(dim=1, keepdim=True)
        step = ((high - low) / 255).clamp_min(1e-12)
        offset = low + 128 * step  # x = step · whole + offset, with whole from -128 to 127
        product = torch._int_mm(((rows - offset) / step).round_().to(torch.int8), self.weight)
        out = torch.addcmul(self.bias, product * step, self.scale).addcmul_(offset, self.sums)
        return out.to(x.dtype).view(*x.shape[:-1], -1)
