"""Tiny random checkpoints that find pages by late interaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from .tiny import PICTURE, WORDS
from .tiny_chat import SQUARE, VISION, rope_of_three, text_of, tokenizer_of

tf: Any = transformers  # its stubs do not know the keywords of each configuration


def col_pali(folder: Path) -> Path:
    words = [*WORDS, "<image>"]
    text = text_of([*words, *range(1200)]) | {"head_dim": 8, "model_type": "gemma"}  # room for places and masks
    sees = PICTURE | {"vision_use_head": False, "model_type": "siglip_vision_model"}
    seen = tf.PaliGemmaConfig(
        text_config=text,
        vision_config=sees,
        image_token_index=words.index("<image>"),
        projection_dim=32,
        hidden_size=32,
    )
    images = tf.SiglipImageProcessor(size=SQUARE)
    images.image_seq_length = 4
    processor = tf.ColPaliProcessor(images, tokenizer_of(words, bos_token="[CLS]"))
    return _save(tf.ColPaliForRetrieval(tf.ColPaliConfig(vlm_config=seen, embedding_dim=8)), processor, folder)


def col_qwen2(folder: Path) -> Path:
    """Pages of unlike shapes have unlike numbers of vectors."""
    words = [*WORDS, *VISION]
    names = ("vision_start_token_id", "image_token_id", "video_token_id", "vision_end_token_id")
    sees: Any = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "patch_size": 8}
    seen = tf.Qwen2VLConfig(
        text_config=text_of(words) | rope_of_three(), vision_config=sees,
        **dict(zip(names, map(words.index, VISION), strict=True)),
    )  # fmt: skip
    side: Any = {"patch_size": 8, "merge_size": 2, "size": {"shortest_edge": 256, "longest_edge": 4096}}
    tokenizer = tokenizer_of(words, image_token="<|image_pad|>")
    processor = tf.ColQwen2Processor(tf.Qwen2VLImageProcessor(**side), tokenizer)
    return _save(tf.ColQwen2ForRetrieval(tf.ColQwen2Config(vlm_config=seen, embedding_dim=8)), processor, folder)


PAGES = [col_pali, col_qwen2]


def _save(network: Any, processor: Any, folder: Path) -> Path:
    torch.manual_seed(0)
    with torch.no_grad():
        for each in network.parameters():
            if each.dim() > 1:
                each.normal_(0, 0.3)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
