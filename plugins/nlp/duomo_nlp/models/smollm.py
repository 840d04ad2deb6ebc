"""SmolLM2-135M-Instruct (Allal et al. 2025): a Llama of 30 layers that chats, from a 4-bit GGUF file.

The file is dequantised once into a folder of the cache, as bfloat16 safetensors in transformers
layout, and read from there afterwards: ten seconds the first time, one from then on.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from duomo import WeightsRef
from duomo.config import cache_path
from duomo.errors import Unavailable
from duomo.pretrained import quiet
from duomo.weights import check_tensors, verify
from duomo_nlp.generation import CausalLM

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""GGUF's names of a Llama's parts, and transformers'."""
SPECIAL = 3
"""GGUF's token type of control tokens."""


class SmolLM2(CausalLM):
    """The packaged model; all but `load` is that of any causal language model. It takes 270 MB of the cache."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        folder = cache_path() / "nlp" / f"smollm2-135m-{weights.spec.sha256[:16]}"
        if not folder.is_dir():
            verify(weights.spec)
            assert weights.path is not None
            try:
                _convert(weights.path, folder)
            except OSError as error:
                raise Unavailable(
                    f"'{weights.spec.name}' cannot be unpacked into '{folder.parent}'",
                    why=str(error),
                    fix="set DUOMO_CACHE to a folder that can be written, with 300 MB free",
                ) from error
        return super().load(weights._replace(path=folder), device=device, dtype=dtype)


def _convert(file: Path, folder: Path) -> None:
    """Write `folder` whole or not at all: it is built beside its place and renamed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="unfinished-", ignore_cleanup_errors=True) as scratch:
        reader = GGUFReader(file)
        made = Path(scratch) / folder.name
        with quiet():
            read_network(reader).save_pretrained(made)
        read_tokenizer(reader).save_pretrained(made)
        try:
            os.rename(made, folder)
        except OSError:
            # Another process may have been quicker; its folder is as good as ours.
            if not folder.is_dir():
                raise


def read_network(reader: GGUFReader) -> Any:
    """The Llama that a GGUF file holds, in bfloat16. Raises `WeightsMismatch` when a tensor is missing."""
    value = _values(reader)
    heads, kv_heads = value("llama.attention.head_count"), value("llama.attention.head_count_kv")
    config = LlamaConfig(
        vocab_size=value("llama.vocab_size"),
        hidden_size=value("llama.embedding_length"),
        intermediate_size=value("llama.feed_forward_length"),
        num_hidden_layers=value("llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=value("llama.context_length"),
        rms_norm_eps=value("llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": value("llama.rope.freq_base")},
        bos_token_id=value("tokenizer.ggml.bos_token_id"),
        eos_token_id=value("tokenizer.ggml.eos_token_id"),
        tie_word_embeddings=True,
        dtype="bfloat16",
    )
    tensors = {}
    for each in reader.tensors:
        part = each.name.removesuffix(".weight").rpartition(".")[2]
        layer = f"model.layers.{each.name.split('.')[1]}." if each.name.startswith("blk.") else ""
        tensor = torch.tensor(dequantize(each.data, each.tensor_type))
        if part in ("attn_q", "attn_k"):
            tensor = _halves(tensor, heads if part == "attn_q" else kv_heads)
        tensors[f"{layer}{NAMES[part]}.weight"] = tensor
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    model: Any = LlamaForCausalLM(config)
    model.to(torch.bfloat16)
    lost = model.load_state_dict(tensors, strict=False)
    check_tensors("nlp/smollm2-135m", lost.missing_keys, lost.unexpected_keys)
    return model


def read_tokenizer(reader: GGUFReader) -> Any:
    """The byte-level BPE tokenizer that a GGUF file holds, with its chat template."""
    value = _values(reader)
    tokens: list[str] = value("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in value("tokenizer.ggml.merges")]
    fast = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    fast.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    fast.decoder = decoders.ByteLevel()
    kinds = value("tokenizer.ggml.token_type")
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == SPECIAL]
    fast.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    fast_class: Any = PreTrainedTokenizerFast
    return fast_class(
        tokenizer_object=fast,
        bos_token=tokens[value("tokenizer.ggml.bos_token_id")],
        eos_token=tokens[value("tokenizer.ggml.eos_token_id")],
        pad_token=tokens[value("tokenizer.ggml.padding_token_id")],
        unk_token=tokens[value("tokenizer.ggml.unknown_token_id")],
        chat_template=value("tokenizer.chat_template"),
        model_max_length=value("llama.context_length"),
        clean_up_tokenization_spaces=False,
    )


def _halves(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of each head from GGUF's rotary order (pairs side by side) to transformers' (all firsts, all seconds)."""
    rows, columns = tensor.shape
    return tensor.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def _values(reader: GGUFReader) -> Callable[[str], Any]:
    return lambda key: reader.fields[key].contents()
