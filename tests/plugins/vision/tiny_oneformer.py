"""A tiny random checkpoint of OneFormer, whose processor names a list in another repository, as those on the hub do."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers

from . import tiny

tf: Any = transformers  # its stubs do not know the keywords of each configuration
LIST = {"class_info_file": "coco_panoptic.json", "repo_path": "nobody/nowhere"}


def oneformer(folder: Path) -> Path:
    names = {0: "a ball", 1: "person", 2: "sky"}
    config = tf.OneFormerConfig(
        id2label=names, label2id={name: at for at, name in names.items()}, backbone_config=tiny.swin(),
        num_queries=6, task_seq_len=9, conv_dim=32, mask_dim=32, hidden_dim=32, encoder_feedforward_dim=64,
        encoder_layers=1, decoder_layers=3, num_attention_heads=4, dim_feedforward=64, query_dec_layers=1,
        text_encoder_width=16, text_encoder_context_length=9, text_encoder_num_layers=1, text_encoder_vocab_size=24,
        text_encoder_n_ctx=2,
    )  # fmt: skip
    torch.manual_seed(1)
    network = tf.OneFormerForUniversalSegmentation(config)
    with torch.no_grad():
        for name, each in network.named_parameters():
            if "queries" in name or "task_mlp" in name or (each.dim() > 1 and "class_embed" in name):
                each.normal_(0, 2)
            elif each.dim() > 1 and ("mask_embed" in name or "decoder" in name):
                each.normal_(0, 0.5)
    network.eval().save_pretrained(folder)
    tf.OneFormerImageProcessor(**tiny.SHORT, ignore_index=255).save_pretrained(folder)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | LIST))
    tiny.tokenizer(folder)
    return folder
