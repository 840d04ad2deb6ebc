"""Tiny random checkpoints of what finds places on images, and of what makes images of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as tf

PLAIN: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
POINTS = {0: "Nose", 1: "L_Eye", 2: "R_Eye", 3: "L_Ear"}
NAMES: dict[str, Any] = {"id2label": POINTS, "label2id": {name: at for at, name in POINTS.items()}}


def vit_pose(**extra: Any) -> tuple[Any, Any]:
    sizes: Any = {"image_size": [64, 48], "patch_size": [16, 16], "out_indices": [2]}
    backbone = tf.VitPoseBackboneConfig(**PLAIN, **sizes, **extra)
    config = tf.VitPoseConfig(backbone_config=backbone, **NAMES, use_simple_decoder=True)
    return tf.VitPoseForPoseEstimation(config), tf.VitPoseImageProcessor(size={"height": 64, "width": 48})


def vit_pose_plus() -> tuple[Any, Any]:
    return vit_pose(num_experts=2, part_features=8)


def super_point() -> tuple[Any, Any]:
    network = tf.SuperPointForKeypointDetection(super_point_config())
    return network, tf.SuperPointImageProcessor(size={"height": 64, "width": 64})


def super_point_config() -> tf.SuperPointConfig:
    return tf.SuperPointConfig(
        encoder_hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=16, keypoint_decoder_dim=65,
        descriptor_decoder_dim=16, keypoint_threshold=0.001, max_keypoints=20,
    )  # fmt: skip


def light_glue() -> tuple[Any, Any]:
    config = tf.LightGlueConfig(
        keypoint_detector_config=super_point_config(), descriptor_dim=16, num_hidden_layers=2, num_attention_heads=2,
        filter_threshold=0.0,
    )  # fmt: skip
    processor = tf.LightGlueImageProcessor(size={"height": 64, "width": 64})
    return tf.LightGlueForKeypointMatching(config), processor


def super_glue() -> tuple[Any, Any]:
    config = tf.SuperGlueConfig(
        keypoint_detector_config=super_point_config(), hidden_size=16, keypoint_encoder_sizes=[8, 16],
        gnn_layers_types=["self", "cross"], num_attention_heads=2, sinkhorn_iterations=5, matching_threshold=0.0,
    )  # fmt: skip
    processor = tf.SuperGlueImageProcessor(size={"height": 64, "width": 64})
    return tf.SuperGlueForKeypointMatching(config), processor


def sam() -> tuple[Any, Any]:
    vision = tf.SamVisionConfig(
        **PLAIN, image_size=64, patch_size=8, output_channels=16, num_pos_feats=8, global_attn_indexes=[1],
        window_size=4, mlp_dim=64,
    )  # fmt: skip
    prompt = tf.SamPromptEncoderConfig(hidden_size=16, image_size=64, patch_size=8, mask_input_channels=4)
    decoder = tf.SamMaskDecoderConfig(
        hidden_size=16, mlp_dim=32, num_hidden_layers=2, num_attention_heads=2, iou_head_hidden_dim=16,
    )  # fmt: skip
    config = tf.SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    side: Any = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    return tf.SamModel(config), tf.SamImageProcessor(**side)


def swin2_sr() -> tuple[Any, Any]:
    config = tf.Swin2SRConfig(
        image_size=16, embed_dim=16, depths=[1, 1], num_heads=[2, 2], window_size=4, upscale=2, num_channels=3
    )
    return tf.Swin2SRForImageSuperResolution(config), tf.Swin2SRImageProcessor()


def vit_matte() -> tuple[Any, Any]:
    window: Any = {"window_size": 2, "window_block_indices": [0], "out_features": ["stage2"]}
    backbone = tf.VitDetConfig(
        **PLAIN, **window, image_size=64, patch_size=16, num_channels=4, use_relative_position_embeddings=True,
    )  # fmt: skip
    config = tf.VitMatteConfig(backbone_config=backbone, hidden_size=32, fusion_hidden_sizes=[32, 16, 8, 8])
    return tf.VitMatteForImageMatting(config), tf.VitMatteImageProcessor()


def video_mae() -> tuple[Any, Any]:
    sizes: Any = {"image_size": 32, "patch_size": 16, "num_frames": 4, "intermediate_size": 64}
    config = tf.VideoMAEConfig(**PLAIN, **sizes, **NAMES)
    return tf.VideoMAEForVideoClassification(config), _frames()


def timesformer() -> tuple[Any, Any]:
    sizes: Any = {"image_size": 32, "patch_size": 16, "num_frames": 4, "intermediate_size": 64}
    return tf.TimesformerForVideoClassification(tf.TimesformerConfig(**PLAIN, **sizes, **NAMES)), _frames()


def vivit() -> tuple[Any, Any]:
    sizes: Any = {"image_size": 32, "tubelet_size": [2, 16, 16], "num_frames": 4, "intermediate_size": 64}
    side: Any = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
    config = tf.VivitConfig(**PLAIN, **sizes, **NAMES)
    return tf.VivitForVideoClassification(config), tf.VivitImageProcessor(**side)


def _frames() -> Any:
    side: Any = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    return tf.VideoMAEImageProcessor(**side)


def save(make: Callable[[], tuple[Any, Any]], folder: Path) -> Path:
    """Write a checkpoint whose outputs differ from place to place."""
    torch.manual_seed(0)
    network, processor = make()
    with torch.no_grad():
        for name, each in network.named_parameters():
            if each.dim() > 1 and "embed" not in name:
                is_mask = "output_hypernetworks" in name or "upscale_conv" in name
                each.normal_(0, 1.5 if is_mask else 0.1 if make is swin2_sr else 0.2)
            elif "iou_prediction_head.proj_out" in name:
                each.fill_(0.5)  # half sure of each mask
    network.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
