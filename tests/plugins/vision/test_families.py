"""Classifiers of many families, tiny and random: seventeen mixed images give in a batch what each gives alone."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import CONFIG_MAPPING, AutoModelForImageClassification, ViTImageProcessor

import duomo

LABELS = 3
SIDE = 32
VIT: dict[str, Any] = {
    "image_size": SIDE, "patch_size": 8, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64,
}  # fmt: skip
STAGES: dict[str, Any] = {"image_size": SIDE, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
CNN: dict[str, Any] = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
FOUR: dict[str, Any] = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
KINDS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("vit", "vit_msn", "dinov2", "dinov2_with_registers", "ijepa"), VIT),
    "deit": VIT | {"architectures": ["DeiTForImageClassification"]},
    **dict.fromkeys(("beit", "data2vec-vision"), VIT | {"num_hidden_layers": 4, "out_indices": [1, 2, 3, 4]}),
    "swin": STAGES,
    "swinv2": STAGES,
    "convnext": FOUR,
    "convnextv2": FOUR,
    "resnet": CNN | {"layer_type": "basic"},
    "regnet": CNN | {"groups_width": 4},
    "bit": CNN | {"num_groups": 4},
    "mobilenet_v1": {"depth_multiplier": 0.25, "min_depth": 8, "image_size": SIDE},
    "mobilenet_v2": {"depth_multiplier": 0.25, "min_depth": 8, "image_size": SIDE},
    "poolformer": {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
    "focalnet": {"image_size": SIDE, "embed_dim": 16, "depths": [1, 1], "focal_levels": [1, 1],
                 "focal_windows": [3, 3], "hidden_sizes": [16, 32]},
    "segformer": {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 2, 2]},
    "pvt_v2": {"image_size": SIDE, "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1],
               "num_attention_heads": [1, 1, 2, 2]},
}  # fmt: skip


@pytest.fixture(scope="module")
def images() -> list[Any]:
    """Seventeen images of sizes from 1 x 1, of several modes."""
    chance = np.random.default_rng(0)
    sizes = [(1, 1), (1, 40), (40, 1), (31, 33), (32, 32), (64, 48), (7, 90), (90, 7), (128, 128), (5, 5)]
    found: list[Any] = [chance.integers(0, 255, (*size, 3), np.uint8) for size in sizes]
    found += [chance.integers(0, 255, (20, 30 + at), np.uint8) for at in range(3)]
    return found + [PIL.Image.fromarray(found[5]).convert(mode) for mode in ("L", "P", "RGBA", "CMYK")]


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_images_in_a_batch_are_those_of_transformers_alone(kind: str, images: list[Any], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = AutoModelForImageClassification.from_config(
        CONFIG_MAPPING[kind](**(KINDS[kind] | {"num_labels": LABELS}))
    ).eval()
    for weights in network.parameters():  # so that what is seen reaches the labels
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, 0, (2 / weights[0].numel()) ** 0.5)
    for name, each in network.named_buffers():  # statistics of a network that was trained
        if name.endswith("running_var"):
            each.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            each.normal_(0, 0.1)
    network.save_pretrained(tmp_path)
    processor = ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    processor.save_pretrained(tmp_path)
    runner = duomo.load("image-classification", f"dir:{tmp_path}", device="cpu")
    together = [outcome.unwrap() for outcome in runner.map(images, batch_size=17)]
    seen = set()
    for image, result in zip(images, together, strict=True):
        inputs = processor(images=duomo.Image.accept(image).pil(), return_tensors="pt")
        with torch.inference_mode():
            expected = network(**inputs).logits.softmax(-1)[0].tolist()
        for each in (result, runner(image)):
            scores = {label.name: label.score for label in each.labels}
            assert [scores[f"LABEL_{at}"] for at in range(LABELS)] == pytest.approx(expected, abs=2e-5)
        seen.add(round(expected[0], 6))
    assert len(seen) > 8
