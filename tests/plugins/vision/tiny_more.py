"""Tiny random checkpoints of the rarer architectures of dense vision."""

from __future__ import annotations

from typing import Any

import transformers as tf

from .tiny import NAMES, PLAIN

SQUARE: Any = {"size": {"height": 64, "width": 64}}
LAYERS: Any = PLAIN | {"num_hidden_layers": 4}
PATCHES: Any = LAYERS | {"image_size": 64, "patch_size": 16}
BEIT: Any = NAMES | PATCHES | {"out_indices": [1, 2, 3, 4], "use_auxiliary_head": False}


def beit() -> tuple[Any, Any]:
    return tf.BeitForSemanticSegmentation(tf.BeitConfig(**BEIT)), tf.BeitImageProcessor(**SQUARE)


def data2vec() -> tuple[Any, Any]:
    network = tf.Data2VecVisionForSemanticSegmentation(tf.Data2VecVisionConfig(**BEIT))
    return network, tf.BeitImageProcessor(**SQUARE)


def dpt_of_labels() -> tuple[Any, Any]:
    config = tf.DPTConfig(
        **NAMES, **PATCHES, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8,
        is_hybrid=False, use_auxiliary_head=False,
    )  # fmt: skip
    return tf.DPTForSemanticSegmentation(config), tf.DPTImageProcessor(**SQUARE)


def mobilenet_v2() -> tuple[Any, Any]:
    config = tf.MobileNetV2Config(**NAMES, depth_multiplier=0.25, image_size=64)
    processor: Any = tf.MobileNetV2ImageProcessor(size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64})
    return tf.MobileNetV2ForSemanticSegmentation(config), processor


def mobilevit() -> tuple[Any, Any]:
    config = tf.MobileViTConfig(
        **NAMES, hidden_sizes=[16, 16, 16], neck_hidden_sizes=[8, 8, 8, 16, 16, 16, 32], num_attention_heads=2,
        image_size=64, aspp_out_channels=16,
    )  # fmt: skip
    processor: Any = tf.MobileViTImageProcessor(size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64})
    return tf.MobileViTForSemanticSegmentation(config), processor


def mobilevit_v2() -> tuple[Any, Any]:
    config = tf.MobileViTV2Config(
        **NAMES, width_multiplier=0.25, n_attn_blocks=[1, 1, 1], base_attn_unit_dims=[32, 32, 32], aspp_out_channels=16,
        image_size=64,
    )  # fmt: skip
    processor: Any = tf.MobileViTImageProcessor(size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64})
    return tf.MobileViTV2ForSemanticSegmentation(config), processor


SEMANTIC = [beit, data2vec, dpt_of_labels, mobilenet_v2, mobilevit, mobilevit_v2]


def deit_with_teacher() -> tuple[Any, Any]:
    config = tf.DeiTConfig(**NAMES, **PLAIN, image_size=32, patch_size=16)
    return tf.DeiTForImageClassificationWithTeacher(config), tf.DeiTImageProcessor(
        size={"height": 40, "width": 40}, crop_size={"height": 32, "width": 32}
    )


def levit_with_teacher() -> tuple[Any, Any]:
    config = tf.LevitConfig(
        **NAMES, image_size=32, hidden_sizes=[16, 24, 32], num_attention_heads=[1, 1, 2], depths=[1, 1, 1],
        key_dim=[8, 8, 8],
    )  # fmt: skip
    return tf.LevitForImageClassificationWithTeacher(config), tf.ViTImageProcessor(size={"height": 32, "width": 32})


def perceiver(kind: str, side: int) -> tuple[Any, Any]:
    config = tf.PerceiverConfig(
        **NAMES, num_latents=8, d_latents=32, num_blocks=1, num_self_attends_per_block=2, num_self_attention_heads=4,
        num_cross_attention_heads=1, image_size=side,
    )  # fmt: skip
    processor: Any = tf.PerceiverImageProcessor(
        size={"height": side, "width": side}, crop_size={"height": side, "width": side}
    )
    return getattr(tf, f"PerceiverForImageClassification{kind}")(config), processor


def perceiver_learned() -> tuple[Any, Any]:
    return perceiver("Learned", 32)


def perceiver_fourier() -> tuple[Any, Any]:
    return perceiver("Fourier", 224)


def perceiver_conv() -> tuple[Any, Any]:
    return perceiver("ConvProcessing", 224)


CLASSIFIERS = [deit_with_teacher, levit_with_teacher, perceiver_learned, perceiver_fourier, perceiver_conv]
