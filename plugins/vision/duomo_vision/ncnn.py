"""Networks in ncnn's format, a ``.param`` and a ``.bin`` file: chains of convolutions, into plain torch.

The format is that of https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure. What is not a chain of
the layers below is refused by the name of its layer; nothing is guessed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duomo.errors import WeightsMismatch, with_article

MAGIC = "7767517"
HALF = 0x01306B47
"""Before weights of 16 bits; 0 stands before those of 32."""
OUT, KERNEL, DILATION, STRIDE, PAD, HAS_BIAS, COUNT, ACTIVATION, SLOPE = (
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "9",
    "-23310",
)
"""Numbers of a convolution's parameters."""


def read(param: Path) -> nn.Sequential:
    """Read a network and its weights, which lie beside it under the same name.

    Raises:
        WeightsMismatch: a layer is not known, layers do not form a chain, or the weights are too short or too long.
    """
    try:
        return _read(param)
    except (ValueError, KeyError, IndexError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise _refused(param, f"reading it failed: {type(error).__name__} {error}") from None


def _read(param: Path) -> nn.Sequential:
    lines = param.read_text("utf-8").split("\n")
    if lines[0].strip() != MAGIC:
        raise _refused(param, "its first line is not that of ncnn's text format")
    weights = _Weights(param.with_suffix(".bin"))
    layers: list[nn.Module] = []
    last, channels = "", 3
    for line in filter(None, map(str.strip, lines[2:])):
        kind, name, num_inputs, num_outputs, *rest = line.split()
        inputs, outputs = rest[: int(num_inputs)], rest[int(num_inputs) : int(num_inputs) + int(num_outputs)]
        said = dict(each.split("=", 1) for each in rest[int(num_inputs) + int(num_outputs) :])
        if kind == "Input":
            [last] = outputs
            continue
        if inputs != [last] or len(outputs) != 1:
            raise _refused(param, f"layer '{name}' does not follow the one before it")
        if kind not in ("Convolution", "Deconvolution"):
            raise _refused(param, f"layer '{name}' is {with_article(kind)}, which is not known here")
        layers += _convolution(said, channels, weights, is_transposed=kind == "Deconvolution")
        channels, [last] = int(said[OUT]), outputs
    weights.check_end()
    return nn.Sequential(*layers).eval()


def _convolution(
    said: dict[str, str], channels: int, weights: _Weights, *, is_transposed: bool
) -> tuple[nn.Module, ...]:
    out, kernel = int(said[OUT]), int(said[KERNEL])
    make = nn.ConvTranspose2d if is_transposed else nn.Conv2d
    layer = make(
        channels,
        out,
        kernel,
        stride=int(said.get(STRIDE, 1)),
        padding=int(said.get(PAD, 0)),
        dilation=int(said.get(DILATION, 1)),
        bias=said.get(HAS_BIAS, "0") == "1",
    )
    tensor = weights.take(int(said[COUNT])).reshape(out, channels, kernel, kernel)
    with torch.no_grad():
        layer.weight.copy_(tensor.transpose(0, 1) if is_transposed else tensor)
        if layer.bias is not None:
            layer.bias.copy_(weights.take_floats(out))
    activation = said.get(ACTIVATION, "0")
    if activation == "0":
        return (layer,)
    if activation == "1":
        return layer, nn.ReLU()
    if activation == "2":
        return layer, nn.LeakyReLU(float(said[SLOPE].split(",")[1]))
    raise WeightsMismatch(
        f"an ncnn layer has activation {activation}", why="0, 1 and 2 are known", fix="use another file"
    )


class _Weights:
    """The bytes of a ``.bin`` file, taken from its beginning."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = path.read_bytes()
        self._at = 0

    def take(self, count: int) -> Tensor:
        """Take this many weights of the precision that is written before them."""
        flag = int(self._numbers("<u4", 1)[0])
        if flag == HALF:
            values = self._numbers("<f2", count).astype(np.float32)
            self._at += -self._at % 4
            return torch.from_numpy(values)
        if flag == 0:
            return self.take_floats(count)
        raise _refused(self.path, f"weights of kind {flag:#x} are not known here")

    def take_floats(self, count: int) -> Tensor:
        """Take this many numbers of 32 bits."""
        return torch.from_numpy(self._numbers("<f4", count).astype(np.float32))

    def check_end(self) -> None:
        """Raise `WeightsMismatch` unless all was taken."""
        if self._at != len(self._data):
            raise _refused(self.path, f"{len(self._data) - self._at} bytes are left over")

    def _numbers(self, dtype: str, count: int) -> NDArray[np.generic]:
        size = np.dtype(dtype).itemsize * count
        if self._at + size > len(self._data):
            raise _refused(self.path, "it is cut short")
        found = np.frombuffer(self._data, dtype, count, self._at)
        self._at += size
        return found


def _refused(path: Path, why: str) -> WeightsMismatch:
    return WeightsMismatch(f"'{path}' is not a network that can be read", why=why, fix="install its package again")
