"""Exports: verified against the original, refused with a reason, and whole or not loaded."""

import json
import os
import shutil

import numpy as np
import onnxruntime
import pytest
import torch
from transformers.utils.import_utils import torch_compilable_check

import duomo
from duomo.errors import ExportRefused, UsageProblem, WeightsMismatch
from duomo.export import export, graphs
from duomo.export.comparing import difference
from duomo.model import PortableNetwork
from duomo.tasks.results import Classification, Embedding
from tests.contract import test_every_family as tiny
from tests.plugins.vision import tiny as detectors

TEXTS = ["i love this camera", "the parcel came late", "ada was born in london a ball a face red " * 4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where checkpoints and artefacts of this file are."""
    return tmp_path_factory.mktemp("export")


@pytest.fixture(scope="module")
def encoder(folder):
    """A tiny BERT in transformers layout, and its artefact."""
    torch.manual_seed(0)
    (folder / "bert").mkdir()
    tiny.bert(tiny.BertModel)(folder / "bert")
    return folder / "bert", export(f"dir:{folder / 'bert'}", folder / "bert-onnx", task="feature-extraction", on=TEXTS)


def test_an_artefact_gives_the_original_s_vectors_and_says_how_near(encoder):
    checkpoint, artifact = encoder
    for options in ({}, {"pooling": "cls", "normalize": False}, {"prompt": "a ball"}):
        with duomo.load("feature-extraction", f"dir:{checkpoint}") as runner:
            expected = [outcome.unwrap().vector for outcome in runner.map(TEXTS, **options)]
        with duomo.load("feature-extraction", artifact.reference) as runner:
            found = [outcome.unwrap().vector for outcome in runner.map(TEXTS, **options)]
        np.testing.assert_allclose(found, expected, atol=1e-5)
    measured = json.loads((artifact.folder / "duomo.json").read_text())["measured"]
    assert measured["difference"] == artifact.difference
    assert 0 <= artifact.difference < 1e-3
    assert measured["inputs"] == 3
    assert measured["given"]
    assert min(measured["ms"].values()) > 0


def test_one_artefact_does_all_that_vectors_are_good_for(encoder):
    checkpoint, artifact = encoder
    calls: dict[str, tuple[object, dict[str, list[str]]]] = {
        "sentence-similarity": (("a red ball", ["a face", "red ball red"]), {}),
        "semantic-search": ("a ball", {"corpus": TEXTS}),
    }
    for task, (item, options) in calls.items():
        results = []
        for model in (f"dir:{checkpoint}", artifact.reference):
            with duomo.load(task, model) as runner:
                results.append(runner(item, **options))
        assert difference(*results)[0] < 1e-4


def test_a_changed_byte_is_refused_at_load(encoder, tmp_path):
    _, artifact = encoder
    for name in ("network.onnx", "tokenizer.json"):
        copy = shutil.copytree(artifact.folder, tmp_path / name)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        with pytest.raises(WeightsMismatch, match="was changed after it was written"):
            duomo.load("feature-extraction", f"dir:{copy}")
    copy = shutil.copytree(artifact.folder, tmp_path / "record")
    record = (copy / "duomo.json").read_text()
    (copy / "duomo.json").write_text(record.replace('"mean"', '"max"'))
    with pytest.raises(WeightsMismatch, match=r"duomo.json' was changed"):
        duomo.load("feature-extraction", f"dir:{copy}")


def test_a_missing_file_and_a_file_elsewhere_are_refused(encoder, tmp_path):
    _, artifact = encoder
    copy = shutil.copytree(artifact.folder, tmp_path / "copy")
    (copy / "tokenizer.json").unlink()
    with pytest.raises(WeightsMismatch, match=r"no file 'tokenizer.json'"):
        duomo.load("feature-extraction", f"dir:{copy}")
    record = json.loads((copy / "duomo.json").read_text())
    del record["digest"]
    (copy / "duomo.json").write_text(json.dumps({**record, "files": {"../outside": "0"}}))
    (tmp_path / "outside").write_text("")
    with pytest.raises(WeightsMismatch, match=r"no file '../outside'"):
        duomo.load("feature-extraction", f"dir:{copy}")


def test_other_executors_take_an_artefact(encoder):
    _, artifact = encoder
    with duomo.load("feature-extraction", artifact.reference, executor="local", devices="cpu") as runner:
        outcomes = list(runner.map([*TEXTS, ""]))
    assert [each.ok for each in outcomes] == [True, True, True, False]


@pytest.mark.parametrize(
    ("task", "save"),
    [
        ("text-classification", tiny.bert(tiny.BertForSequenceClassification)),
        ("image-classification", tiny.vit),
    ],
)
def test_classifiers_keep_labels_and_scores(task, save, tmp_path):
    torch.manual_seed(0)
    (tmp_path / "checkpoint").mkdir()
    save(tmp_path / "checkpoint")
    if task == "text-classification":  # the sample's texts are longer than this model reads
        settings = json.loads((tmp_path / "checkpoint" / "tokenizer_config.json").read_text())
        (tmp_path / "checkpoint" / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 8}))
    artifact = export(f"dir:{tmp_path / 'checkpoint'}", tmp_path / "onnx", task=task)
    assert artifact.difference < 5e-3
    assert artifact.record["task"] == task
    assert artifact.truncated == (2 if task == "text-classification" else 0)


@pytest.mark.slow
def test_a_detector_finds_the_boxes_of_the_original(tmp_path):
    """RT-DETRv2 chooses its queries by their scores, and the graph chooses the same."""
    (tmp_path / "checkpoint").mkdir()
    detectors.save(lambda: detectors.told_apart(detectors.rt_detr_v2), tmp_path / "checkpoint")
    photo = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    artifact = export(f"dir:{tmp_path / 'checkpoint'}", tmp_path / "onnx", task="object-detection", on=[photo])
    assert artifact.difference < 5e-3
    found = []
    for model in (f"dir:{tmp_path / 'checkpoint'}", artifact.reference):
        with duomo.load("object-detection", model) as runner:
            found.append(runner(photo, threshold=0.1))
    assert len(found[0].boxes) > 1
    assert difference(*found)[0] < 0.05


@pytest.mark.slow
def test_a_graph_of_d_fine_differs_by_what_resizing_does(tmp_path):
    """Where nothing is resized it gives the original's boxes, so that the rest is Pillow's; the network is random."""
    (tmp_path / "checkpoint").mkdir()
    detectors.save(lambda: detectors.told_apart(detectors.d_fine), tmp_path / "checkpoint")
    photo = np.random.default_rng(2).integers(0, 255, (90, 120, 3), np.uint8)
    original, square = f"dir:{tmp_path / 'checkpoint'}", photo[:64, :64].copy()
    artifact = export(original, tmp_path / "onnx", task="object-detection", on=[square])
    assert artifact.difference < 2e-4
    with duomo.load("object-detection", original) as here, duomo.load("object-detection", artifact.reference) as there:
        assert 1e-3 < difference(here(photo, threshold=0.1), there(photo, threshold=0.1))[0] < 0.02


class Checking(torch.nn.Module):
    """A network that checks a size as those of transformers do: on a tensor, which is traced."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch_compilable_check(x.abs().sum() >= 0, "a size is wrong")
        return 2 * x


def test_checks_of_sizes_become_no_operators(tmp_path, monkeypatch):
    monkeypatch.delenv("TRANSFORMERS_DISABLE_TORCH_CHECK", raising=False)
    network = PortableNetwork(Checking(), {"x": torch.ones(1, 3)}, ("y",), {})
    graphs.write_onnx(network, tmp_path / "checking.onnx", "checking")
    assert "TRANSFORMERS_DISABLE_TORCH_CHECK" not in os.environ
    session = onnxruntime.InferenceSession(str(tmp_path / "checking.onnx"), providers=["CPUExecutionProvider"])
    [doubled] = session.run(None, {"x": np.full((1, 3), 4, np.float32)})
    assert doubled.tolist() == [[8, 8, 8]]


@pytest.fixture
def same_graph(encoder, monkeypatch):
    """The graph of the encoder is that of its artefact: to trace it again takes longer than all the rest."""
    made = encoder[1].folder
    monkeypatch.setattr(graphs, "write_onnx", lambda _, file, name: shutil.copy(made / file.name, file))


@pytest.mark.slow
@pytest.mark.usefixtures("same_graph")
def test_openvino_gives_the_same(encoder, folder):
    pytest.importorskip("openvino")
    checkpoint, _ = encoder
    artifact = export(f"dir:{checkpoint}", folder / "bert-ov", task="feature-extraction", format="openvino")
    assert {each.suffix for each in artifact.folder.iterdir()} >= {".xml", ".bin", ".json"}
    assert not list(artifact.folder.glob("*.onnx"))
    assert artifact.difference < 1e-3


@pytest.mark.slow
@pytest.mark.usefixtures("same_graph")
def test_int8_is_kept_only_within_its_tolerance_and_leaves_nothing_when_refused(encoder, folder):
    checkpoint, exact = encoder
    task = "feature-extraction"
    artifact = export(f"dir:{checkpoint}", folder / "bert-int8", task=task, int8=True, on=TEXTS, tolerance=0.5)
    assert exact.difference < artifact.difference <= 0.5
    assert artifact.record["precision"] == "int8"
    before = sorted(folder.iterdir())
    with pytest.raises(ExportRefused, match="its results are not the original's") as caught:
        export(f"dir:{checkpoint}", folder / "bert-int8-exact", task=task, int8=True, on=TEXTS, tolerance=1e-6)
    assert "1e-06 is allowed" in caught.value.why
    assert sorted(folder.iterdir()) == before


def test_what_cannot_be_exported_says_why_and_what_can(folder):
    torch.manual_seed(0)
    (folder / "llama").mkdir()
    tiny.llama(folder / "llama")
    with pytest.raises(ExportRefused, match="cannot be exported") as caught:
        export(f"dir:{folder / 'llama'}", folder / "llama-onnx", task="text-generation")
    assert "token by token" in caught.value.why
    assert "nlp/minilm" in caught.value.fix
    (folder / "detr").mkdir()
    detectors.save(detectors.detr, folder / "detr")
    with pytest.raises(ExportRefused, match="cannot be exported") as caught:
        export(f"dir:{folder / 'detr'}", folder / "detr-onnx", task="object-detection")
    assert "prepared in a way" in caught.value.why


@pytest.mark.embedded
def test_a_model_that_is_a_graph_already_is_named_by_its_graph(folder):
    with pytest.raises(ExportRefused) as caught:
        export("speech/hibari", folder / "hibari")
    assert "'edge/hibari' runs without torch" in caught.value.why
    assert caught.value.fix == 'duomo models add edge/hibari; then model="edge/hibari"  (-m edge/hibari)'


def test_an_artefact_is_not_exported_again(encoder, folder):
    with pytest.raises(ExportRefused) as caught:
        export(encoder[1].reference, folder / "again", task="feature-extraction")
    assert "already" in caught.value.why


def test_wrong_calls_are_refused_before_anything_is_loaded(encoder, folder):
    checkpoint, artifact = encoder
    with pytest.raises(UsageProblem, match="no export format 'onxx'") as caught:
        export(f"dir:{checkpoint}", folder / "x", format="onxx")
    assert "'onnx'" in caught.value.why
    with pytest.raises(UsageProblem, match="no 8-bit form"):
        export(f"dir:{checkpoint}", folder / "x", format="openvino", int8=True)
    with pytest.raises(UsageProblem, match="tolerance"):
        export(f"dir:{checkpoint}", folder / "x", tolerance=0)
    with pytest.raises(UsageProblem, match="has no name"):
        export(f"dir:{checkpoint}", "")
    with pytest.raises(UsageProblem, match="is there already"):
        export(f"dir:{checkpoint}", artifact.folder, task="feature-extraction")


def labels(**scores):
    return Classification.model_validate({"labels": [{"name": name, "score": each} for name, each in scores.items()]})


def test_results_are_compared_by_label_and_a_new_first_label_is_another_result():
    assert difference(labels(a=0.5, b=0.3, c=0.2), labels(a=0.5, c=0.25, b=0.25))[0] == pytest.approx(0.1)
    assert difference(labels(a=0.5, b=0.5), labels(b=0.5, a=0.5)) == (float("inf"), "labels: the first")
    vector = Embedding(vector=[2.0, -4.0])
    assert difference(vector, Embedding(vector=[2.0, -3.0])) == (0.25, "vector")
    assert difference(vector, Embedding(vector=[2.0]))[0] == float("inf")
    assert difference(vector, Embedding(vector=[2.0, float("nan")]))[0] == float("inf")
