"""Graphs of TensorFlow Lite, one ``.tflite`` file, run in plain torch.

The format is the schema of https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema,
read by the package ``tflite``. Images are (B, H, W, C). Numbers are floats, also where they are kept with 16 bits; an
operation that is not in `OPERATIONS` is refused by its name when the graph is read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tflite as schema
import torch
from torch import Tensor
from torch.nn import functional as F

from duomo.errors import WeightsMismatch
from duomo_vision.tfjs import refused, same_padding

Table: TypeAlias = Any
"""A table of the schema, each a class of its own without types."""
DTYPES = {schema.TensorType.FLOAT32: "<f4", schema.TensorType.FLOAT16: "<f2", schema.TensorType.INT32: "<i4"}
NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {
    schema.ActivationFunctionType.NONE: lambda x: x,
    schema.ActivationFunctionType.RELU: lambda x: x.relu(),
    schema.ActivationFunctionType.RELU6: lambda x: x.clamp(0, 6),
}
"""What may end an operation."""


class Step(NamedTuple):
    """One operation."""

    op: str
    inputs: list[int]
    output: int
    options: Table
    """What the schema has for this operation, read; bytes for one that is not of TensorFlow Lite."""


class Graph:
    """A graph that has been read; call it with its one input, and it gives its one output."""

    def __init__(self, steps: list[Step], constants: dict[int, Tensor], takes: int, gives: int) -> None:
        self.steps = steps
        self.constants = constants
        self.takes, self.gives = takes, gives

    def __call__(self, images: Tensor) -> Tensor:
        """(B, H, W, C) → the output."""
        made = {**self.constants, self.takes: images}
        for step in self.steps:
            made[step.output] = OPERATIONS[step.op](step.options, *(made[each] for each in step.inputs))
        return made[self.gives]


def read(file: Path, device: torch.device | str = "cpu") -> Graph:
    """Read a graph of one input and one output.

    Raises:
        WeightsMismatch: it is another format, it is damaged, or an operation or a kind of number is not known.
    """
    content = file.read_bytes()
    if content[4:8] != b"TFL3":
        raise refused(file, "it is not a graph of TensorFlow Lite")
    try:
        return _graph(file, schema.Model.GetRootAs(content, 0), device)
    except (
        AttributeError,
        IndexError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:  # what reading past the end comes to
        raise refused(file, f"it is damaged ({error})") from None


def _graph(file: Path, model: Table, device: torch.device | str) -> Graph:
    graph = model.Subgraphs(0)
    if graph.InputsLength() != 1 or graph.OutputsLength() != 1:
        raise refused(file, f"it has {graph.InputsLength()} inputs and {graph.OutputsLength()} outputs")
    constants = {}
    for at in range(graph.TensorsLength()):
        tensor = graph.Tensors(at)
        data = model.Buffers(tensor.Buffer()).DataAsNumpy()
        if isinstance(data, np.ndarray):
            if tensor.Type() not in DTYPES:
                raise refused(file, f"tensor {tensor.Name().decode()} has numbers of kind {tensor.Type()}")
            values = np.frombuffer(data.tobytes(), DTYPES[tensor.Type()]).reshape(tensor.ShapeAsNumpy())
            constants[at] = torch.from_numpy(values.astype("f4" if values.dtype.kind == "f" else "i4")).to(device)
    steps = []
    for at in range(graph.OperatorsLength()):
        operator = graph.Operators(at)
        code = model.OperatorCodes(operator.OpcodeIndex())
        name = NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        name = code.CustomCode().decode() if name == "CUSTOM" else name
        if name not in OPERATIONS:
            raise refused(file, f"operation {name} is not known here")
        inputs, output = operator.InputsAsNumpy().tolist(), int(operator.Outputs(0))
        if name == "DEQUANTIZE" and inputs[0] in constants:
            constants[output] = constants[inputs[0]]  # widened already
        else:
            steps.append(Step(name, inputs, output, _options(operator, name)))
    return Graph(steps, constants, int(graph.Inputs(0)), int(graph.Outputs(0)))


def _options(operator: Table, name: str) -> Table:
    """The options of an operation as its own class of the schema."""
    if name not in OPTIONS:
        return bytes(operator.CustomOptionsAsNumpy()) if operator.CustomOptionsLength() else None
    found, table = getattr(schema, OPTIONS[name])(), operator.BuiltinOptions()
    found.Init(table.Bytes, table.Pos)
    return found


def _convolution(options: Table, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Kernels are (out, H, W, in), those of each channel alone (1, H, W, out)."""
    is_depthwise = isinstance(options, schema.DepthwiseConv2DOptions)
    weight = kernel.permute(3, 0, 1, 2) if is_depthwise else kernel.permute(0, 3, 1, 2)
    strides = [options.StrideH(), options.StrideW()]
    dilations = [options.DilationHFactor(), options.DilationWFactor()]
    spread = [step * (side - 1) + 1 for step, side in zip(dilations, weight.shape[2:], strict=True)]
    y = F.conv2d(
        _padded(options, x, spread, strides), weight, bias, strides, 0, dilations, len(weight) if is_depthwise else 1
    )
    return ACTIVATIONS[options.FusedActivationFunction()](y.permute(0, 2, 3, 1))


def _padded(options: Table, x: Tensor, size: list[int], strides: list[int]) -> Tensor:
    """(B, H, W, C) → (B, C, H', W'), zeros around it where the option says ``SAME``."""
    channels_first = x.permute(0, 3, 1, 2)
    if options.Padding() == schema.Padding.VALID:
        return channels_first
    return F.pad(channels_first, same_padding(x.shape[1:3], size, strides))


def _mean_pool(options: Table, x: Tensor) -> Tensor:
    size, strides = (options.FilterHeight(), options.FilterWidth()), (options.StrideH(), options.StrideW())
    padding = same_padding(x.shape[1:3], list(size), list(strides)) if options.Padding() == schema.Padding.SAME else []
    if any(padding):
        raise WeightsMismatch("a mean reaches over the edge", why="what counts there is not known", fix="another file")
    return F.avg_pool2d(x.permute(0, 3, 1, 2), size, strides).permute(0, 2, 3, 1)


def _enlarged(options: bytes, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """MediaPipe's own transposed convolution: padding (2 is none), then the strides, as 32-bit numbers."""
    padding, across, down = struct.unpack("<iii", options)
    if padding != 2 and (down, across) != tuple(kernel.shape[1:3]):
        raise WeightsMismatch("a transposed convolution overlaps itself", why="not known here", fix="another file")
    weight = kernel.permute(3, 0, 1, 2)
    return F.conv_transpose2d(x.permute(0, 3, 1, 2), weight, bias, (down, across)).permute(0, 2, 3, 1)


def _resize(options: Table, x: Tensor, size: Tensor) -> Tensor:
    if not (options.AlignCorners() or options.HalfPixelCenters()):
        raise WeightsMismatch("an image is resized by the old rule", why="it is not known here", fix="another file")
    y = F.interpolate(x.permute(0, 3, 1, 2), size.tolist(), mode="bilinear", align_corners=bool(options.AlignCorners()))
    return y.permute(0, 2, 3, 1)


OPTIONS = {
    "ADD": "AddOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MUL": "MulOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
}
"""Classes of the schema."""
OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "ADD": lambda options, a, b: ACTIVATIONS[options.FusedActivationFunction()](a + b),
    "AVERAGE_POOL_2D": _mean_pool,
    "CONV_2D": _convolution,
    "Convolution2DTransposeBias": _enlarged,
    "DEPTHWISE_CONV_2D": _convolution,
    "DEQUANTIZE": lambda _, x: x,
    "HARD_SWISH": lambda _, x: F.hardswish(x),
    "LOGISTIC": lambda _, x: x.sigmoid(),
    "MUL": lambda options, a, b: ACTIVATIONS[options.FusedActivationFunction()](a * b),
    "RELU": lambda _, x: x.relu(),
    "RESIZE_BILINEAR": _resize,
}
"""What each operation is here; it is given its options, then what it takes."""
