"""Tiny random checkpoints of dense vision, each 5 to 1,000 KB; 32 channels, because of GroupNorm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers, processors

LABELS = {0: "a ball", 1: "a face", 2: "sky"}
NAMES: dict[str, Any] = {"id2label": LABELS, "label2id": {name: at for at, name in LABELS.items()}}
PLAIN: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
DETR: dict[str, Any] = {"d_model": 32, "num_queries": 6, "encoder_layers": 2, "decoder_layers": 2}
DETR |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}


SHORT: Any = {"size": {"shortest_edge": 64, "longest_edge": 96}}
LARGER: Any = {"size": {"shortest_edge": 160, "longest_edge": 224}}
HYBRID: Any = {
    "d_model": 32, "encoder_hidden_dim": 32, "num_queries": 6, "decoder_layers": 2, "encoder_in_channels": [16, 16, 32],
    "decoder_in_channels": [32, 32, 32], "encoder_layers": 1, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "anchor_image_size": None,
}  # fmt: skip
"""RT-DETR and its kin."""


OWN: Any = {"use_timm_backbone": False}
"""The backbone is one of transformers."""


def resnet(*stages: str) -> tf.ResNetConfig:
    sizes: Any = {"embedding_size": 8, "hidden_sizes": [8, 8, 16, 32], "depths": [1] * 4}
    sizes["out_features"] = list(stages) or ["stage4"]
    return tf.ResNetConfig(**sizes)


def detr() -> tuple[Any, Any]:
    config = tf.DetrConfig(**NAMES | DETR, use_timm_backbone=False, backbone_config=resnet())  # type: ignore[call-arg]
    return tf.DetrForObjectDetection(config), tf.DetrImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})


def yolos() -> tuple[Any, Any]:
    config = tf.YolosConfig(**NAMES | PLAIN, image_size=[64, 64], patch_size=16, num_detection_tokens=6)
    return tf.YolosForObjectDetection(config), tf.YolosImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})


def rt_resnet() -> tf.RTDetrResNetConfig:
    sizes: Any = {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 32], "depths": [1] * 4}
    sizes["out_features"] = ["stage2", "stage3", "stage4"]
    return tf.RTDetrResNetConfig(**sizes)


def rt_detr() -> tuple[Any, Any]:
    config = tf.RTDetrConfig(**NAMES, **HYBRID, backbone_config=rt_resnet())
    return tf.RTDetrForObjectDetection(config), tf.RTDetrImageProcessor(size={"height": 64, "width": 64})


def told_apart(make: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
    """RT-DETR or its kin that tells places of an image apart; else all have one score, and any six are the best."""
    network, processor = make()
    torch.manual_seed(0)
    with torch.no_grad():
        for each in network.parameters():
            if each.dim() > 1 and each.std() < 0.05:
                each.normal_(0, 0.3)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        network.train()(pixel_values=torch.rand(4, 3, 64, 64))  # statistics that fit
    return network, processor


def segformer() -> tuple[Any, Any]:
    config = tf.SegformerConfig(
        **NAMES, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
    )  # fmt: skip
    processor = tf.SegformerImageProcessor(size={"height": 64, "width": 64})
    return tf.SegformerForSemanticSegmentation(config), processor


def segformer_of_people() -> tuple[Any, Any]:
    network, processor = segformer()
    network.config.id2label = {0: "wall", 1: "person", 2: "sky"}
    return network, processor


def uper_net() -> tuple[Any, Any]:
    backbone = resnet("stage1", "stage2", "stage3", "stage4")
    config = tf.UperNetConfig(**NAMES, backbone_config=backbone, hidden_size=32, use_auxiliary_head=False)
    processor: Any = tf.SegformerImageProcessor(size={"height": 64, "width": 64})
    return tf.UperNetForSemanticSegmentation(config), processor


def swin() -> tf.SwinConfig:
    sizes: Any = {"image_size": 64, "patch_size": 4, "embed_dim": 8, "depths": [1] * 4, "num_heads": [1, 1, 2, 2]}
    sizes["out_features"] = ["stage1", "stage2", "stage3", "stage4"]
    return tf.SwinConfig(**sizes, window_size=4)


def mask_former() -> tuple[Any, Any]:
    decoder = tf.DetrConfig(**DETR, use_timm_backbone=False, backbone_config=resnet())  # type: ignore[call-arg]
    config = tf.MaskFormerConfig(
        **NAMES, fpn_feature_size=32, mask_feature_size=32, backbone_config=swin(), decoder_config=decoder
    )
    processor = tf.MaskFormerImageProcessor(size={"shortest_edge": 64, "longest_edge": 96}, ignore_index=255)
    return tf.MaskFormerForInstanceSegmentation(config), processor


def dpt() -> tuple[Any, Any]:
    config = tf.DPTConfig(
        **PLAIN | {"num_hidden_layers": 4}, image_size=64, patch_size=16, backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, is_hybrid=False,
    )  # fmt: skip
    return tf.DPTForDepthEstimation(config), tf.DPTImageProcessor(size={"height": 64, "width": 64})


def depth_anything() -> tuple[Any, Any]:
    backbone = tf.Dinov2Config(  # type: ignore[call-arg]
        hidden_size=32, num_hidden_layers=4, num_attention_heads=4, image_size=56, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
    )  # fmt: skip
    config = tf.DepthAnythingConfig(
        backbone_config=backbone, neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=8, reassemble_hidden_size=32,
        patch_size=14, head_hidden_size=8,
    )  # fmt: skip
    processor = tf.DPTImageProcessor(size={"height": 56, "width": 56}, keep_aspect_ratio=True, ensure_multiple_of=14)
    return tf.DepthAnythingForDepthEstimation(config), processor


def owl_vit() -> tuple[Any, Any]:
    text = PLAIN | {"vocab_size": 16, "max_position_embeddings": 16}
    vision = PLAIN | {"image_size": 64, "patch_size": 16}
    config = tf.OwlViTConfig(text_config=text, vision_config=vision, projection_dim=32)
    processor = tf.OwlViTImageProcessor(size={"height": 64, "width": 64}, do_center_crop=False)
    return tf.OwlViTForObjectDetection(config), processor


def conditional_detr() -> tuple[Any, Any]:
    config = tf.ConditionalDetrConfig(**NAMES | DETR, **OWN, backbone_config=resnet())
    return tf.ConditionalDetrForObjectDetection(config), tf.ConditionalDetrImageProcessor(**SHORT)


def deformable_detr() -> tuple[Any, Any]:
    backbone = resnet("stage2", "stage3", "stage4")
    config = tf.DeformableDetrConfig(**NAMES | DETR, **OWN, backbone_config=backbone)
    processor: Any = tf.DeformableDetrImageProcessor(**LARGER)  # its last level is 128 times smaller
    return tf.DeformableDetrForObjectDetection(config), processor


def dab_detr() -> tuple[Any, Any]:
    sizes: Any = {name: size for name, size in DETR.items() if name != "d_model"}
    config = tf.DabDetrConfig(**NAMES, **sizes, hidden_size=32, **OWN, backbone_config=resnet())
    return tf.DabDetrForObjectDetection(config), tf.ConditionalDetrImageProcessor(**SHORT)


def table_transformer() -> tuple[Any, Any]:
    config = tf.TableTransformerConfig(**NAMES | DETR, **OWN, backbone_config=resnet())
    return tf.TableTransformerForObjectDetection(config), tf.DetrImageProcessor(**SHORT)


def rt_detr_v2() -> tuple[Any, Any]:
    config = tf.RTDetrV2Config(**NAMES, **HYBRID, backbone_config=rt_resnet())
    return tf.RTDetrV2ForObjectDetection(config), tf.RTDetrImageProcessor(size={"height": 64, "width": 64})


def d_fine() -> tuple[Any, Any]:
    stages: Any = {
        "stem_channels": [3, 8, 8], "stage_in_channels": [8, 16, 16, 16], "stage_mid_channels": [8] * 4,
        "stage_out_channels": [16, 16, 16, 32], "stage_num_blocks": [1] * 4, "stage_light_block": [False] * 4,
        "stage_downsample": [False, True, True, True], "stage_kernel_size": [3] * 4, "stage_numb_of_layers": [1] * 4,
        "out_features": ["stage2", "stage3", "stage4"], "hidden_sizes": [16, 16, 16, 32], "depths": [1] * 4,
    }  # fmt: skip
    config = tf.DFineConfig(
        **NAMES, **HYBRID, backbone_config=tf.HGNetV2Config(**stages, embedding_size=8), hidden_expansion=0.5,
        depth_mult=0.34,
    )  # fmt: skip
    return tf.DFineForObjectDetection(config), tf.RTDetrImageProcessor(size={"height": 64, "width": 64})


def mask2_former() -> tuple[Any, Any]:
    sizes: Any = {"hidden_dim": 32, "feature_size": 32, "mask_feature_size": 32, "encoder_layers": 1}
    sizes |= {"decoder_layers": 2, "num_attention_heads": 4, "dim_feedforward": 64, "encoder_feedforward_dim": 64}
    config = tf.Mask2FormerConfig(
        **NAMES, **sizes, num_queries=6, backbone_config=swin(), feature_strides=[4, 8, 16, 32]
    )
    processor: Any = tf.Mask2FormerImageProcessor(**SHORT, ignore_index=255)
    return tf.Mask2FormerForUniversalSegmentation(config), processor


def eomt() -> tuple[Any, Any]:
    sizes: Any = {"num_blocks": 1, "num_queries": 6, "image_size": 64, "patch_size": 16, "num_upscale_blocks": 1}
    config = tf.EomtConfig(**NAMES, **PLAIN, **sizes)
    processor: Any = tf.EomtImageProcessor(size={"shortest_edge": 64, "longest_edge": 64}, do_pad=True)
    return tf.EomtForUniversalSegmentation(config), processor


def owl_v2() -> tuple[Any, Any]:
    text = PLAIN | {"vocab_size": 16, "max_position_embeddings": 16}
    vision = PLAIN | {"image_size": 64, "patch_size": 16}
    config = tf.Owlv2Config(text_config=text, vision_config=vision, projection_dim=32)
    return tf.Owlv2ForObjectDetection(config), tf.Owlv2ImageProcessor(size={"height": 64, "width": 64})


def glpn() -> tuple[Any, Any]:
    sizes: Any = {"hidden_sizes": [8, 8, 16, 16], "depths": [1] * 4, "num_attention_heads": [1, 1, 2, 2]}
    return tf.GLPNForDepthEstimation(tf.GLPNConfig(**sizes, decoder_hidden_size=8)), tf.GLPNImageProcessor()


def tokenizer(folder: Path) -> None:
    words = "[PAD] [UNK] [CLS] [SEP] a ball face red the sky".split()
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    fast.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    tf.PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token="[PAD]", unk_token="[UNK]", model_max_length=16
    ).save_pretrained(folder)


def save(make: Callable[[], tuple[Any, Any]], folder: Path) -> Path:
    """Write a checkpoint whose labels are not all alike sure."""
    torch.manual_seed(0)
    network, processor = make()
    with torch.no_grad():
        for name, each in network.named_parameters():
            if "queries" in name:
                each.normal_(0, 3)
            elif each.dim() > 1 and ("class" in name or "mask_embed" in name or "transformer_module.decoder" in name):
                each.normal_(0, 0.5)
    network.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    if make in (owl_vit, owl_v2):
        tokenizer(folder)
    return folder
