"""Tiny random checkpoints that need more than the fixture ``checkpoint``."""

from pathlib import Path
from typing import Any

import torch
import transformers as tf

SPECIAL = "[PAD] [UNK] [CLS] [SEP] [MASK] [EMPTY]".split()
WORDS = "who was born in london ? name year ada charles grace new york how many".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def tapas(folder: Path, operators: int = 4) -> None:
    torch.manual_seed(0)
    vocab = list(dict.fromkeys([*SPECIAL, *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]))
    (folder / "vocab.txt").write_text("\n".join(vocab))
    sizes: dict[str, Any] = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
        "max_position_embeddings": 64, "type_vocab_sizes": [3, 16, 16, 2, 16, 16, 10], "initializer_range": 0.5,
    }  # fmt: skip
    if operators:
        sizes |= {
            "num_aggregation_labels": operators,
            "aggregation_labels": dict(enumerate(["NONE", "SUM", "AVERAGE", "COUNT"])),
            "no_aggregation_label_index": 0,
        }
    network = tf.TapasForQuestionAnswering(tf.TapasConfig(vocab_size=len(vocab), **sizes))
    torch.nn.init.constant_(network.output_bias, 2.0)
    network.save_pretrained(folder)
    tf.TapasTokenizer(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
