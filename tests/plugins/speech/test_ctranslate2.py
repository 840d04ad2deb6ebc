"""The reader of CTranslate2 files, on small files written here."""

import struct

import pytest
import torch

from duomo.errors import WeightsMismatch
from duomo_speech.ctranslate2 import read_whisper


def variable(name: str, tensor: torch.Tensor, dtype: int = 4) -> bytes:
    data = tensor.numpy().tobytes()
    return (
        string(name)
        + struct.pack(f"<B{tensor.ndim}I", tensor.ndim, *tensor.shape)
        + struct.pack("<BI", dtype, len(data))
        + data
    )


def string(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def checkpoint(variables: list[bytes], spec: str = "WhisperSpec", version: int = 6) -> bytes:
    return struct.pack("<I", version) + string(spec) + struct.pack("<II", 3, len(variables)) + b"".join(variables)


EMBEDDINGS = variable("decoder/embeddings/weight", torch.arange(6).reshape(3, 2).half())


def test_joined_projections_are_taken_apart_and_named_as_transformers_does():
    joined = torch.arange(12).reshape(6, 2).half()
    tensors = read_whisper(
        checkpoint(
            [
                EMBEDDINGS,
                variable("encoder/num_heads", torch.tensor(6, dtype=torch.int16), 2),
                variable("encoder/layer_0/self_attention/linear_0/weight", joined),
                variable("encoder/layer_0/self_attention/linear_0/bias", joined[:, 0].contiguous()),
                variable("decoder/layer_1/attention/linear_1/weight", joined[:4]),
                variable("encoder/layer_norm/gamma", torch.ones(2).half()),
                variable("encoder/position_encodings/encodings", joined),
            ]
        )
    )
    layer = "model.encoder.layers.0.self_attn"
    assert sorted(tensors) == sorted(
        [
            "model.decoder.embed_tokens.weight",
            "proj_out.weight",
            *(f"{layer}.{name}_proj.weight" for name in "qkv"),
            f"{layer}.q_proj.bias",
            f"{layer}.v_proj.bias",
            "model.decoder.layers.1.encoder_attn.k_proj.weight",
            "model.decoder.layers.1.encoder_attn.v_proj.weight",
            "model.encoder.layer_norm.weight",
            "model.encoder.embed_positions.weight",
        ]
    )
    assert tensors[f"{layer}.k_proj.weight"].tolist() == [[4, 5], [6, 7]]
    assert tensors[f"{layer}.v_proj.bias"].tolist() == [8, 10]
    assert all(tensor.dtype == torch.float32 for tensor in tensors.values())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 a zip file",
        checkpoint([EMBEDDINGS], spec="TransformerSpec"),
        checkpoint([EMBEDDINGS], version=7),
        checkpoint([EMBEDDINGS])[:-3],
        checkpoint([variable("a", torch.zeros(2).half(), dtype=9)]),
        checkpoint([variable("encoder/conv1/weight", torch.zeros(2).half())]),
        checkpoint([EMBEDDINGS, variable("encoder/conv1/weight", torch.zeros(2, dtype=torch.int8), dtype=1)]),
    ],
    ids=["empty", "zip", "other-model", "other-version", "cut-short", "unknown-type", "no-embeddings", "quantized"],
)
def test_a_file_that_is_something_else_is_refused(data):
    with pytest.raises(WeightsMismatch, match="not a CTranslate2 Whisper checkpoint"):
        read_whisper(data)
