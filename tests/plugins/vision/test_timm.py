"""A folder as timm writes it: the scores of timm's own network on its own preprocessing."""

import json
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.data.config import resolve_data_config
from timm.data.transforms_factory import create_transform

import duomo
from duomo.testing.samples import pictures

LABELS = ["a ball", "a face", "sky"]


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    made: Any = timm.create_model("test_vit", pretrained=False, num_classes=3)
    return made.eval()


@pytest.fixture(scope="module")
def folder(network: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("timm")
    settings = {"input_size": [3, 160, 160], "interpolation": "bicubic", "crop_pct": 0.95, "mean": [0.5] * 3}
    config = {"architecture": "test_vit", "num_classes": 3, "num_features": 64, "label_names": LABELS}
    (path / "config.json").write_text(json.dumps(config | {"pretrained_cfg": settings | {"std": [0.5] * 3}}), "utf-8")
    save_file(network.state_dict(), path / "model.safetensors")
    return path


def test_scores_are_those_of_timm(network: Any, folder: Path) -> None:
    config = resolve_data_config(json.loads((folder / "config.json").read_text("utf-8"))["pretrained_cfg"])
    transform: Any = create_transform(**config)
    runner = duomo.load("image-classification", f"dir:{folder}", device="cpu")
    for photo, outcome in zip(pictures(), runner.map(pictures(), batch_size=3), strict=True):
        with torch.inference_mode():
            scores = network(transform(PIL.Image.fromarray(photo))[None]).softmax(-1)[0].tolist()
        expected = dict(zip(LABELS, scores, strict=True))
        for result in (outcome.unwrap(), runner(photo)):
            assert {each.name: each.score for each in result.labels} == pytest.approx(expected, abs=1e-4)
