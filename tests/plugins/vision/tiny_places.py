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


def sam_hq() -> tuple[Any, Any]:
    vision = tf.SamHQVisionConfig(
        **PLAIN, image_size=64, patch_size=8, output_channels=16, num_pos_feats=8, global_attn_indexes=[1],
        window_size=4, mlp_dim=64,
    )  # fmt: skip
    prompt = tf.SamHQPromptEncoderConfig(hidden_size=16, image_size=64, patch_size=8, mask_input_channels=4)
    decoder = tf.SamHQMaskDecoderConfig(
        hidden_size=16, mlp_dim=32, num_hidden_layers=2, num_attention_heads=2, iou_head_hidden_dim=16, vit_dim=32,
    )  # fmt: skip
    config = tf.SamHQConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder)
    side: Any = {"size": {"longest_edge": 64}, "pad_size": {"height": 64, "width": 64}}
    return tf.SamHQModel(config), tf.SamImageProcessor(**side)


DECODER: Any = {"hidden_size": 32, "mlp_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
DECODER |= {"iou_head_hidden_dim": 16}
"""Settings of the mask decoder in SAM 2, SAM 3 and EdgeTAM."""


def sam2_parts() -> dict[str, Any]:
    backbone = tf.Sam2HieraDetConfig(
        hidden_size=8, image_size=[64, 64], embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        blocks_per_stage=[1, 1, 2, 1], window_size_per_stage=[8, 4, 4, 4], global_attention_blocks=[3],
        window_positional_embedding_background_size=[2, 2],
    )  # fmt: skip
    vision = tf.Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]], fpn_hidden_size=32,
    )  # fmt: skip
    prompt = tf.Sam2PromptEncoderConfig(hidden_size=32, image_size=64, patch_size=16, mask_input_channels=4)
    decoder = tf.Sam2MaskDecoderConfig(**DECODER)
    return {"vision_config": vision, "prompt_encoder_config": prompt, "mask_decoder_config": decoder}


def sam2() -> tuple[Any, Any]:
    processor: Any = tf.Sam2ImageProcessor(size={"height": 64, "width": 64}, mask_size={"height": 16, "width": 16})
    return tf.Sam2Model(tf.Sam2Config(**sam2_parts())), processor


def sam2_video() -> tuple[Any, Any]:
    """SAM 2 as it is published: with what follows things through a video, which is not loaded."""
    sizes: Any = {
        "memory_attention_hidden_size": 32, "memory_attention_num_attention_heads": 1, "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": 32, "memory_encoder_hidden_size": 32, "image_size": 64,
        "memory_encoder_output_channels": 16, "memory_fuser_embed_dim": 32, "memory_fuser_intermediate_dim": 32,
        "mask_downsampler_embed_dim": 32,
    }  # fmt: skip
    return tf.Sam2VideoModel(tf.Sam2VideoConfig(**sam2_parts(), **sizes)), sam2()[1]


def edge_tam() -> tuple[Any, Any]:
    timm: Any = {
        "architecture": "test_efficientnet",
        "model_args": {"features_only": True, "out_indices": [1, 2, 3, 4]},
    }
    vision = tf.EdgeTamVisionConfig(
        backbone_config=tf.AutoConfig.for_model("timm_wrapper", **timm), backbone_channel_list=[64, 48, 32, 24],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]], fpn_hidden_size=32,
    )  # fmt: skip
    prompt = tf.EdgeTamPromptEncoderConfig(hidden_size=32, image_size=64, patch_size=16, mask_input_channels=4)
    config: Any = {"prompt_encoder_config": prompt, "mask_decoder_config": tf.EdgeTamMaskDecoderConfig(**DECODER)}
    return tf.EdgeTamModel(tf.EdgeTamConfig(vision_config=vision, **config)), sam2()[1]


def sam3_tracker() -> tuple[Any, Any]:
    backbone = tf.Sam3ViTConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=56, patch_size=14,
        window_size=2, global_attn_indexes=[1], pretrain_image_size=28,
    )  # fmt: skip
    vision = tf.Sam3VisionConfig(
        backbone_config=backbone, fpn_hidden_size=32, backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]]
    )
    prompt = tf.Sam3TrackerPromptEncoderConfig(hidden_size=32, image_size=56, patch_size=14, mask_input_channels=4)
    config: Any = {"prompt_encoder_config": prompt, "mask_decoder_config": tf.Sam3TrackerMaskDecoderConfig(**DECODER)}
    processor: Any = tf.Sam3ImageProcessor(size={"height": 56, "width": 56}, mask_size={"height": 16, "width": 16})
    return tf.Sam3TrackerModel(tf.Sam3TrackerConfig(vision_config=vision, **config)), processor


def efficient_loftr() -> tuple[Any, Any]:
    config = tf.EfficientLoFTRConfig(
        stage_num_blocks=[1, 1, 1, 1], out_features=[8, 8, 16, 32], hidden_size=32, num_attention_layers=1,
        num_attention_heads=8, coarse_matching_threshold=0.0, coarse_matching_border_removal=0,
        fine_matching_slice_dim=4,
    )  # fmt: skip
    processor = tf.EfficientLoFTRImageProcessor(size={"height": 64, "width": 64})
    return tf.EfficientLoFTRForKeypointMatching(config), processor


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


def vjepa2() -> tuple[Any, Any]:
    predictor: Any = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    config = tf.VJEPA2Config(
        **PLAIN | {"hidden_size": 48}, **NAMES, **predictor, crop_size=32, frames_per_clip=4, num_pooler_layers=1
    )
    return tf.VJEPA2ForVideoClassification(config), tf.VJEPA2VideoProcessor(crop_size=32)


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
