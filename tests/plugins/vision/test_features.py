"""Vectors of images against transformers' pipeline with pool=True, within 1e-5; a batch as one by one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import transformers as tf

import duomo
from duomo.errors import WrongTask
from duomo.testing.samples import pictures

PLAIN: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def vit() -> Any:
    return tf.ViTModel(tf.ViTConfig(**PLAIN, image_size=32, patch_size=16))


def dinov2() -> Any:
    return tf.Dinov2Model(tf.Dinov2Config(**PLAIN, image_size=32, patch_size=16))


def clip() -> Any:
    return tf.CLIPVisionModel(tf.CLIPVisionConfig(**PLAIN, image_size=32, patch_size=16))


def resnet() -> Any:
    return tf.ResNetModel(tf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 16, 32], depths=[1] * 4))


def save(network: Any, folder: Path) -> Path:
    network.eval().save_pretrained(folder)
    tf.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.mark.equals("the pipeline with `pool=True`, to 1e-5", "image-feature-extraction")
@pytest.mark.parametrize("make", [vit, dinov2, clip, resnet])
def test_vectors_are_those_of_the_pipeline(make: Callable[[], Any], tmp_path: Path) -> None:
    folder = save(make(), tmp_path)
    runner = duomo.load("image-feature-extraction", f"dir:{folder}", device="cpu")
    bare: Any = tf.pipeline("image-feature-extraction", str(folder), device="cpu", pool=True)
    for photo, outcome in zip(pictures(), runner.map(pictures(), batch_size=3, normalize=False), strict=True):
        expected = np.array(bare(PIL.Image.fromarray(photo))).ravel()
        assert expected.shape == (32,)
        for result in (outcome.unwrap(), runner(photo, normalize=False)):
            np.testing.assert_allclose(result.array, expected, atol=1e-5)
        unit = runner(photo).array
        np.testing.assert_allclose(unit, expected / np.linalg.norm(expected), atol=1e-5)


def test_a_network_without_a_pooler_is_refused(tmp_path: Path) -> None:
    network = tf.ViTModel(tf.ViTConfig(**PLAIN, image_size=32, patch_size=16), add_pooling_layer=False)
    with pytest.raises((WrongTask, duomo.errors.WeightsMismatch)):
        duomo.load("image-feature-extraction", f"dir:{save(network, tmp_path)}", device="cpu")
