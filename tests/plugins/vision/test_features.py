"""Vectors of images against transformers' pipeline with pool=True, within 1e-4 of the largest number; a batch as one
by one."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import WrongTask
from duomo.testing.samples import pictures
from duomo_vision.families import POOLED

PLAIN: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


PATCHES: dict[str, Any] = PLAIN | {"image_size": 32, "patch_size": 16}
STAGES: dict[str, Any] = {"image_size": 32, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
CNN: dict[str, Any] = {"embedding_size": 8, "hidden_sizes": [8, 8, 16, 32], "depths": [1] * 4}
FOUR: dict[str, Any] = {"hidden_sizes": [8, 8, 16, 32], "depths": [1] * 4}
VIT: dict[str, Any] = dict.fromkeys(
    "Aimv2Vision CLIPVision DINOv3ViT DeiT Dinov2 Dinov2WithRegisters SiglipVision ViT".split(),
    PATCHES,
)
KINDS: dict[str, dict[str, Any]] = VIT | {
    "Beit": PATCHES,
    "Bit": CNN | {"num_groups": 4},
    "ConvNext": FOUR,
    "ConvNextV2": FOUR,
    "DINOv3ConvNext": FOUR,
    "EfficientNet": {"width_coefficient": 0.25, "batch_norm_eps": 1e-9,
                     "depth_coefficient": 0.1, "image_size": 32, "hidden_dim": 320},
    "FocalNet": {"image_size": 32, "embed_dim": 16, "depths": [1, 1], "focal_levels": [1, 1], "focal_windows": [3, 3],
                 "hidden_sizes": [16, 32]},
    "Hiera": {"image_size": [32, 32], "embed_dim": 16, "depths": [1, 1], "num_heads": [1, 2], "query_stride": [2, 2],
              "masked_unit_size": [4, 4], "masked_unit_attention": [True, False], "num_query_pool": 1},
    "Levit": {"image_size": 32, "hidden_sizes": [16, 24, 32], "num_attention_heads": [1, 1, 2], "depths": [1, 1, 1],
              "key_dim": [8, 8, 8]},
    "MobileNetV1": {"depth_multiplier": 0.25, "min_depth": 8, "image_size": 32},
    "MobileNetV2": {"depth_multiplier": 0.25, "min_depth": 8, "image_size": 32},
    "MobileViT": {"hidden_sizes": [16, 16, 16], "neck_hidden_sizes": [8, 8, 8, 16, 16, 16, 32],
                  "num_attention_heads": 2, "image_size": 32},
    "MobileViTV2": {"width_multiplier": 0.25, "n_attn_blocks": [1, 1, 1], "base_attn_unit_dims": [32, 32, 32],
                    "image_size": 64},
    "RegNet": CNN | {"groups_width": 4},
    "ResNet": CNN,
    "Swin": STAGES,
    "Swinv2": STAGES,
}  # fmt: skip
"""Sizes of each encoder that pools."""


def tiny(name: str) -> Any:
    torch.manual_seed(0)
    network_class = getattr(tf, f"{name}Model")
    network = network_class(network_class.config_class(**KINDS.get(name, PATCHES)))
    for weights in network.parameters():  # so that what is seen reaches the vector
        if weights.ndim > 1 and weights.numel():
            torch.nn.init.normal_(weights, 0, (2 / weights[0].numel()) ** 0.5)
    norms = [each for each in network.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    for each in norms:
        each.momentum = 1.0
    if norms:
        side = getattr(network.config, "image_size", 64)
        network.train()(pixel_values=torch.rand(8, 3, side, side))  # statistics that fit
    return network


def save(network: Any, folder: Path, side: int = 32) -> Path:
    network.eval().save_pretrained(folder)
    tf.ViTImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)
    return folder


@pytest.mark.equals("the pipeline with `pool=True`, 1e-4 of the largest number", "image-feature-extraction")
@pytest.mark.parametrize("name", KINDS)
def test_vectors_are_those_of_the_pipeline(name: str, tmp_path: Path) -> None:
    folder = save(tiny(name), tmp_path, 64 if name == "MobileViTV2" else 32)
    runner = duomo.load("image-feature-extraction", f"dir:{folder}", device="cpu")
    bare: Any = tf.pipeline("image-feature-extraction", str(folder), device="cpu", pool=True)
    seen: list[Any] = []
    for photo, outcome in zip(pictures(), runner.map(pictures(), batch_size=3, normalize=False), strict=True):
        expected = np.array(bare(PIL.Image.fromarray(photo))).ravel()
        assert expected.ndim == 1 < expected.size
        atol = 1e-4 * max(1.0, float(np.abs(expected).max()))
        for result in (outcome.unwrap(), runner(photo, normalize=False)):
            np.testing.assert_allclose(result.array, expected, atol=atol)
        seen.append(expected)
        unit = runner(photo).array
        np.testing.assert_allclose(unit, expected / np.linalg.norm(expected), atol=1e-5)
    assert np.abs(seen[0] - seen[1]).max() > 1e-3


def test_every_encoder_that_is_taken_is_tried() -> None:
    assert {f"{name}Model" for name in KINDS} == set(POOLED)


@pytest.mark.parametrize("name", ["ViTMSN", "ViTMAE", "Segformer", "IJepa", "Data2VecVision"])
def test_an_encoder_of_many_vectors_is_refused_by_name(name: str, tmp_path: Path) -> None:
    network_class = getattr(tf, f"{name}Model")
    sizes = FOUR | {"num_attention_heads": [1, 1, 2, 2]} if name == "Segformer" else PATCHES
    folder = save(network_class(network_class.config_class(**sizes)), tmp_path)
    with pytest.raises(WrongTask, match="does not do image-feature-extraction") as caught:
        duomo.load("image-feature-extraction", f"dir:{folder}", device="cpu")
    assert f"{name}Model" in caught.value.why


def test_a_network_without_a_pooler_is_refused(tmp_path: Path) -> None:
    network = tf.ViTModel(tf.ViTConfig(**PLAIN, image_size=32, patch_size=16), add_pooling_layer=False)
    with pytest.raises((WrongTask, duomo.errors.WeightsMismatch)):
        duomo.load("image-feature-extraction", f"dir:{save(network, tmp_path)}", device="cpu")
