"""Graphs of TensorFlow.js, a ``model.json`` and its ``.bin`` files, run in plain torch.

The format is that of https://github.com/tensorflow/tfjs/tree/master/tfjs-converter: TensorFlow's GraphDef as JSON, and
weights that may be kept with 16 or 8 bits. Images are (B, H, W, C). An operation that is not in `OPERATIONS`, loops
among them, is refused by its name when the graph is read; nothing is guessed.
"""

from __future__ import annotations

import base64
import graphlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from duomo.errors import WeightsMismatch

Attributes: TypeAlias = dict[str, dict[str, object]]
"""As in the file: each value under the letter of its kind, such as ``{"i": "1"}``."""
DTYPES = {"DT_FLOAT": torch.float32, "DT_INT32": torch.int32, "DT_BOOL": torch.bool}
LAID_OUT = {
    "Conv2D": (3, 2, 0, 1),
    "_FusedConv2D": (3, 2, 0, 1),
    "DepthwiseConv2dNative": (2, 3, 0, 1),
    "FusedDepthwiseConv2dNative": (2, 3, 0, 1),
}
"""How the axes of a kernel, (H, W, in, out), are put for torch."""


class Node:
    """One operation, its attributes read once."""

    def __init__(self, said: Mapping[str, object]) -> None:
        self.name, self.op = str(said["name"]), str(said["op"])
        inputs = said.get("input") or []
        assert isinstance(inputs, list)
        self.inputs = [_place(each) for each in inputs if not each.startswith("^")]
        self.attr: Attributes = dict(said.get("attr") or {})  # type: ignore[call-overload]

    def number(self, name: str, default: int = 0) -> int:
        """An attribute that is a number."""
        return int(str(self.attr.get(name, {}).get("i", default)))

    def flag(self, name: str) -> bool:
        """An attribute that is true or false."""
        return bool(self.attr.get(name, {}).get("b", False))

    def text(self, name: str) -> str:
        """An attribute that is text."""
        return base64.b64decode(str(self.attr.get(name, {}).get("s", ""))).decode()

    def texts(self, name: str) -> list[str]:
        """An attribute that is a list of texts."""
        return [base64.b64decode(str(each)).decode() for each in self._list(name, "s")]

    def numbers(self, name: str) -> list[int]:
        """An attribute that is a list of numbers."""
        return [int(str(each)) for each in self._list(name, "i")]

    def dtype(self, name: str) -> torch.dtype:
        """An attribute that is a kind of numbers."""
        return DTYPES[str(self.attr[name]["type"])]

    def _list(self, name: str, kind: str) -> list[object]:
        found = self.attr.get(name, {}).get("list")
        return list(found.get(kind) or []) if isinstance(found, dict) else []


class Graph:
    """A graph that has been read; call it with its one input, and it gives the outputs by name.

    Most files know one batch size, 1.
    """

    def __init__(self, nodes: Iterable[Node], constants: dict[str, Tensor], outputs: tuple[str, ...]) -> None:
        self.constants = constants
        self.outputs = {name: _place(name) for name in outputs}
        self.nodes = _needed(nodes, constants, [name for name, _ in self.outputs.values()])
        for node in self.nodes:
            if node.op in LAID_OUT and (kernel := node.inputs[1][0]) in constants:
                self.constants[node.name] = constants[kernel].permute(LAID_OUT[node.op]).contiguous()

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """(B, H, W, C) → the outputs."""
        made: dict[str, Tensor | tuple[Tensor, ...]] = {}
        for node in self.nodes:
            if node.op == "Placeholder":
                made[node.name] = images
                continue
            inputs = [self._value(made, *place) for place in node.inputs]
            if node.op in LAID_OUT:
                inputs[1] = self.constants[node.name]
            made[node.name] = OPERATIONS[node.op](node, *inputs)
        return {name: self._value(made, *place) for name, place in self.outputs.items()}

    def _value(self, made: dict[str, Tensor | tuple[Tensor, ...]], name: str, at: int) -> Tensor:
        value = self.constants.get(name) if name not in made else made[name]
        assert value is not None, name
        return value if isinstance(value, Tensor) else value[at]


def read(file: Path, outputs: tuple[str, ...], device: torch.device | str = "cpu") -> Graph:
    """Read a graph, as far as `outputs` need it, with the weights that lie beside it.

    Raises:
        WeightsMismatch: it is another format, an operation is not known, or the weights are too short or too long.
    """
    try:
        said = json.loads(file.read_text("utf-8"))
        nodes = [Node(each) for each in said["modelTopology"]["node"]]
        groups = said["weightsManifest"]
    except (ValueError, KeyError, TypeError) as error:
        raise refused(file, f"it is not a graph of TensorFlow.js ({error!r})") from None
    constants = {}
    try:
        for group in groups:
            content = b"".join((file.parent / path).read_bytes() for path in group["paths"])
            constants.update(_weights(file, content, group))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise refused(file, f"its weights cannot be read ({error!r})") from None
    absent = set(outputs) - {node.name for node in nodes}
    if absent:
        raise refused(file, f"it has no output '{sorted(absent)[0]}'")
    graph = Graph(nodes, {name: each.to(device) for name, each in constants.items()}, outputs)
    unknown = sorted({node.op for node in graph.nodes} - {"Placeholder", *OPERATIONS})
    if unknown:
        raise refused(file, f"operation {', '.join(unknown)} is not known here")
    return graph


def _weights(file: Path, content: bytes, group: Mapping[str, list[dict[str, object]]]) -> dict[str, Tensor]:
    """The tensors of one group, which lie one after the other."""
    found, at = {}, 0
    for each in group["weights"]:
        quantized = each.get("quantization") or {}
        assert isinstance(quantized, dict)
        kept = np.dtype(str(quantized.get("dtype", each["dtype"]))).newbyteorder("<")
        shape = tuple(int(side) for side in each["shape"])  # type: ignore[attr-defined]
        size = int(np.prod(shape))
        if at + size * kept.itemsize > len(content):
            raise refused(file, "its weights are cut short")
        values = np.frombuffer(content, kept, size, at).reshape(shape)
        at += size * kept.itemsize
        if "scale" in quantized:
            values = values * np.float32(quantized["scale"]) + np.float32(quantized["min"])
        found[str(each["name"])] = torch.from_numpy(np.array(values, np.dtype(str(each["dtype"]))))
    if at != len(content):
        raise refused(file, f"{len(content) - at} bytes of its weights are left over")
    return found


def _needed(nodes: Iterable[Node], constants: Mapping[str, Tensor], outputs: list[str]) -> list[Node]:
    """The nodes that `outputs` depend on, each after those it takes."""
    by_name = {node.name: node for node in nodes if node.name not in constants}
    wanted, waiting = {}, list(outputs)
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in wanted:
            wanted[name] = [each for each, _ in by_name[name].inputs if each in by_name]
            waiting += wanted[name]
    return [by_name[name] for name in graphlib.TopologicalSorter(wanted).static_order()]


def _place(reference: str) -> tuple[str, int]:
    name, _, at = reference.partition(":")
    return name, int(at or 0)


def refused(file: Path, why: str) -> WeightsMismatch:
    """The error for a file that is not a graph which can be run."""
    return WeightsMismatch(f"'{file}' is not a graph that can be run", why=why, fix="install its package again")


def _ends(node: Node, size: Iterable[int], kernel: list[int], strides: list[int]) -> list[int]:
    return [0, 0, 0, 0] if node.text("padding") == "VALID" else same_padding(size, kernel, strides)


def same_padding(size: Iterable[int], kernel: list[int], strides: list[int]) -> list[int]:
    """TensorFlow's padding ``SAME`` as `F.pad` takes it, the last axis first; an odd pixel comes after."""
    ends: list[int] = []
    for side, width, stride in zip(size, kernel, strides, strict=True):
        total = max((-(-side // stride) - 1) * stride + width - side, 0)
        ends = [total // 2, total - total // 2, *ends]
    return ends


def _convolution(node: Node, x: Tensor, kernel: Tensor, *more: Tensor) -> Tensor:
    strides, dilations = node.numbers("strides")[1:3], (node.numbers("dilations") or [1, 1, 1, 1])[1:3]
    groups = kernel.shape[0] if "Depthwise" in node.op else 1
    weight = kernel.flatten(0, 1)[:, None] if groups > 1 else kernel
    spread = [step * (side - 1) + 1 for step, side in zip(dilations, weight.shape[2:], strict=True)]
    channels_first = x.permute(0, 3, 1, 2)
    ends = _ends(node, channels_first.shape[2:], spread, strides)
    padding = (ends[2], ends[0])
    if ends[0] != ends[1] or ends[2] != ends[3]:
        channels_first, padding = F.pad(channels_first, ends), (0, 0)
    fused = node.texts("fused_ops")
    bias = more[0] if fused[:1] == ["BiasAdd"] else None
    y = F.conv2d(channels_first, weight, bias, strides, padding, dilations, groups).permute(0, 2, 3, 1)
    for name in fused[1:] if bias is not None else fused:
        ended = OPERATIONS[name](node, y, *(more[1:] if name == "Prelu" else ()))
        assert isinstance(ended, Tensor)
        y = ended
    return y


def _max_pool(node: Node, x: Tensor) -> Tensor:
    size, strides = node.numbers("ksize")[1:3], node.numbers("strides")[1:3]
    padded = F.pad(x.permute(0, 3, 1, 2), _ends(node, x.shape[1:3], size, strides), value=-torch.inf)
    return F.max_pool2d(padded, size, strides).permute(0, 2, 3, 1)


def _resize(node: Node, x: Tensor, size: Tensor) -> Tensor:
    """Bilinear, by the rule for the places of pixels that the graph says; torch knows two of the three."""
    for axis, length in zip((1, 2), size.tolist(), strict=True):
        old = x.shape[axis]
        at = torch.arange(length, device=x.device, dtype=torch.float32)
        if node.flag("align_corners"):
            at = at * ((old - 1) / max(length - 1, 1))
        elif node.flag("half_pixel_centers"):
            at = (at + 0.5) * (old / length) - 0.5
        else:
            at = at * (old / length)
        low = at.clamp(0, old - 1).floor().long()
        share = (at - low).clamp(0, 1).reshape([-1 if each == axis else 1 for each in range(4)])
        first, second = x.index_select(axis, low), x.index_select(axis, (low + 1).clamp(max=old - 1))
        x = first + (second - first) * share
    return x


def _strided_slice(node: Node, x: Tensor, begin: Tensor, end: Tensor, steps: Tensor) -> Tensor:
    if node.number("ellipsis_mask") or node.number("new_axis_mask"):
        raise WeightsMismatch(f"'{node.name}' slices with an ellipsis", why="it is not known here", fix="another file")
    where: list[slice | int] = []
    for axis, (first, last, step) in enumerate(zip(begin.tolist(), end.tolist(), steps.tolist(), strict=True)):
        from_start, to_end = node.number("begin_mask") >> axis & 1, node.number("end_mask") >> axis & 1
        if node.number("shrink_axis_mask") >> axis & 1:
            where.append(first)
        else:
            where.append(slice(None if from_start else first, None if to_end else last, step))
    return x[tuple(where)]


def _mean(node: Node, x: Tensor, axes: Tensor) -> Tensor:
    return x.mean(axes.flatten().tolist(), keepdim=node.flag("keep_dims"))


def _pad(node: Node, x: Tensor, ends: Tensor) -> Tensor:
    del node
    return F.pad(x, [end for pair in reversed(ends.tolist()) for end in pair])


def _squeeze(node: Node, x: Tensor) -> Tensor:
    return x.squeeze(node.numbers("squeeze_dims")) if node.numbers("squeeze_dims") else x.squeeze()


def _top(node: Node, x: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    values, places = x.topk(int(k), sorted=node.flag("sorted"))
    return values, places.int()


OPERATIONS: dict[str, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    "Add": lambda _, a, b: a + b,
    "AddV2": lambda _, a, b: a + b,
    "ArgMax": lambda _, x, axis: x.argmax(int(axis)).int(),
    "Cast": lambda node, x: x.to(node.dtype("DstT")),
    "ConcatV2": lambda _, *given: torch.cat(given[:-1], int(given[-1])),
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _convolution,
    "Equal": lambda _, a, b: a == b,
    "ExpandDims": lambda _, x, axis: x.unsqueeze(int(axis)),
    "FloorDiv": lambda _, a, b: torch.div(a, b, rounding_mode="floor"),
    "FloorMod": lambda _, a, b: torch.remainder(a, b),
    "FusedDepthwiseConv2dNative": _convolution,
    "GatherNd": lambda _, x, places: x[tuple(places.long().unbind(-1))],
    "GatherV2": lambda _, x, places, axis: x.index_select(int(axis), places.flatten().long()).reshape(
        *x.shape[: int(axis)], *places.shape, *x.shape[int(axis) + 1 :]
    ),
    "Identity": lambda _, x: x,
    "MaxPool": _max_pool,
    "Mean": _mean,
    "Mul": lambda _, a, b: a * b,
    "Pack": lambda node, *given: torch.stack(given, node.number("axis")),
    "Pad": _pad,
    "Prelu": lambda _, x, slope: x.clamp(min=0) + slope * x.clamp(max=0),
    "RealDiv": lambda _, a, b: a / b,
    "Relu": lambda _, x: x.relu(),
    "Relu6": lambda _, x: x.clamp(0, 6),
    "Reshape": lambda _, x, shape: x.reshape(shape.tolist()),
    "ResizeBilinear": _resize,
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Sqrt": lambda _, x: x.sqrt(),
    "SquaredDifference": lambda _, a, b: (a - b).square(),
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Sub": lambda _, a, b: a - b,
    "TopKV2": _top,
    "Unpack": lambda node, x: x.unbind(node.number("axis")),
    "_FusedConv2D": _convolution,
}
"""What each operation of TensorFlow is here; it is given its node, then what it takes."""
