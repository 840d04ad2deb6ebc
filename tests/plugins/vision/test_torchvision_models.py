"""Classifiers of torchvision in duomo layout: equal to bare torchvision, whole or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision import models
from torchvision.transforms import InterpolationMode

import duomo
from duomo.errors import UnsafeWeights, WeightsMismatch, WrongTask
from duomo_vision.torchvision_models import Transform, save

LABELS = ["a cat", "a dog", "neither"]


def random_network(architecture: str) -> torch.nn.Module:
    """With statistics in its batch norms, as training leaves them."""
    torch.manual_seed(0)
    network = models.get_model(architecture, num_classes=3)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torchvision") / "resnet18"
    return save(random_network("resnet18"), folder, architecture="resnet18", labels=LABELS)


@pytest.fixture
def broken(resnet: Path, tmp_path: Path) -> Path:
    """A copy, for a test to break."""
    for path in resnet.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("architecture", "weights", "transform"),
    [
        ("resnet18", models.ResNet18_Weights.IMAGENET1K_V1, Transform()),
        (
            "efficientnet_b0",
            models.EfficientNet_B0_Weights.IMAGENET1K_V1,
            Transform(interpolation=InterpolationMode.BICUBIC),
        ),
        ("mobilenet_v3_small", models.MobileNet_V3_Small_Weights.IMAGENET1K_V1, Transform()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_scores_equal_those_of_bare_torchvision(
    architecture: str, weights: Any, transform: Transform, awkward: list[Any], tmp_path: Path
) -> None:
    network = random_network(architecture)
    save(network, tmp_path, architecture=architecture, labels=LABELS, transform=transform)
    runner = duomo.load("image-classification", f"dir:{tmp_path}", device="cpu")
    prepare = weights.transforms()  # what torchvision itself does before this network
    for picture in awkward:
        with torch.inference_mode():
            expected = network(prepare(duomo.Image.accept(picture).pil())[None]).softmax(-1)[0].tolist()
        scores = {label.name: label.score for label in runner(picture).labels}
        assert [scores[name] for name in LABELS] == pytest.approx(expected, abs=1e-5)


def test_a_batch_of_mixed_pictures_gives_what_one_by_one_gives(
    resnet: Path, awkward: list[Any], damaged: list[Path]
) -> None:
    runner = duomo.load(None, f"dir:{resnet}", device="cpu")
    outcomes = list(runner.map([*damaged, *awkward], batch_size=16))
    assert [outcome.ok for outcome in outcomes] == [False] * len(damaged) + [True] * len(awkward)
    for outcome, picture in zip(outcomes[len(damaged) :], awkward, strict=True):
        together, alone = outcome.unwrap(), runner(picture)
        assert [x.score for x in together.labels] == pytest.approx([x.score for x in alone.labels], abs=1e-5)


def test_a_folder_that_was_saved_says_what_it_is(resnet: Path) -> None:
    about = json.loads((resnet / "duomo.json").read_text("utf-8"))
    assert (about["model"], about["architecture"], about["labels"]) == ("vision/torchvision", "resnet18", LABELS)
    assert sorted(path.name for path in resnet.iterdir()) == ["duomo.json", "model.safetensors"]


def test_saving_a_network_under_a_wrong_name_or_with_wrong_labels_is_refused(tmp_path: Path) -> None:
    network = random_network("resnet18")
    with pytest.raises(WeightsMismatch, match="does not fit"):
        save(network, tmp_path, architecture="resnet34", labels=LABELS)
    with pytest.raises(WeightsMismatch, match="does not fit"):
        save(network, tmp_path, architecture="resnet18", labels=LABELS[:2])
    with pytest.raises(WeightsMismatch, match="no classifier 'resnet81'") as caught:
        save(network, tmp_path, architecture="resnet81", labels=LABELS)
    assert "resnet18" in caught.value.why
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_does_not_fit_is_refused(broken: Path) -> None:
    state = load_file(broken / "model.safetensors")
    state["surplus"] = torch.zeros(1)
    del state["layer1.0.conv1.weight"]
    save_file(state, broken / "model.safetensors")
    with pytest.raises(WeightsMismatch) as caught:
        duomo.load(None, f"dir:{broken}")
    assert "1 missing (layer1.0.conv1.weight); 1 unexpected (surplus)" in caught.value.why


@pytest.mark.parametrize(
    "change", [{"transform": {"rezise": 256}}, {"labels": None}, {"architecture": "yolo"}, {"transform": None}]
)
def test_a_description_that_does_not_fit_is_refused(broken: Path, change: dict[str, Any]) -> None:
    about = json.loads((broken / "duomo.json").read_text("utf-8")) | change
    (broken / "duomo.json").write_text(json.dumps(about))
    with pytest.raises(WeightsMismatch) as caught:
        duomo.load(None, f"dir:{broken}")
    assert caught.value.why
    assert caught.value.fix


def test_a_folder_with_only_a_pickle_is_refused(broken: Path) -> None:
    torch.save(load_file(broken / "model.safetensors"), broken / "model.pth")
    (broken / "model.safetensors").unlink()
    with pytest.raises(UnsafeWeights):
        duomo.load(None, f"dir:{broken}")


def test_another_task_is_refused(resnet: Path) -> None:
    with pytest.raises(WrongTask, match="does not do face-detection"):
        duomo.load("face-detection", f"dir:{resnet}")
