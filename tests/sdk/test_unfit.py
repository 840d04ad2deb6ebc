"""Checkpoints that cannot be loaded are called by what they are."""

import json
from pathlib import Path

import pytest

import duomo
from duomo.errors import InputMissing, UnknownModel, UsageProblem, WeightsProblem
from duomo.inputs import Image

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n"
BERT = {"architectures": ["BertForSequenceClassification"], "model_type": "bert"}
FOLDERS = {
    "pointer": ({"config.json": BERT, "model.safetensors": POINTER}, "a pointer of Git LFS", "large files", "lfs pull"),
    "no config": ({"model.safetensors": "x" * 2000}, "has no config.json", "architecture", "save_pretrained"),
    "timm": ({"config.json": {"architecture": "resnet18"}, "model.safetensors": "x" * 2000},
             "a checkpoint of timm ('resnet18')", "timm's", "TimmWrapper"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "what", "why", "fix"), FOLDERS.values(), ids=FOLDERS)
def test_a_folder_that_is_something_else_is_named(tmp_path: Path, files: dict, what: str, why: str, fix: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(WeightsProblem) as caught:
        duomo.load("text-classification", f"dir:{tmp_path}")
    assert what in caught.value.what
    assert why in caught.value.why
    assert fix in caught.value.fix


def test_a_quantised_checkpoint_is_called_so(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(
        json.dumps({**BERT, "quantization_config": {"quant_method": "gptq", "bits": 4}})
    )
    (tmp_path / "model.safetensors").write_text("x" * 2000)
    with pytest.raises(WeightsProblem, match="is quantised \\(gptq\\)"):
        duomo.load("text-classification", f"dir:{tmp_path}")


@pytest.mark.parametrize("name", ["LayoutLMv3", "Lilt", "Bros", "Wav2Vec2"])
@pytest.mark.parametrize("head", ["SequenceClassification", "TokenClassification"])
def test_a_network_that_reads_no_plain_text_is_of_no_task_on_texts(name: str, head: str) -> None:
    catalog = duomo.default_catalog()
    tasks = {spec.task for spec in catalog.families(None, [f"{name}For{head}"])}
    assert not tasks & {"text-classification", "token-classification", "text-ranking"}
    assert {"text-classification", "text-ranking"} <= {
        spec.task for spec in catalog.families(None, ["BertForSequenceClassification"])
    }


def test_a_model_of_another_task_is_not_suggested() -> None:
    with pytest.raises(UnknownModel) as caught:
        duomo.load("image-classification", "vision/minilm")
    assert "minilm" not in caught.value.fix


@pytest.mark.parametrize(("device", "fix"), [(-1, 'device="cpu"'), (0, 'device="cuda:0"')])
def test_a_device_by_number_is_answered_with_its_name(device: int, fix: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        duomo.load("language-identification", device=device)  # type: ignore[call-overload]
    assert caught.value.fix == fix


def test_keywords_of_load_are_answered_in_run() -> None:
    with pytest.raises(UsageProblem, match="run\\(\\) has no keyword 'optimize'") as caught:
        duomo.run("language-identification", "hello", optimize="bf16")  # type: ignore[call-overload]
    assert "duomo.load(task, optimize=" in caught.value.fix


def test_a_home_is_answered_with_how_to_expand_it() -> None:
    with pytest.raises(InputMissing) as caught:
        Image.accept("~/no such picture.png").pil()
    assert str(Path("~/no such picture.png").expanduser()) in caught.value.fix
