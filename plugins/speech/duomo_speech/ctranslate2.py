"""Read a Whisper checkpoint in CTranslate2's ``model.bin`` format, under the names transformers uses.

Source: https://github.com/OpenNMT/CTranslate2, ``python/ctranslate2/specs/model_spec.py`` (MIT). The file is
a header, then for each variable its name, shape, type and bytes, little-endian. CTranslate2 joins the
query, key and value projections into one matrix, which is taken apart here. Of quantised files those of 8 bits are
read, into the floating point numbers that they stand for: each row of a matrix is over its scale.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import torch
from torch import Tensor

from duomo.errors import WeightsMismatch

VERSION = 6
DTYPES = {0: torch.float32, 1: torch.int8, 4: torch.float16, 5: torch.bfloat16}  # the rest: quantised to 16 bits
SCALE = "_scale"
PARTS = {
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
    "ffn/layer_norm": ("final_layer_norm",),
    "embeddings": ("embed_tokens",),
    "position_encodings": ("embed_positions",),
}
LEAVES = {"gamma": "weight", "beta": "bias", "encodings": "weight"}


def read_whisper(data: bytes) -> dict[str, Tensor]:
    """Float32 tensors of a ``WhisperForConditionalGeneration`` from the bytes of a ``model.bin``.

    Raises `WeightsMismatch` for a file that is cut short or holds another format or another model.
    """
    try:
        plain = _unpacked(dict(_variables(data)))
        tensors = {name: part for key, tensor in plain.items() for name, part in _renamed(key, tensor)}
        return {**tensors, "proj_out.weight": tensors["model.decoder.embed_tokens.weight"]}
    except (struct.error, KeyError, ValueError, RuntimeError) as error:  # torch raises the last of wrong shapes
        raise WeightsMismatch(
            "this is not a CTranslate2 Whisper checkpoint of version 6, in floating point or 8 bits",
            why=f"reading it failed: {type(error).__name__} {error}",
            fix="install the package that holds it again; convert one of your own again with --quantization float16",
        ) from None


def _variables(data: bytes) -> Iterator[tuple[str, Tensor]]:
    offset = 0

    def number(kind: str) -> int:
        nonlocal offset
        (value,) = struct.unpack_from(f"<{kind}", data, offset)
        offset += struct.calcsize(kind)
        return int(value)

    def string() -> str:
        nonlocal offset
        length = number("H")  # with the null at its end
        offset += length
        return data[offset - length : offset - 1].decode()

    version, spec = number("I"), string()
    if (version, spec) != (VERSION, "WhisperSpec"):
        raise ValueError(f"it is a {spec[:40]!r} of version {version}")
    number("I")  # revision of the spec
    for _ in range(number("I")):
        name = string()
        shape = [number("I") for _ in range(number("B"))]
        dtype, num_bytes = number("B"), number("I")
        if shape:  # the rest are settings, such as the number of heads
            values = torch.frombuffer(bytearray(data[offset : offset + num_bytes]), dtype=DTYPES[dtype])
            yield name, values.reshape(shape)
        offset += num_bytes


def _unpacked(variables: dict[str, Tensor]) -> dict[str, Tensor]:
    """All in float32. Raises `KeyError` where whole numbers have no scale."""
    plain = {}
    for name, tensor in variables.items():
        if name.endswith(SCALE):
            continue
        values = tensor.float()
        if tensor.dtype == torch.int8:
            scale = variables[name + SCALE].float()
            values = values / scale.view(-1, *[1] * (values.ndim - 1))
        plain[name] = values
    return plain


def _renamed(key: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """``decoder/layer_0/attention/linear_1/weight`` holds two of transformers' tensors, most keys hold one."""
    *path, leaf = key.split("/")
    stem = f"model.{path[0]}."
    if len(path) > 1 and path[1].startswith("layer_") and path[1] != "layer_norm":
        stem += f"layers.{path[1].removeprefix('layer_')}."
        path = path[1:]
    block = "/".join(path[1:])
    names = PARTS.get(block, (block,))
    for name, part in zip(names, tensor.chunk(len(names)), strict=True):
        # Whisper's key projection has no bias; CTranslate2 fills its place in the joined one with zeros.
        if not (name.endswith("k_proj") and leaf == "bias"):
            yield f"{stem}{name}.{LEAVES.get(leaf, leaf)}", part
