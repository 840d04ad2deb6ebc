"""Tiny random checkpoints of detectors that read the labels as one sentence."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from . import tiny

tf: Any = transformers  # its stubs do not know the keywords of each configuration
VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "a": 2, "ball": 3, "face": 4, "red": 5, "the": 6, "sky": 7}
VOCABULARY |= {"[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}  # the numbers that BERT has, which the network knows


def grounding_dino(folder: Path) -> Path:
    config = tf.GroundingDinoConfig(**_sizes())
    return _save(tf.GroundingDinoForObjectDetection(config), folder)


def mm_grounding_dino(folder: Path) -> Path:
    config = tf.MMGroundingDinoConfig(**_sizes())
    return _save(tf.MMGroundingDinoForObjectDetection(config), folder)


def _sizes() -> dict[str, Any]:
    text = tf.BertConfig(**tiny.PLAIN, vocab_size=1030, max_position_embeddings=32)
    backbone = tiny.resnet("stage2", "stage3", "stage4")
    return {**tiny.DETR, "text_config": text, "backbone_config": backbone, "max_text_len": 32}


def _save(network: Any, folder: Path) -> Path:
    torch.manual_seed(0)
    with torch.no_grad():
        for name, each in network.named_parameters():
            if each.dim() > 1:
                each.normal_(0, 0.3)
            elif "class_embed" in name:
                each.zero_()  # else a box is less likely than 1 in 100
    network.eval().save_pretrained(folder)
    fast = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [("[CLS]", 101), ("[SEP]", 102)]
    fast.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = tf.PreTrainedTokenizerFast(tokenizer_object=fast, **names)
    tf.GroundingDinoProcessor(tf.GroundingDinoImageProcessor(**tiny.LARGER), tokenizer).save_pretrained(folder)
    return folder


def omdet_turbo(folder: Path) -> Path:
    text = {"vocab_size": 1030, "max_position_embeddings": 24, "projection_dim": 32}
    sizes = {"text_projection_in_dim": 32, "text_projection_out_dim": 32, "task_encoder_hidden_dim": 48,
             "class_embed_dim": 32, "num_queries": 6, "encoder_hidden_dim": 16, "encoder_attention_heads": 4,
             "encoder_dim_feedforward": 32, "decoder_hidden_dim": 16, "decoder_num_heads": 4, "decoder_num_layers": 2,
             "decoder_dim_feedforward": 32, "vision_features_channels": [16] * 3}  # fmt: skip
    backbone = tiny.swin()
    backbone.out_features = ["stage2", "stage3", "stage4"]
    config = tf.OmDetTurboConfig(
        text_config=tf.CLIPTextConfig(**tiny.PLAIN, **text), backbone_config=backbone, image_size=64, **sizes,
        encoder_in_channels=[16, 32, 64], apply_layernorm_after_vision_backbone=False,
    )  # fmt: skip
    _save(tf.OmDetTurboForObjectDetection(config), folder)
    images = tf.DetrImageProcessor(size={"height": 64, "width": 64})
    tf.OmDetTurboProcessor(images, tf.AutoTokenizer.from_pretrained(folder)).save_pretrained(folder)
    return folder
