"""Tiny random checkpoints with more to cut than linear layers (biases of heads, convolutions), or with less."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import transformers as tf
from torch import nn

from tests.plugins.speech import tiny as sounds
from tests.plugins.vision import tiny as dense, tiny_grounding, tiny_more, tiny_oneformer, tiny_places

SIZES: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4}
LABELS: dict[str, Any] = {"id2label": {0: "a", 1: "b", 2: "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}


def beit(**biases: Any) -> Callable[[Path], None]:
    """BEiT with biases for distances: of the stack (`use_shared_relative_position_bias`) or of each layer."""

    def save(folder: Path) -> None:
        config = tf.BeitConfig(**SIZES, **LABELS, **biases, image_size=32, patch_size=8, initializer_range=0.3)
        network = tf.BeitForImageClassification(config)
        for name, each in network.named_parameters():
            if name.endswith("relative_position_bias_table"):  # zeros in a new network
                nn.init.normal_(each)
        network.save_pretrained(folder)
        tf.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)

    return save


def yolos_of_one_stack(folder: Path) -> None:
    """YOLOS as its smallest was trained: no positions are added between its layers."""
    sizes: Any = {**SIZES, "image_size": [32, 32], "patch_size": 16, "num_detection_tokens": 6}
    config = tf.YolosConfig(**sizes, **LABELS, initializer_range=0.3, use_mid_position_embeddings=False)
    tf.YolosForObjectDetection(config).save_pretrained(folder)
    tf.YolosImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def of_vision(name: str) -> Callable[[Path], None]:
    """One that the tests of the plugin for vision make."""

    def save(folder: Path) -> None:
        dense.save(getattr(dense, name), folder)

    return save


def eomt_dinov3(folder: Path) -> None:
    dense.save(tiny_more.eomt_dinov3, folder)


def dinov3(folder: Path) -> None:
    config = tf.DINOv3ViTConfig(**SIZES, image_size=32, patch_size=16, num_register_tokens=2, initializer_range=0.3)
    tf.DINOv3ViTModel(config).save_pretrained(folder)
    tf.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def grounding_dino(folder: Path) -> None:
    tiny_grounding.grounding_dino(folder)


def oneformer(folder: Path) -> None:
    tiny_oneformer.oneformer(folder)


def of_places(name: str) -> Callable[[Path], None]:
    """As `of_vision`, with the files that read videos."""

    def save(folder: Path) -> None:
        tiny_places.save(getattr(tiny_places, name), folder)

    return save


def uper_net(folder: Path) -> None:
    """UperNet on ConvNeXt."""
    stages = ["stage1", "stage2", "stage3", "stage4"]
    sizes: Any = {"hidden_sizes": [8, 8, 16, 16], "depths": [1] * 4, "out_features": stages}
    backbone = tf.ConvNextConfig(**sizes)
    config = tf.UperNetConfig(**LABELS, backbone_config=backbone, hidden_size=32, use_auxiliary_head=False)
    processor: Any = tf.SegformerImageProcessor(size={"height": 64, "width": 64})
    dense.save(lambda: (tf.UperNetForSemanticSegmentation(config), processor), folder)


def swin(folder: Path) -> None:
    sizes: Any = {"image_size": 128, "patch_size": 4, "embed_dim": 8, "depths": [1] * 4, "num_heads": [1, 1, 2, 2]}
    config = tf.SwinConfig(**sizes, **LABELS, window_size=4, initializer_range=0.3)
    processor = tf.ViTImageProcessor(size={"height": 128, "width": 128})
    dense.save(lambda: (tf.SwinForImageClassification(config), processor), folder)


def omdet(folder: Path) -> None:
    tiny_grounding.omdet_turbo(folder)


def clap(folder: Path) -> None:
    sounds.clap(folder, heads=4)


def layout() -> tf.LayoutLMv3Config:
    sizes: Any = {**SIZES, "vocab_size": 20, "coordinate_size": 6, "shape_size": 4, "max_2d_position_embeddings": 64}
    return tf.LayoutLMv3Config(**sizes, input_size=32, initializer_range=0.3)
