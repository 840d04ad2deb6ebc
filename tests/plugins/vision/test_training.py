"""Classifiers of images in training: frozen below the head, computed once, and a folder that is a model."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForImageClassification,
    ConvNextConfig,
    ResNetConfig,
    ViTConfig,
    ViTImageProcessor,
)

import duomo
from duomo import Recipe
from duomo.training.starts import find_start
from duomo_vision.torchvision_models import build, save

COLOURS = {"red": (220, 30, 30), "blue": (30, 30, 220)}
SETTINGS: dict[str, Any] = {"epochs": 12, "batch": 8, "lr": 3e-2}
CONFIGS = {
    "vit": ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32),
    "resnet": ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"),
    "convnext": ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of two colours, 12 noisy pictures in each."""
    folder = tmp_path_factory.mktemp("colours")
    noise = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir()
        for at in range(12):
            pixels = np.clip(np.array(colour) + noise.normal(0, 40, (40, 40, 3)), 0, 255).astype(np.uint8)
            PIL.Image.fromarray(pixels).save(folder / name / f"{at}.png")
    return folder


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The reference of a small network with random weights and three labels of its own."""

    def make(kind: str, **settings: Any) -> str:
        torch.manual_seed(0)
        folder = tmp_path_factory.mktemp(kind)
        if kind in CONFIGS:
            config = copy.deepcopy(CONFIGS[kind])
            config.update(settings)
            config.id2label = {0: "a", 1: "b", 2: "c"}
            AutoModelForImageClassification.from_config(config).save_pretrained(folder)
            ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
        else:
            network = build(kind, 3)
            save(network, folder, architecture=kind, labels=["a", "b", "c"])
        return f"dir:{folder}"

    return make


def opened(reference: str, labels: list[str]) -> Any:
    found = find_start("image-classification", reference, duomo.default_catalog())
    return found.trainer().open(found.weights, labels=labels, device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.parametrize(
    "kind", [*CONFIGS, "mobilenet_v3_small", "resnet18", "densenet121", "vision/efficientnet-lite0"]
)
def test_what_is_computed_once_gives_what_the_whole_network_gives(start, kind, pictures):
    model = opened(kind if "/" in kind else start(kind), ["red", "blue"])
    model.network.eval()
    items = [duomo.Image.accept(path) for path in sorted(pictures.rglob("*.png"))[:3]]
    batch = model.collate(model.preprocess(items, None))
    with torch.no_grad():
        whole = model.logits(batch)
        for upper in (0, 1, 3) if model.has_trunk(3) else (0,):
            found = model.logits_from(list(model.features(batch, upper)), upper)
            torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)
    assert whole.shape == (3, 2)


@pytest.mark.parametrize("kind", ["vit", "resnet", "resnet18", "vision/efficientnet-lite0"])
def test_a_head_is_trained_on_a_folder_of_classes_and_all_below_stays(start, kind, pictures, tmp_path):
    reference = kind if "/" in kind else start(kind)
    before = opened(reference, ["blue", "red"])
    trunk = {n: t for n, t in before.network.state_dict().items() if not n.startswith(f"{before.head}.")}
    fit = duomo.finetune(
        "image-classification", pictures, model=reference, out=tmp_path / "out", recipe=Recipe(**SETTINGS)
    )
    assert fit.record["trunk_computed_once"]
    assert fit.labels == ("blue", "red")
    after = opened(f"dir:{fit.folder}", ["blue", "red"]).network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in trunk.items())
    runner = fit.load(device="cpu")
    right = [runner(path).top.name == path.parent.name for path in sorted(pictures.rglob("*.png"))]
    assert sum(right) >= 0.9 * len(right)


def test_upper_blocks_are_trained_and_lower_ones_and_their_statistics_stay(pictures, tmp_path):
    fit = duomo.finetune(
        "image-classification",
        pictures,
        model="vision/efficientnet-lite0",
        train=2,
        out=tmp_path / "out",
        recipe=Recipe(epochs=1, batch=8),
    )
    assert fit.record["trunk_computed_once"]
    before = opened("vision/efficientnet-lite0", ["blue", "red"]).network.state_dict()
    after = load_file(fit.folder / "model.safetensors")
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    trained = ("_fc.", "_conv_head.", "_bn1.", "_blocks.14.", "_blocks.15.")
    assert {name for name in after if name.startswith(trained)} == changed


def test_a_truncated_picture_costs_itself_and_the_score_is_that_of_the_clean_rows(pictures, tmp_path):
    import shutil

    dirty = tmp_path / "dirty"
    shutil.copytree(pictures, dirty)
    whole = (dirty / "red" / "0.png").read_bytes()
    (dirty / "red" / "00-cut.png").write_bytes(whole[: len(whole) // 2])
    (dirty / "blue" / "empty.png").write_bytes(b"")
    fits = [
        duomo.finetune(
            "image-classification",
            folder,
            model="vision/efficientnet-lite0",
            out=tmp_path / f"out-{at}",
            recipe=Recipe(epochs=2, batch=8),
        )
        for at, folder in enumerate((pictures, dirty))
    ]
    assert {each.id for each in fits[1].rows.left_out} == {"red/00-cut.png", "blue/empty.png"}
    assert fits[0].metrics == fits[1].metrics
    assert load_file(fits[0].folder / "model.safetensors")["_fc.weight"].equal(
        load_file(fits[1].folder / "model.safetensors")["_fc.weight"]
    )


def test_a_checkpoint_s_own_labels_keep_their_head(start, pictures):
    reference = start("vit")
    model = opened(reference, ["a", "c"])
    kept = AutoModelForImageClassification.from_pretrained(reference.removeprefix("dir:"))
    assert model.labels == ["a", "b", "c"]
    assert torch.equal(model.network.classifier.weight, kept.classifier.weight)


def test_a_checkpoint_with_a_score_for_each_label_learns_to_say_one(start, tmp_path):
    """Its softmax is trained, so that the folder must not give the sigmoid of each label."""
    reference = start("vit", problem_type="multi_label_classification")
    model = opened(reference, ["a", "c"])
    model.save(tmp_path)
    runner = duomo.load("image-classification", f"dir:{tmp_path}")
    assert sum(label.score for label in runner(np.zeros((32, 32, 3), np.uint8)).labels) == pytest.approx(1)
    assert any("score of its own" in note for note in model.notes)
