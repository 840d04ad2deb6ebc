"""Tiny random checkpoints of the rarer architectures of dense vision."""

from __future__ import annotations

from typing import Any

import torch
import transformers as tf

from .tiny import DETR, HYBRID, NAMES, PLAIN, resnet

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
    return perceiver("Fourier", 48)


def perceiver_conv() -> tuple[Any, Any]:
    return perceiver("ConvProcessing", 48)


CLASSIFIERS = [deit_with_teacher, levit_with_teacher, perceiver_learned, perceiver_fourier, perceiver_conv]


DECODER: Any = {
    "d_model": 32, "num_queries": 6, "decoder_layers": 2, "decoder_ffn_dim": 64, "decoder_self_attention_heads": 4,
    "decoder_cross_attention_heads": 4, "group_detr": 1,
}  # fmt: skip


def rf_detr() -> tuple[Any, Any]:
    backbone = tf.RfDetrDinov2Config(  # type: ignore[call-arg]
        hidden_size=32, num_hidden_layers=4, num_attention_heads=4, image_size=64, patch_size=8, num_windows=2,
        out_features=["stage2", "stage4"],
    )  # fmt: skip
    config = tf.RfDetrConfig(**NAMES, **DECODER, backbone_config=backbone)
    return tf.RfDetrForObjectDetection(config), tf.RfDetrImageProcessor(**SQUARE)


def rf_detr_of_masks() -> tuple[Any, Any]:
    network, processor = rf_detr()
    return tf.RfDetrForInstanceSegmentation(network.config), processor


def lw_detr() -> tuple[Any, Any]:
    backbone = tf.LwDetrViTConfig(  # type: ignore[call-arg]
        hidden_size=32, num_hidden_layers=4, num_attention_heads=4, image_size=64, pretrain_image_size=64,
        patch_size=8, num_windows=4, window_block_indices=[0, 2], out_indices=[2, 4],
    )  # fmt: skip
    config = tf.LwDetrConfig(**NAMES, **DECODER, backbone_config=backbone, projector_scale_factors=[1.0])
    processor: Any = tf.DeformableDetrImageProcessor(**SQUARE)
    network = tf.LwDetrForObjectDetection(config)
    network.class_embed.bias.data.zero_()  # so that some are sure enough
    return network, processor


STAGES: Any = {
    "stem_channels": [3, 8, 8], "stage_in_channels": [8, 16, 16, 16], "stage_mid_channels": [8] * 4,
    "stage_out_channels": [16, 16, 16, 32], "stage_num_blocks": [1] * 4, "stage_light_block": [False] * 4,
    "stage_downsample": [False, True, True, True], "stage_kernel_size": [3] * 4, "stage_numb_of_layers": [1] * 4,
    "hidden_sizes": [16, 16, 16, 32], "depths": [1] * 4, "embedding_size": 8,
}  # fmt: skip


def hgnet(*stages: str) -> Any:
    return tf.HGNetV2Config(**STAGES | {"out_features": list(stages)})


def deimv2() -> tuple[Any, Any]:
    config = tf.Deimv2Config(**NAMES, **HYBRID, backbone_config=hgnet("stage2", "stage3", "stage4"))
    return tf.Deimv2ForObjectDetection(config), tf.RTDetrImageProcessor(**SQUARE)


def layout_v2() -> tuple[Any, Any]:
    order: Any = PLAIN | {"relation_bias_embed_dim": 4, "coordinate_size": 6, "shape_size": 4}
    config = tf.PPDocLayoutV2Config(
        **NAMES, **HYBRID, backbone_config=hgnet("stage2", "stage3", "stage4"), reading_order_config=order,
        class_order=[0, 1, 2], class_thresholds=[0.0] * 3,
    )  # fmt: skip
    return tf.PPDocLayoutV2ForObjectDetection(config), tf.PPDocLayoutV2ImageProcessor(**SQUARE)


def layout_v3() -> tuple[Any, Any]:
    config = tf.PPDocLayoutV3Config(
        **NAMES,
        **HYBRID,
        backbone_config=hgnet("stage1", "stage2", "stage3", "stage4"),
        mask_feature_channels=[8, 8],
        x4_feat_dim=16,
    )
    return tf.PPDocLayoutV3ForObjectDetection(config), tf.PPDocLayoutV3ImageProcessor(**SQUARE)


def lively(network: Any) -> Any:
    """The same network with weights such that what is seen reaches the result."""
    torch.manual_seed(0)
    for weights in network.parameters():
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, 0, (2 / weights[0].numel()) ** 0.5)
    return network


def zoe_depth() -> tuple[Any, Any]:
    backbone = tf.BeitConfig(  # type: ignore[call-arg]
        **PATCHES, out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
        use_relative_position_bias=True,
    )  # fmt: skip
    bins = [{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0, "name": "nyu"}]
    config = tf.ZoeDepthConfig(
        backbone_config=backbone, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=16, bottleneck_features=16,
        num_attractors=[4, 2, 2, 1], bin_embedding_dim=16, bin_configurations=bins, num_relative_features=8,
    )  # fmt: skip
    processor = tf.ZoeDepthImageProcessor(
        size={"height": 64, "width": 96}, keep_aspect_ratio=True, ensure_multiple_of=32
    )
    return lively(tf.ZoeDepthForDepthEstimation(config)), processor


def depth_pro() -> tuple[Any, Any]:
    patch: Any = {
        "model_type": "dinov2", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 4,
        "image_size": 16, "mlp_ratio": 2,
    }  # fmt: skip
    config = tf.DepthProConfig(
        patch_size=16, intermediate_hook_ids=[1, 0], intermediate_feature_dims=[8, 8], scaled_images_ratios=[0.5, 1.0],
        scaled_images_overlap_ratios=[0.0, 0.2], scaled_images_feature_dims=[16, 16], fusion_hidden_size=16,
        image_model_config=patch, patch_model_config=patch, fov_model_config=patch, use_fov_model=True,
    )  # fmt: skip
    network = lively(tf.DepthProForDepthEstimation(config))
    for start, least in (("head.", 2.0), ("fov_model.head.", 40.0)):  # depths above zero, and degrees
        for name, weights in network.named_parameters():
            if name.startswith(start):
                weights.data.mul_(0.3 if weights.ndim > 1 else 0.0).add_(least if weights.shape == (1,) else 0.0)
    return network, tf.DepthProImageProcessor(size={"height": 32, "width": 32})


def eomt_dinov3() -> tuple[Any, Any]:
    sizes: Any = {"num_blocks": 1, "num_queries": 6, "image_size": 64, "patch_size": 16, "num_upscale_blocks": 1}
    config = tf.EomtDinov3Config(**NAMES, **PLAIN, **sizes)
    processor: Any = tf.EomtImageProcessor(size={"shortest_edge": 64, "longest_edge": 64}, do_pad=True)
    return tf.EomtDinov3ForUniversalSegmentation(config), processor


def detr_of_masks() -> tuple[Any, Any]:
    backbone = resnet("stage1", "stage2", "stage3", "stage4")
    heads: Any = {"decoder_attention_heads": 8, "encoder_attention_heads": 8}
    config = tf.DetrConfig(**NAMES | DETR | heads, use_timm_backbone=False, backbone_config=backbone)  # type: ignore[call-arg]
    network = tf.DetrForSegmentation(config)
    lively(network.mask_head)
    lively(network.bbox_attention)
    network.detr.model.query_position_embeddings.weight.data.normal_(0, 3)
    return network, tf.DetrImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})


DETECTORS = [rf_detr, lw_detr, deimv2, layout_v2, layout_v3]
