"""Tiny random checkpoints of SeamlessM4T: whole ones, with the parts that hear, write and speak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

tf: Any = transformers  # its stubs do not know the keywords of each configuration
CODES = ("eng", "fra", "deu", "cmn")
WRITTEN = ("eng", "fra", "cmn")
VOCAB = ["<pad>", "<unk>", "<s>", "</s>", *"▁abcdefghijklmnopqrstuvwxyz.,", *(f"__{code}__" for code in CODES)]
SIZES: dict[str, Any] = {
    "vocab_size": len(VOCAB), "hidden_size": 32, "encoder_layers": 1, "encoder_ffn_dim": 48, "decoder_layers": 2,
    "decoder_ffn_dim": 48, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "max_position_embeddings": 128,
    "speech_encoder_layers": 1, "speech_encoder_attention_heads": 4, "speech_encoder_intermediate_size": 48,
    "feature_projection_input_dim": 32, "conv_depthwise_kernel_size": 5, "t2u_vocab_size": 16, "t2u_encoder_layers": 1,
    "t2u_encoder_ffn_dim": 16, "t2u_encoder_attention_heads": 2, "t2u_decoder_layers": 1, "t2u_decoder_ffn_dim": 16,
    "t2u_decoder_attention_heads": 2, "upsample_initial_channel": 32, "unit_hifi_gan_vocab_size": 16,
    "unit_embed_dim": 8, "lang_embed_dim": 4, "spkr_embed_dim": 4, "vocoder_num_langs": 3, "vocoder_num_spkrs": 3,
}  # fmt: skip


def seamless(folder: Path) -> Path:
    return _save(folder, "SeamlessM4T", {"max_source_positions": 64})


def seamless_v2(folder: Path) -> Path:
    more = {"char_vocab_size": 16, "t2u_variance_predictor_embed_dim": 32, "t2u_variance_predictor_hidden_dim": 8}
    return _save(folder, "SeamlessM4Tv2", more)


def _save(folder: Path, family: str, more: dict[str, Any]) -> Path:
    torch.manual_seed(0)
    network = getattr(tf, f"{family}Model")(getattr(tf, f"{family}Config")(**SIZES | more))
    with torch.no_grad():
        for each in network.parameters():
            if each.dim() > 1:
                each.normal_(0, 0.9)
    said = network.generation_config
    said.max_new_tokens = 12
    said._from_model_config = False  # private: while it is True, saving makes the settings again from the config
    said.text_decoder_lang_to_code_id = {code: VOCAB.index(f"__{code}__") for code in WRITTEN}
    network.save_pretrained(folder)
    special = [f"__{code}__" for code in CODES]
    tokenizer = tf.SeamlessM4TTokenizer(
        vocab={token: at for at, token in enumerate(VOCAB)}, merges=[], additional_special_tokens=special
    )
    extractor = tf.SeamlessM4TFeatureExtractor(feature_size=16, num_mel_bins=16)
    tf.SeamlessM4TProcessor(extractor, tokenizer).save_pretrained(folder)
    return folder
