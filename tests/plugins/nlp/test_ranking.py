"""Texts ranked by a query, against sentence-transformers' `CrossEncoder`; scores agree within 1e-5."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling
from transformers import AutoModel, AutoModelForSequenceClassification

import duomo
from duomo.errors import WeightsMismatch, WeightsProblem, WrongTask

Make = Callable[..., Path]
QUERY = "Ada in Paris"
ITEMS = [
    (QUERY, ["the cat sat on the mat.", "Ada met Bob in Paris and London", "a dog"]),
    {"query": "a cat", "texts": ["one two three"]},
    ("a dog", ["a dog", "a dog", "the cat ran to the mat in Paris"]),
]


@pytest.fixture(scope="module", params=["bert", "roberta", "modernbert"])
def folder(request: pytest.FixtureRequest, checkpoint: Make) -> Path:
    return checkpoint(request.param, AutoModelForSequenceClassification, num_labels=1)


def set_activation(folder: Path, name: str) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["sentence_transformers"] = {"activation_fn": name}
    path.write_text(json.dumps(config), "utf-8")


@pytest.mark.equals("`CrossEncoder`, scores to 1e-5", "text-ranking")
@pytest.mark.parametrize("activation", ["torch.nn.modules.activation.Sigmoid", "torch.nn.modules.linear.Identity"])
def test_scores_and_order_are_those_of_the_cross_encoder(folder: Path, activation: str) -> None:
    set_activation(folder, activation)
    runner = duomo.load("text-ranking", f"dir:{folder}", device="cpu")
    bare = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    for item, outcome in zip(ITEMS, runner.map(ITEMS, batch_size=3), strict=True):
        query, texts = item if isinstance(item, tuple) else (item["query"], item["texts"])  # type: ignore[index]
        scores = bare.predict([(query, text) for text in texts], convert_to_numpy=True).tolist()
        for result in (outcome.unwrap(), runner(item)):
            assert {hit.index: hit.score for hit in result.hits} == pytest.approx(dict(enumerate(scores)), abs=1e-5)
            assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
            assert [texts[hit.index] for hit in result.hits] == [hit.item for hit in result.hits]
    assert len(runner(ITEMS[0], top_k=2).hits) == 2


def pooled(folder: Path, checkpoint: Path, pooling: str, out: int = 1) -> Path:
    """A CrossEncoder folder that makes a number of a pooled vector."""
    network = Transformer(str(checkpoint))
    width = network.get_embedding_dimension()
    last = Dense(8, out, activation_function=torch.nn.Identity(), module_output_name="scores")
    dense = [Dense(width, 8, activation_function=torch.nn.GELU()), LayerNorm(8), last]
    CrossEncoder(modules=[network, Pooling(width, pooling_mode=pooling), *dense], device="cpu").save_pretrained(
        str(folder)
    )
    return folder


@pytest.mark.equals("`CrossEncoder` of a pooling and dense layers, scores to 1e-5", "text-ranking")
@pytest.mark.parametrize(("kind", "pooling"), [("bert", "mean"), ("modernbert", "cls"), ("roberta", "max")])
def test_scores_of_a_folder_with_a_pooling_and_dense_layers(
    tmp_path: Path, checkpoint: Make, kind: str, pooling: str
) -> None:
    folder = pooled(tmp_path, checkpoint(kind, AutoModel), pooling)
    runner = duomo.load("text-ranking", f"dir:{folder}", device="cpu")
    bare = CrossEncoder(str(folder), device="cpu", local_files_only=True)
    seen = set()
    for item, outcome in zip(ITEMS, runner.map(ITEMS, batch_size=3), strict=True):
        query, texts = item if isinstance(item, tuple) else (item["query"], item["texts"])  # type: ignore[index]
        scores = bare.predict([(query, text) for text in texts], convert_to_numpy=True).tolist()
        for result in (outcome.unwrap(), runner(item)):
            assert {hit.index: hit.score for hit in result.hits} == pytest.approx(dict(enumerate(scores)), abs=1e-5)
        seen |= {*scores}
    assert len(seen) > 4
    long = "the cat sat on the mat " * 30
    [whole] = runner.map([(QUERY, ["a dog", long])], long="window")
    assert whole.meta.windows > 1


def test_steps_that_give_no_one_number_are_refused_by_name(tmp_path: Path, checkpoint: Make) -> None:
    base = checkpoint("bert", AutoModel)
    two = pooled(tmp_path / "two", base, "mean", out=2)
    with pytest.raises(WrongTask, match="does not do text-ranking") as wrong:
        duomo.load("text-ranking", f"dir:{two}", device="cpu")
    assert "2 numbers" in wrong.value.why
    folder = pooled(tmp_path / "one", base, "mean")
    for file, said, told in (
        (
            "4_Dense/config.json",
            {"module_output_name": "sentence_embedding"},
            "module_output_name='sentence_embedding'",
        ),
        ("2_Dense/config.json", {"module_input_name": "token_embeddings"}, "module_input_name='token_embeddings'"),
        ("1_Pooling/config.json", {"pooling_mode": "attention"}, "pooling_mode='attention'"),
    ):
        path = folder / file
        before = path.read_text("utf-8")
        path.write_text(json.dumps(json.loads(before) | said), "utf-8")
        with pytest.raises(WeightsMismatch) as caught:
            duomo.load("text-ranking", f"dir:{folder}", device="cpu")
        assert told in caught.value.why
        path.write_text(before, "utf-8")


@pytest.fixture(scope="module")
def bert(checkpoint: Make) -> duomo.Runner:
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=1)
    return duomo.load("text-ranking", f"dir:{folder}", device="cpu")


def test_equal_texts_keep_their_order(bert: duomo.Runner) -> None:
    assert [hit.index for hit in bert(ITEMS[2]).hits if hit.item == "a dog"] == [0, 1]


def test_a_long_text_is_an_error_cut_or_as_good_as_its_best_window(bert: duomo.Runner) -> None:
    long = "the cat sat on the mat " * 30
    refused, _ = bert.map([(QUERY, [long]), ITEMS[1]])
    assert "tokens and the model reads 64" in refused.error.what
    [whole] = bert.map([(QUERY, ["a dog", long])], long="window")
    [cut] = bert.map([(QUERY, ["a dog", long])], long="truncate")
    assert whole.meta.windows > 1
    assert cut.meta.truncated
    best, first = ({hit.index: hit.score for hit in each.unwrap().hits}[1] for each in (whole, cut))
    assert best >= first - 1e-6


def test_texts_that_all_answer_the_query_keep_their_order(checkpoint: Make) -> None:
    """A sigmoid of single precision is 1 for each of these (haiku.rag#529): the order would be that of the texts."""
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=1)
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {"classifier.bias": tensors["classifier.bias"] + 20}, folder / "model.safetensors")
    item = (QUERY, ["a dog", "the cat sat on the mat", "Ada met Bob in Paris", "a cat"])
    found = duomo.load("text-ranking", f"dir:{folder}", device="cpu")(item).hits
    set_activation(folder, "torch.nn.modules.linear.Identity")
    numbers = {hit.index: hit.score for hit in duomo.load("text-ranking", f"dir:{folder}", device="cpu")(item).hits}
    assert min(numbers.values()) > 17
    assert [hit.index for hit in found] == sorted(numbers, key=lambda at: -numbers[at]) != [0, 1, 2, 3]
    # What is left to 1, to a thousandth of itself.
    left = [1 / (1 + math.exp(numbers[hit.index])) for hit in found]
    assert [1 - hit.score for hit in found] == pytest.approx(left, rel=1e-3)


@pytest.mark.parametrize("item", [(QUERY, []), (QUERY, "a text"), QUERY, {"query": QUERY}])
def test_what_is_not_a_query_with_texts_is_refused(bert: duomo.Runner, item: object) -> None:
    bad, good = bert.map([item, ITEMS[1]])
    assert bad.error.code == "E-INPUT"
    assert good.ok


def test_a_query_that_leaves_no_room_for_a_text_is_refused(bert: duomo.Runner) -> None:
    with pytest.raises(duomo.BadInput, match="this query is too long"):
        bert(("the cat sat on the mat " * 10, ["a dog"]))


def test_a_classifier_of_several_labels_is_refused(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=2)
    with pytest.raises(WrongTask, match="text-ranking"):
        duomo.load("text-ranking", f"dir:{folder}", device="cpu")


def test_an_activation_that_is_not_known_is_refused_by_name(checkpoint: Make) -> None:
    folder = checkpoint("bert", AutoModelForSequenceClassification, num_labels=1)
    set_activation(folder, "torch.nn.modules.activation.Tanh")
    with pytest.raises(WeightsProblem, match=r"activation torch\.nn\.modules\.activation\.Tanh"):
        duomo.load("text-ranking", f"dir:{folder}", device="cpu")
