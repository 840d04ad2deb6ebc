"""Checkpoints are loaded whole, or refused with the reason."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification

import duomo
from duomo.errors import StoreMismatch, UnsafeWeights, WeightsMismatch, WeightsMissing, WeightsProblem, WrongTask

Make = Callable[..., Path]


def edit_config(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def load(folder: Path, task: str = "text-classification") -> duomo.Runner[Any]:
    return duomo.load(task, f"dir:{folder}", device="cpu")


def test_a_head_that_was_never_saved_is_refused_not_made_up(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModel)
    edit_config(folder, architectures=["BertForSequenceClassification"])
    with pytest.raises(WeightsMismatch, match="does not fit") as caught:
        load(folder)
    assert "missing" in caught.value.why
    assert "classifier" in caught.value.why


def test_a_missing_layer_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModel)
    file = folder / "model.safetensors"
    tensors = {key: value for key, value in load_file(file).items() if "layer.1." not in key}
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(WeightsMismatch, match="does not fit"):
        load(folder, "feature-extraction")


def test_a_head_of_another_shape_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=3)
    labels = {str(i): f"label {i}" for i in range(5)}
    edit_config(folder, id2label=labels, label2id={name: int(i) for i, name in labels.items()})
    with pytest.raises(WeightsMismatch) as caught:
        load(folder)
    assert "wrong shape" in caught.value.why


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("config.json", "[1]", "it holds a list"),
        ("config.json", "null", "it holds None"),
        ("config.json", "[" * 100_000, "recursion"),
        ("config.json", {"architectures": 5}, "config.json has 5"),
        ("config.json", {"architectures": [["BertModel"]]}, "config.json has"),
        ("config.json", {"hidden_size": "32"}, "expected int"),
        ("config.json", {"id2label": 3}, "'int'"),
        ("tokenizer_config.json", '"x"', "'str'"),
        ("tokenizer_config.json", {"pad_token": [0]}, "pad_token"),
        ("tokenizer_config.json", {"model_max_length": "long"}, "'str'"),
    ],
)
def test_a_setting_of_a_wrong_type_is_the_checkpoints_fault(
    checkpoint: Make, tmp_path: Path, name: str, change: object, words: str
) -> None:
    folder = shutil.copytree(checkpoint("bert", AutoModelForSequenceClassification, num_labels=3), tmp_path / "bert")
    file = folder / name
    file.write_text(change if isinstance(change, str) else json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(WeightsProblem) as caught:
        load(folder)
    assert str(folder) in caught.value.what
    assert words in caught.value.why


def test_a_pickle_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(UnsafeWeights, match="pickle"):
        load(folder)


def test_code_of_a_checkpoint_is_never_run(checkpoint: Make, tmp_path: Path) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification)
    ran = tmp_path / "ran"
    (folder / "modeling_evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
    edit_config(
        folder,
        model_type="evil",
        auto_map={
            "AutoConfig": "modeling_evil.EvilConfig",
            "AutoModelForSequenceClassification": "modeling_evil.EvilForSequenceClassification",
        },
    )
    with pytest.raises(UnsafeWeights, match="code"):
        load(folder)
    assert not ran.exists()


def test_a_file_that_was_cut_short_is_explained(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(WeightsProblem, match="cannot be loaded"):
        load(folder)


def test_an_architecture_that_nobody_knows_is_explained(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification)
    edit_config(folder, model_type="from-the-future", architectures=["FutureForSequenceClassification"])
    with pytest.raises(WeightsProblem, match="cannot be loaded") as caught:
        load(folder)
    assert "from-the-future" in caught.value.why


def test_a_folder_without_a_tokenizer_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(WeightsMissing, match="no tokenizer"):
        load(folder)


def test_a_checkpoint_for_another_task_is_named_as_such(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification)
    with pytest.raises(WrongTask, match="token-classification"):
        load(folder, "token-classification")


def test_a_head_that_nobody_reads_is_no_obstacle(checkpoint: Make) -> None:
    folder = checkpoint("roberta", AutoModelForMaskedLM)
    assert load(folder, "feature-extraction")("the cat").dim == 32


@pytest.mark.parametrize(("kind", "limit"), [("bert", 64), ("roberta", 64), ("distilbert", 64)])
def test_the_longest_text_that_fits_is_found_from_the_config(checkpoint: Make, kind: str, limit: int) -> None:
    """RoBERTa's table has 66 rows, of which the first two are never positions; the tokenizers state no limit."""
    runner = load(checkpoint(kind, AutoModelForSequenceClassification))
    assert runner("a" + " a" * (limit - 3)).top.score > 0
    with pytest.raises(duomo.BadInput, match=f"{limit + 1} tokens and the model reads {limit}"):
        runner("a" + " a" * (limit - 2))


def test_run_takes_the_weights_that_are_in_the_folder_now(
    checkpoint: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named in each way a folder can be named, and by the same relative path from another place."""
    first, second = checkpoint("bert", AutoModel), checkpoint("bert", AutoModel, initializer_range=0.1)
    expected = [load(folder, "feature-extraction")("the cat").vector.tolist() for folder in (first, second)]
    assert expected[0] != expected[1]
    for name in ("here", "dir:here", Path("here")):
        found = []
        for place, folder in enumerate((first, second)):
            shutil.copytree(folder, tmp_path / "one" / "here", dirs_exist_ok=True)
            monkeypatch.chdir(tmp_path / "one")
            found.append(duomo.run("feature-extraction", "the cat", model=name, device="cpu").vector.tolist())  # type: ignore[arg-type, attr-defined]
            shutil.copytree(folder, tmp_path / f"other{place}" / "here", dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path / "other0")
        found.append(duomo.run("feature-extraction", "the cat", model=name, device="cpu").vector.tolist())  # type: ignore[arg-type, attr-defined]
        assert found == [*expected, expected[0]], name


def test_run_takes_the_steps_that_are_in_the_folder_now(checkpoint: Make, tmp_path: Path) -> None:
    """Sentence-transformers keeps them in folders of the folder."""
    folder = checkpoint("bert", AutoModel)
    types = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [{"path": path, "type": f"sentence_transformers.models.{name}"} for path, name in types.items()]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    found = []
    for mode in ("mean", "cls"):
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": mode}))
        found.append(duomo.run("feature-extraction", "the cat", model=f"dir:{folder}", device="cpu").vector.tolist())
        runner = load(folder, "feature-extraction")
        assert found[-1] == runner("the cat").vector.tolist()
        if mode == "mean":
            assert all(outcome.ok for outcome in runner.map(["the cat"], store=tmp_path / "run.store"))
    assert found[0] != found[1]
    with pytest.raises(StoreMismatch, match="made with something else") as caught:
        list(runner.map(["the cat"], store=tmp_path / "run.store"))
    assert re.search("revision was files:.*, now files:", caught.value.why)
    assert "another store" in caught.value.fix


@pytest.mark.skipif(sys.platform != "linux", reason="reads what a process has mapped")
def test_a_file_that_is_saved_over_does_not_change_or_end_a_model_that_is_loaded(checkpoint: Make) -> None:
    """As a process with such a file mapped, it died of SIGBUS; and so no other test would have failed."""
    folder = checkpoint("bert", AutoModel)
    runner = load(folder, "feature-extraction")
    before = runner("the cat").vector.tolist()
    assert str(folder) not in Path("/proc/self/maps").read_text()
    (folder / "model.safetensors").write_bytes(b"")
    assert runner("the cat").vector.tolist() == before


def test_loading_prints_nothing(checkpoint: Make, capfd: pytest.CaptureFixture[str]) -> None:
    folder = checkpoint("roberta", AutoModelForMaskedLM)
    capfd.readouterr()
    load(folder, "feature-extraction")
    assert capfd.readouterr() == ("", "")


def test_half_precision_changes_little(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=3)
    half = duomo.load("text-classification", f"dir:{folder}", device="cpu", dtype="bfloat16")
    for outcome, exact in zip(
        half.map(["the cat", "a dog sat on the mat"]),
        load(folder).map(["the cat", "a dog sat on the mat"]),
        strict=True,
    ):
        assert outcome.meta.dtype == "bfloat16"
        assert outcome.unwrap().top.name == exact.unwrap().top.name
        assert outcome.unwrap().top.score == pytest.approx(exact.unwrap().top.score, abs=0.05)
