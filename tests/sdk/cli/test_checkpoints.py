"""``duomo models show dir:…``: what a folder is, which tasks it serves, what is missing and what mends it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from click.testing import CliRunner
from safetensors.torch import save_file

from duomo.cli import cli
from duomo.cli.app import App

SIZES: Any = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def show(folder: Path) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["models", "show", f"dir:{folder}", "-o", "json"], obj=App())
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def vit(tmp_path: Path) -> Path:
    config = transformers.ViTConfig(**SIZES, image_size=32, patch_size=16)
    network = transformers.ViTForImageClassification(config)
    network.save_pretrained(tmp_path)
    transformers.ViTImageProcessor().save_pretrained(tmp_path)
    return tmp_path


def test_a_whole_checkpoint_is_described_from_its_files_alone(vit: Path) -> None:
    found = show(vit)
    network = transformers.ViTForImageClassification.from_pretrained(vit)
    assert (found["layout"], found["architectures"]) == ("transformers", ["ViTForImageClassification"])
    assert found["parameters"] == sum(each.numel() for each in network.parameters())
    assert found["dtypes"] == ["F32"]
    assert found["tasks"] == {"image-classification": "vision/transformers"}
    assert found["prepares"] == ["image or feature processor"]
    assert found["missing"] == []
    text = CliRunner().invoke(cli, ["models", "show", f"dir:{vit}"], obj=App()).stdout
    assert f"duomo run image-classification cat.jpg -m dir:{vit}" in text


def test_what_is_missing_is_named_with_what_mends_it(vit: Path) -> None:
    (vit / "preprocessor_config.json").unlink()
    weights = vit / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-8])
    lost = show(vit)["missing"]
    assert ["model.safetensors is damaged" in lost[0], "what prepares inputs" in lost[1]] == [True, True]
    weights.unlink()
    torch.save({"a": torch.zeros(2)}, vit / "pytorch_model.bin")
    assert f"duomo models convert '{vit / 'pytorch_model.bin'}'" in " ".join(show(vit)["missing"])
    (vit / "config.json").unlink()
    assert show(vit)["layout"] == "unknown"


def test_a_part_of_the_weights_that_is_not_there_is_named(vit: Path) -> None:
    network = transformers.ViTForImageClassification.from_pretrained(vit)
    (vit / "model.safetensors").unlink()
    network.save_pretrained(vit, max_shard_size="10KB")
    assert show(vit)["missing"] == []
    part = sorted(vit.glob("model-*.safetensors"))[-1]
    part.unlink()
    assert show(vit)["missing"] == [f"{part.name}, a part of the weights: download it again"]


def test_an_architecture_that_nothing_loads_is_said(vit: Path) -> None:
    config = json.loads((vit / "config.json").read_text("utf-8"))
    (vit / "config.json").write_text(json.dumps(config | {"architectures": ["ViTForDreaming"]}), "utf-8")
    assert show(vit)["missing"][0].startswith("no family loads ViTForDreaming")
    done = CliRunner().invoke(cli, ["models", "show", f"dir:{vit}/none"], obj=App())
    assert done.exit_code != 0
    assert "no model folder" in done.stderr


def test_the_parts_of_a_pickled_checkpoint_are_converted_together(vit: Path) -> None:
    network = transformers.ViTForImageClassification.from_pretrained(vit)
    tensors = list(network.state_dict().items())
    (vit / "model.safetensors").unlink()
    places = {}
    for at in (0, 1):
        name = f"pytorch_model-0000{at + 1}-of-00002.bin"
        torch.save(dict(tensors[at::2]), vit / name)
        places |= dict.fromkeys((key for key, _ in tensors[at::2]), name)
    index = vit / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}), "utf-8")
    done = CliRunner().invoke(cli, ["models", "convert", str(index)], obj=App())
    assert done.exit_code == 0, done.stderr
    again = transformers.ViTForImageClassification.from_pretrained(vit, use_safetensors=True)
    for key, tensor in again.state_dict().items():
        assert torch.equal(tensor, dict(tensors)[key])
    assert show(vit)["missing"] == []
    once_more = CliRunner().invoke(cli, ["models", "convert", str(index)], obj=App())
    assert "is there already" in once_more.stderr
    index.write_text(json.dumps({"weight_map": {"a": "../secret.bin"}}), "utf-8")
    assert "outside its folder" in CliRunner().invoke(cli, ["models", "convert", str(index)], obj=App()).stderr


def test_a_folder_of_timm_is_known_by_its_config(tmp_path: Path) -> None:
    config = {"architecture": "resnet10t", "num_classes": 3, "pretrained_cfg": {"input_size": [3, 32, 32]}}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    save_file({"fc.bias": torch.zeros(3)}, tmp_path / "model.safetensors")
    found = show(tmp_path)
    assert (found["layout"], found["tasks"]) == ("timm", {"image-classification": "vision/transformers"})


def test_a_graph_is_weights_where_a_record_says_what_reads_it(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"graph")
    assert any(line.startswith("duomo.json, which says what reads the graph") for line in show(tmp_path)["missing"])
    record = tmp_path / "duomo.json"
    record.write_text('{"model": "edge/image-classifier"}', "utf-8")
    found = show(tmp_path)
    assert (found["tasks"], found["missing"], found["size"]) == (
        {"image-classification": "edge/image-classifier"},
        [],
        5,
    )
    record.write_text('{"model": "edge/image-clasifier"}', "utf-8")
    assert show(tmp_path)["missing"] == ["no family loads edge/image-clasifier: duomo models list --family"]
    done = CliRunner().invoke(cli, ["models", "show", f"dir:{record}"], obj=App())
    assert (done.exit_code, "is a file" in done.stderr, f"dir:{tmp_path}" in done.stderr) == (4, True, True)
