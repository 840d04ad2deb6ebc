"""Tiny random checkpoints that read pictures and write or choose texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = "[PAD] [UNK] [CLS] [SEP] a ball face red the sky what is on".split()
PLAIN: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
PICTURE: dict[str, Any] = {**PLAIN, "image_size": 32, "patch_size": 16}


def save_tokenizer(folder: Path) -> None:
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    fast.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tf.PreTrainedTokenizerFast(tokenizer_object=fast, model_max_length=12, **names).save_pretrained(folder)


def blip(folder: Path, **generation: Any) -> Path:
    text = PLAIN | {"vocab_size": len(WORDS), "max_position_embeddings": 32, "encoder_hidden_size": 32}
    text |= {"bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3, "pad_token_id": 0, "initializer_range": 0.5}
    config = tf.BlipConfig(text_config=text, vision_config=PICTURE, projection_dim=16)
    return _save(tf.BlipForConditionalGeneration(config), folder, **generation)


def vision_encoder_decoder(folder: Path, **generation: Any) -> Path:
    decoder = tf.TrOCRConfig(
        vocab_size=len(WORDS), d_model=32, decoder_layers=2, decoder_attention_heads=4, decoder_ffn_dim=64,
        max_position_embeddings=32, init_std=0.5, bos_token_id=2, eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    config = tf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(tf.ViTConfig(**PICTURE), decoder)
    network = tf.VisionEncoderDecoderModel(config)
    start = {"decoder_start_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    network.config.update(start)
    return _save(network, folder, **start | generation)


def vilt(folder: Path) -> Path:
    answers = dict(enumerate(("yes", "no", "two", "red")))
    config = tf.ViltConfig(
        **PLAIN, vocab_size=len(WORDS), max_position_embeddings=12, image_size=64, patch_size=16, id2label=answers
    )
    torch.manual_seed(0)
    tf.ViltForQuestionAnswering(config).save_pretrained(folder)
    tf.ViltImageProcessor(size={"shortest_edge": 32}, size_divisor=16).save_pretrained(folder)  # type: ignore[call-arg]
    save_tokenizer(folder)
    return folder


def _save(network: Any, folder: Path, **generation: Any) -> Path:
    torch.manual_seed(0)
    with torch.no_grad():
        for each in network.parameters():
            if each.dim() > 1:
                each.normal_(0, 0.3)
    for name, value in generation.items():
        setattr(network.generation_config, name, value)
    network.save_pretrained(folder)
    tf.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    save_tokenizer(folder)
    return folder
