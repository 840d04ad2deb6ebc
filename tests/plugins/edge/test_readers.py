"""Graphs with a duomo.json written by hand: read as it says, or refused with the entry that is wrong."""

import json

import numpy as np
import pytest

import duomo
from duomo.errors import DeviceUnavailable, ModelFailed, WeightsMismatch, WeightsMissing
from tests.plugins.edge import graphs


@pytest.fixture
def encoder(tmp_path):
    return graphs.text_encoder(tmp_path)


def rewrite(folder, **entries):
    record = json.loads((folder / "duomo.json").read_text())
    (folder / "duomo.json").write_text(json.dumps({**record, **entries}))


def vector(folder, text, **options):
    return np.asarray(duomo.run("feature-extraction", text, model=f"dir:{folder}", normalize=False, **options).vector)


def test_the_reader_is_chosen_by_the_folder_alone(encoder):
    with duomo.load(model=f"dir:{encoder}") as runner:
        assert runner.meta.model == f"dir:{encoder}"
        assert runner.task.name == "feature-extraction"


def test_poolings_are_those_of_the_token_vectors(encoder):
    table = graphs.weights(len(graphs.WORDS), graphs.WIDTH)
    rows = table[[graphs.WORDS.index(word) for word in "[CLS] a red ball [SEP]".split()]]
    places = np.arange(1, 6)[:, None]
    expected = {
        "mean": rows.mean(0),
        "max": rows.max(0),
        "cls": rows[0],
        "last": rows[-1],
        "mean_sqrt_len": rows.sum(0) / 5**0.5,
        "weighted_mean": (rows * places).sum(0) / places.sum(),
    }
    for name, wanted in expected.items():
        rewrite(encoder, pooling=[name])
        np.testing.assert_allclose(vector(encoder, "a red ball"), wanted, rtol=1e-5)
    rewrite(encoder, pooling=["cls", "mean"], dims=10)
    np.testing.assert_allclose(vector(encoder, "a red ball"), np.concatenate([rows[0], rows.mean(0)])[:10], rtol=1e-5)


def test_a_prompt_may_be_left_out_of_the_pooling(encoder):
    table = graphs.weights(len(graphs.WORDS), graphs.WIDTH)
    rewrite(encoder, prompts={"query": "i love "}, includes_prompt=False)
    kept = table[[graphs.WORDS.index(word) for word in "ball [SEP]".split()]]
    np.testing.assert_allclose(vector(encoder, "ball", prompt_name="query"), kept.mean(0), rtol=1e-5)


def test_the_default_prompt_stands_before_texts_and_labels_too(encoder):
    labels = ["face", "red"]
    rewrite(encoder, prompts={"x": "i love "}, default_prompt="x")
    rows = [vector(encoder, each, prompt="i love ") for each in ("ball", *labels)]
    units = np.stack([each / np.linalg.norm(each) for each in rows])
    odds = np.exp(units[1:] @ units[0] / 0.05)
    result = duomo.run("zero-shot-classification", "ball", model=f"dir:{encoder}", labels=labels)
    scores = {label.name: label.score for label in result.labels}
    np.testing.assert_allclose([scores[each] for each in labels], odds / odds.sum(), rtol=1e-4)
    alone = duomo.run("zero-shot-classification", "ball", model=f"dir:{encoder}", labels=["face"]).top.score
    assert alone == pytest.approx(1 / (1 + np.exp((0.15 - units[1] @ units[0]) / 0.05)), rel=1e-4)


def test_long_texts_follow_their_policy(encoder):
    rewrite(encoder, most_tokens=6)
    with duomo.load("feature-extraction", f"dir:{encoder}") as runner:
        [refused] = runner.map(["a ball face red ball face red"])
        assert refused.error.code == "E-INPUT-TOO-LONG"
        assert "9 tokens and the model reads 6" in refused.error.what
        [cut] = runner.map(["a ball face red ball face red"], long="truncate")
        assert cut.meta.truncated
        [whole] = runner.map(["a ball face red ball face red"], long="window")
        assert whole.meta.windows == 2


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"pooling": ["median"]}, "pooling"),
        ({"similarity": "taste"}, "similarity taste"),
        ({"poolign": ["mean"]}, "poolign: Extra inputs"),
        ({"most_tokens": "many"}, "most_tokens"),
        ({"inputs": {"ids": "words"}}, "no input named 'words'"),
        ({"graphs": {"network": "../model.onnx"}}, "names it"),
        ({"graphs": {"network": "other.onnx"}}, "names it"),
    ],
)
def test_a_wrong_entry_is_named(encoder, entries, said):
    rewrite(encoder, **entries)
    with pytest.raises((WeightsMismatch, WeightsMissing)) as caught:
        duomo.load("feature-extraction", f"dir:{encoder}")
    assert said in str(caught.value)


def test_what_is_not_a_graph_or_not_there_is_said(encoder):
    (encoder / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(WeightsMismatch, match="is not a graph that can be run"):
        duomo.load("feature-extraction", f"dir:{encoder}")
    (encoder / "tokenizer.json").unlink()
    graphs.text_encoder(encoder)
    (encoder / "tokenizer.json").unlink()
    with pytest.raises(WeightsMissing, match=r"no tokenizer.json"):
        duomo.load("feature-extraction", f"dir:{encoder}")


def test_labels_that_do_not_fit_the_graph_are_the_model_s_fault_and_not_the_image_s(tmp_path):
    graphs.image_classifier(tmp_path)
    rewrite(tmp_path, labels=["one", "two"])
    with pytest.raises((WeightsMismatch, ModelFailed), match="2 labels"):
        duomo.run("image-classification", np.zeros((20, 30, 3), np.uint8), model=f"dir:{tmp_path}")


def test_a_device_that_the_runtime_does_not_have_is_refused(encoder):
    pytest.importorskip("torch")
    with pytest.raises(DeviceUnavailable):
        duomo.load("feature-extraction", f"dir:{encoder}", device="cuda:0")


def test_images_are_cropped_and_scaled_as_torchvision_does():
    import torch
    from PIL import Image
    from torchvision.transforms import v2

    from duomo_edge.images.preparing import Preparation

    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    settings = {"height": 32, "width": 32, "resize": "shorter", "shorter": 40, "mean": mean, "std": std}
    prepare = Preparation.model_validate(settings)
    expected_of = v2.Compose(
        [v2.PILToTensor(), v2.Resize(40, antialias=True), v2.CenterCrop(32), v2.ToDtype(torch.float32, scale=True)]
    )
    normalize = v2.Normalize(mean, std)
    for at, size in enumerate([(64, 48), (47, 90), (33, 200), (500, 333)]):
        pixels = np.random.default_rng(at).integers(0, 256, (*size, 3), dtype=np.uint8)
        expected = normalize(expected_of(Image.fromarray(pixels))).numpy()
        found = prepare(Image.fromarray(pixels))
        assert found.shape == expected.shape
        # Never more than one level of 255 beside, and that in few places.
        levels = np.abs(found - expected) * np.asarray(std)[:, None, None] * 255
        assert levels.max() < 1.01
        assert (levels > 0.5).mean() < 0.02
