"""Tiny random checkpoints of networks that hear."""

from pathlib import Path
from typing import Any

import torch
import transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers, processors

SIZES: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
CONVOLUTIONS: dict[str, Any] = {
    "conv_dim": (16,) * 3, "conv_stride": (5, 4, 4), "conv_kernel": (10, 8, 4),
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
WORDS = "<s> <pad> </s> <unk> <mask> this is a sound of . dog rain music camera parcel".split()


def word_tokenizer(folder: Path) -> None:
    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    tf.PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder)


def clap(folder: Path, **settings: Any) -> None:
    torch.manual_seed(0)
    audio = {
        "hidden_size": 32, "patch_embeds_hidden_size": 16, "depths": [1, 1], "num_attention_heads": [2, 2],
        "num_hidden_layers": 2, "spec_size": 64, "num_mel_bins": 16, "window_size": 4, "patch_size": 4,
        "patch_stride": [4, 4], "projection_dim": 8, **settings,
    }  # fmt: skip
    text = {**SIZES, "vocab_size": len(WORDS), "max_position_embeddings": 40, "pad_token_id": 1, "projection_dim": 8}
    config = tf.ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    network = tf.ClapModel(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # without biases the last ReLU may leave nothing
    torch.nn.init.constant_(network.logit_scale_a, 4.0)
    network.save_pretrained(folder)
    fused = bool(settings.get("enable_fusion"))
    tf.ClapFeatureExtractor(
        feature_size=16, max_length_s=2, truncation="fusion" if fused else "rand_trunc"
    ).save_pretrained(folder)
    word_tokenizer(folder)


def frames(folder: Path) -> None:
    torch.manual_seed(0)
    settings: dict[str, Any] = {"num_labels": 2, "feat_extract_norm": "layer", "initializer_range": 0.5}
    config = tf.Wav2Vec2Config(**SIZES | CONVOLUTIONS | settings)
    tf.Wav2Vec2ForAudioFrameClassification(config).save_pretrained(folder)
    tf.Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)
