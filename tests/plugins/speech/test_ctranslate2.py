"""The reader of CTranslate2 files, on small files written here."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers

import duomo
from duomo.errors import WeightsMismatch, WeightsMissing, WeightsProblem
from duomo_speech.ctranslate2 import LEAVES, PARTS, read_whisper


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


SPECIAL = (
    "<|endoftext|> <|startoftranscript|> <|en|> <|translate|> <|transcribe|> <|nospeech|> <|notimestamps|>".split()
)
TIMES = [f"<|{at * 0.02:.2f}|>" for at in range(1501)]


@pytest.fixture(scope="module")
def network() -> Any:
    """A tiny Whisper."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "d_model": 64, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 1,
        "decoder_attention_heads": 1, "encoder_ffn_dim": 256, "decoder_ffn_dim": 256, "pad_token_id": 0,
        "bos_token_id": 0, "eos_token_id": 0, "decoder_start_token_id": 1, "vocab_size": len(SPECIAL) + len(TIMES) + 3,
    }  # fmt: skip
    return tf.WhisperForConditionalGeneration(tf.WhisperConfig(**sizes)).eval()


def converted(network: Any, folder: Path, *, bits: int = 16) -> None:
    """A folder as CTranslate2's converter writes it."""
    state = network.state_dict()
    leaves = {"weight": ("gamma", "encodings"), "bias": ("beta",)}
    written: list[bytes] = []

    def add(key: str, tensor: torch.Tensor) -> None:
        if bits == 16 or tensor.ndim != 2 or key.endswith("encodings"):
            written.append(variable(key, tensor.half()))
            return
        scale = 127 / tensor.abs().amax(1)
        written.append(variable(key, (tensor * scale[:, None]).round().to(torch.int8), 1))
        written.append(variable(f"{key}_scale", scale.contiguous(), 0))

    for side in ("encoder", "decoder"):
        stem = f"model.{side}"
        for name in [*PARTS, "conv1", "conv2", "layer_norm"]:
            for place, path in ((f"{stem}.layers.0", f"{side}/layer_0/{name}"), (stem, f"{side}/{name}")):
                parts = [f"{place}.{part}" for part in PARTS.get(name, (name,))]
                for leaf in ("weight", "bias"):
                    found = [state.get(f"{part}.{leaf}") for part in parts]
                    if all(each is None for each in found):
                        continue
                    like = next(each for each in found if each is not None)
                    joined = torch.cat([torch.zeros_like(like) if each is None else each for each in found])
                    is_norm, is_table = "norm" in name, "encodings" in name
                    other = leaves[leaf][0] if is_norm else "encodings" if is_table else leaf
                    assert LEAVES.get(other, other) == leaf
                    add(f"{path}/{other}", joined)
    (folder / "model.bin").write_bytes(checkpoint(written))
    (folder / "config.json").write_text(
        json.dumps({"suppress_ids": [3, 4], "suppress_ids_begin": [0], "lang_ids": [2]})
    )
    names = [*SPECIAL, *TIMES, "a", "b", "c"]
    words = Tokenizer(models.WordLevel({each: at for at, each in enumerate(names)}, unk_token="a"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))


@pytest.mark.embedded
@pytest.mark.parametrize(("bits", "tolerance"), [(16, 1e-3), (8, 2e-2)])
def test_a_folder_of_ctranslate2_is_the_network_that_it_was_made_from(
    network: Any, tmp_path: Path, bits: int, tolerance: float
) -> None:
    converted(network, tmp_path, bits=bits)
    with duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu", optimize="none") as hear:
        model = hear.executor.worker.model  # type: ignore[attr-defined]
        own = model.network.state_dict()
        assert model.vocabulary.suppressed == [3, 4]
        assert hear((torch.zeros(16_000).numpy(), 16_000)).text == ""
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(own[name], tensor, atol=tolerance * tensor.abs().max().item() + 1e-6, rtol=0)


def test_a_folder_of_ctranslate2_that_cannot_be_read_is_named(network: Any, tmp_path: Path) -> None:
    converted(network, tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(WeightsMissing, match=r"has no tokenizer\.json"):
        duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
    (tmp_path / "model.bin").write_bytes(checkpoint([EMBEDDINGS], spec="TransformerSpec"))
    with pytest.raises(WeightsProblem, match=r"a model of CTranslate2 \(TransformerSpec\)"):
        duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
