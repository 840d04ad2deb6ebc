"""Classifiers in transformers format: equal to bare transformers, whole or refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoImageProcessor,
    BertConfig,
    BertForSequenceClassification,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    ViTModel,
    pipeline,
)

import duomo
from duomo.errors import UnsafeWeights, WeightsMismatch, WeightsMissing, WrongTask

LABELS = {0: "a cat", 1: "a dog", 2: "neither"}
NAMES: dict[str, Any] = {"id2label": LABELS, "label2id": {name: index for index, name in LABELS.items()}}
SMALL: dict[str, Any] = {"image_size": 32, "patch_size": 8, "hidden_size": 32, "num_hidden_layers": 2}
SMALL |= {"num_attention_heads": 2, "intermediate_size": 64}


def write(folder: Path, network: Any) -> Path:
    network.eval().save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return write(tmp_path_factory.mktemp("vit"), ViTForImageClassification(ViTConfig(**SMALL, **NAMES)))


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", **NAMES)
    return write(tmp_path_factory.mktemp("resnet"), ResNetForImageClassification(config))


@pytest.fixture
def broken(vit: Path, tmp_path: Path) -> Path:
    """A copy of the ViT, for a test to break."""
    for path in vit.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize("family", ["vit", "resnet"])
def test_scores_equal_those_of_bare_transformers(
    family: str, awkward: list[Any], request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(family)
    runner = duomo.load("image-classification", f"dir:{folder}", device="cpu")
    cls = {"vit": ViTForImageClassification, "resnet": ResNetForImageClassification}[family]
    network, processor = cls.from_pretrained(folder).eval(), AutoImageProcessor.from_pretrained(folder)  # type: ignore[attr-defined]
    for picture in awkward:
        inputs = processor(images=duomo.Image.accept(picture).pil(), return_tensors="pt")
        with torch.inference_mode():
            expected = network(**inputs).logits.softmax(-1)[0].tolist()
        scores = {label.name: label.score for label in runner(picture).labels}
        assert [scores[name] for name in LABELS.values()] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("family", ["vit", "resnet"])
def test_a_batch_of_mixed_pictures_gives_what_one_by_one_gives(
    family: str, awkward: list[Any], damaged: list[Path], request: pytest.FixtureRequest
) -> None:
    runner = duomo.load("image-classification", f"dir:{request.getfixturevalue(family)}", device="cpu")
    outcomes = list(runner.map([*awkward, *damaged], batch_size=16))
    assert [outcome.ok for outcome in outcomes] == [True] * len(awkward) + [False] * len(damaged)
    for outcome, picture in zip(outcomes, awkward, strict=False):
        together, alone = outcome.unwrap(), runner(picture)
        assert [label.name for label in together.labels] == [label.name for label in alone.labels]
        assert [x.score for x in together.labels] == pytest.approx([x.score for x in alone.labels], abs=1e-5)


def test_a_multi_label_checkpoint_scores_each_label_on_its_own(tmp_path: Path) -> None:
    config = ViTConfig(**SMALL, **NAMES, problem_type="multi_label_classification")
    network = ViTForImageClassification(config)
    torch.nn.init.constant_(network.classifier.bias, 9.0)  # type: ignore[arg-type]
    runner = duomo.load("image-classification", f"dir:{write(tmp_path, network)}", device="cpu")
    assert all(label.score > 0.9 for label in runner(PIL.Image.new("RGB", (50, 40))).labels)


def test_none_asks_for_all_labels(tmp_path: Path) -> None:
    folder = write(tmp_path, ViTForImageClassification(ViTConfig(**SMALL, num_labels=7)))  # type: ignore[call-arg]
    runner = duomo.load("image-classification", f"dir:{folder}", device="cpu")
    picture = PIL.Image.new("RGB", (50, 40))
    assert [len(runner(picture, top_k=top_k)) for top_k in (3, None, 99)] == [3, 7, 7]
    assert len(runner(picture)) == 5


def test_a_single_label_has_a_score_of_its_own_as_in_transformers(tmp_path: Path) -> None:
    torch.manual_seed(3)
    folder = write(tmp_path, ViTForImageClassification(ViTConfig(**SMALL, num_labels=1, initializer_range=0.5)))  # type: ignore[call-arg]
    picture = PIL.Image.new("RGB", (50, 40), "teal")
    (label,) = duomo.load("image-classification", f"dir:{folder}", device="cpu")(picture).labels
    (expected,) = pipeline("image-classification", str(folder), device="cpu")(picture)
    assert label.score == pytest.approx(expected["score"], abs=1e-6)
    assert 0.01 < label.score < 0.99


def test_a_regression_checkpoint_is_refused(tmp_path: Path) -> None:
    network = ViTForImageClassification(ViTConfig(**SMALL, num_labels=1, problem_type="regression"))  # type: ignore[call-arg]
    with pytest.raises(WrongTask, match="does not do image-classification") as caught:
        duomo.load("image-classification", f"dir:{write(tmp_path, network)}", device="cpu")
    assert "a number, not labels" in caught.value.why


def test_bfloat16_gives_nearly_the_same(vit: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (60, 50, 3), dtype=np.uint8)
    scores = {}
    for dtype in ("float32", "bfloat16"):
        runner = duomo.load("image-classification", f"dir:{vit}", device="cpu", dtype=dtype)
        scores[dtype] = sorted((label.name, label.score) for label in runner(picture).labels)
    for (name, exact), (same, rough) in zip(*scores.values(), strict=True):
        assert name == same
        assert rough == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("classifier.weight"), "1 missing (classifier.weight)"),
        (lambda state: state.update({"classifier.extra": torch.zeros(3)}), "1 unexpected (classifier.extra)"),
        (lambda state: state.update({"classifier.bias": torch.zeros(5)}), "1 of the wrong shape (classifier.bias)"),
    ],
    ids=["missing", "surplus", "misshapen"],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    broken: Path, change: Any, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    state = load_file(broken / "model.safetensors")
    change(state)
    save_file(state, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsMismatch) as caught:
        duomo.load("image-classification", f"dir:{broken}")
    assert words in caught.value.why
    assert capfd.readouterr().err == ""


def test_a_folder_with_only_a_pickle_is_refused(broken: Path) -> None:
    torch.save(load_file(broken / "model.safetensors"), broken / "pytorch_model.bin")
    (broken / "model.safetensors").unlink()
    with pytest.raises(UnsafeWeights, match=r"pytorch_model\.bin"):
        duomo.load("image-classification", f"dir:{broken}")


def test_a_folder_without_an_image_processor_is_refused(broken: Path) -> None:
    (broken / "preprocessor_config.json").unlink()
    with pytest.raises(WeightsMissing, match="no image processor"):
        duomo.load("image-classification", f"dir:{broken}")


def test_a_checkpoint_that_brings_its_own_code_is_refused(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "y")  # nobody may be asked whether to run it
    config = json.loads((broken / "config.json").read_text())
    config |= {
        "model_type": "mine",
        "auto_map": {"AutoConfig": "mine.Config", "AutoModelForImageClassification": "mine.Net"},
    }
    (broken / "config.json").write_text(json.dumps(config))
    (broken / "mine.py").write_text("raise SystemExit('the checkpoint ran its code')")
    with pytest.raises(UnsafeWeights, match="needs code"):
        duomo.load("image-classification", f"dir:{broken}")


def test_a_checkpoint_for_another_task_is_refused(tmp_path: Path, vit: Path) -> None:
    tiny = BertConfig(vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertForSequenceClassification(tiny).save_pretrained(tmp_path / "bert")
    with pytest.raises(WrongTask, match="cannot do image-classification"):
        duomo.load("image-classification", f"dir:{tmp_path / 'bert'}")
    ViTModel(ViTConfig(**SMALL)).save_pretrained(tmp_path / "headless")
    with pytest.raises(WrongTask, match="cannot do image-classification"):
        duomo.load("image-classification", f"dir:{tmp_path / 'headless'}")
    with pytest.raises(WrongTask, match="cannot do text-classification"):
        duomo.load("text-classification", f"dir:{vit}")


def test_a_checkpoint_that_nothing_loads_is_told_what_does_the_task(tmp_path: Path, vit: Path) -> None:
    config = json.loads((vit / "config.json").read_text())
    folder = shutil.copytree(vit, tmp_path / "other")
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["Sapiens2ForPoseEstimation"]}))
    with pytest.raises(WrongTask, match="cannot do pose-estimation") as caught:
        duomo.load("pose-estimation", f"dir:{folder}")
    assert caught.value.why == "it is made for Sapiens2ForPoseEstimation, which no family here loads"
    assert caught.value.fix.startswith("duomo models list --task pose-estimation shows what does it, and a good start")
    own = {"architectures": ["Mine"], "auto_map": {"AutoModel": "mine.Mine"}}
    (folder / "config.json").write_text(json.dumps(config | own))
    with pytest.raises(WrongTask, match="cannot do pose-estimation") as caught:
        duomo.load("pose-estimation", f"dir:{folder}")
    assert "its code comes with it (auto_map), and duomo never runs code" in caught.value.why
    assert "a name that ends in -hf\nduomo models list" in caught.value.fix


def test_loading_is_silent(vit: Path, capfd: pytest.CaptureFixture[str]) -> None:
    duomo.load("image-classification", f"dir:{vit}")
    assert capfd.readouterr() == ("", "")


def test_pictures_that_stay_of_different_sizes_are_still_all_classified(resnet: Path, tmp_path: Path) -> None:
    for path in resnet.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    ViTImageProcessor(do_resize=False).save_pretrained(tmp_path)
    runner = duomo.load("image-classification", f"dir:{tmp_path}", device="cpu")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    pictures = [noise, noise[:40], noise[:, :48], noise]
    for outcome, picture in zip(runner.map(pictures, batch_size=4), pictures, strict=True):
        expected = [label.score for label in runner(picture).labels]
        assert [label.score for label in outcome.unwrap().labels] == pytest.approx(expected, abs=1e-5)


def relabel(folder: Path, names: dict[str, Any]) -> Path:
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = names
    config.pop("label2id", None)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_labels_that_are_not_text_become_text(broken: Path) -> None:
    relabel(broken, {"0": 0, "1": 1.5, "2": "two"})
    result = duomo.load("image-classification", f"dir:{broken}", device="cpu")(np.zeros((8, 8, 3), np.uint8))
    assert {label.name for label in result.labels} == {"0", "1.5", "two"}


@pytest.mark.parametrize("names", [{"1": "a", "2": "b", "3": "c"}, {"0": "a", "2": "b", "3": None}])
def test_labels_with_gaps_are_refused_at_load(broken: Path, names: dict[str, Any]) -> None:
    with pytest.raises(WeightsMismatch, match="have gaps") as caught:
        duomo.load("image-classification", f"dir:{relabel(broken, names)}", device="cpu")
    assert "id2label" in caught.value.why
