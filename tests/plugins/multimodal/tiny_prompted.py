"""Tiny random checkpoints of BLIP-2 and InstructBLIP that are asked: an image, a prompt, and what comes after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import transformers

from .tiny import PICTURE, PLAIN, WORDS
from .tiny_chat import save, tokenizer_of

tf: Any = transformers  # its stubs do not know the keywords of each configuration
ASKED = [*WORDS, "Question:", "Answer:"]
OPT: dict[str, Any] = {
    "model_type": "opt", "vocab_size": len(ASKED) + 1, "hidden_size": 32, "num_hidden_layers": 2, "ffn_dim": 64,
    "num_attention_heads": 4, "word_embed_proj_dim": 32, "max_position_embeddings": 64, "bos_token_id": 2,
    "eos_token_id": 3, "pad_token_id": 0,
}  # fmt: skip
T5: dict[str, Any] = {
    "model_type": "t5", "vocab_size": len(ASKED) + 1, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2,
    "num_heads": 4, "eos_token_id": 3, "pad_token_id": 0, "decoder_start_token_id": 0,
}  # fmt: skip


def blip2(folder: Path, text: dict[str, Any] = OPT, **generation: Any) -> Path:
    config = tf.Blip2Config(
        text_config=text, vision_config=PICTURE, num_query_tokens=3, image_token_index=len(ASKED),
        qformer_config=PLAIN | {"vocab_size": 8, "cross_attention_frequency": 1},
    )  # fmt: skip
    network = tf.Blip2ForConditionalGeneration(config)
    for name, value in generation.items():
        setattr(network.generation_config, name, value)
    return save(network, tf.Blip2Processor(_images(), tokenizer_of(ASKED), num_query_tokens=3), folder)


def blip2_t5(folder: Path) -> Path:
    """Answers stand apart from what is read."""
    return blip2(folder, T5)


def instruct_blip(folder: Path) -> Path:
    """The question is read beside the image, too, by a tokenizer of its own."""
    config = tf.InstructBlipConfig(
        text_config=OPT, vision_config=PICTURE, num_query_tokens=3, image_token_index=len(ASKED),
        qformer_config=PLAIN | {"vocab_size": len(ASKED), "cross_attention_frequency": 1},
    )  # fmt: skip
    processor = tf.InstructBlipProcessor(_images(), tokenizer_of(ASKED), tokenizer_of(ASKED), num_query_tokens=3)
    return save(tf.InstructBlipForConditionalGeneration(config), processor, folder)


def _images() -> Any:
    return tf.BlipImageProcessor(size={"height": 32, "width": 32})
