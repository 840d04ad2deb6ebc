"""Several labels a row: a sigmoid each, and lists of names in the data."""

import csv
import json
import random

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import duomo
from duomo import Recipe
from duomo.errors import BadInput
from duomo.training import check, evaluate
from duomo.training.metrics import Several as Scores
from duomo.training.request import Request

WORDS = {"animal": ["cat", "dog"], "place": ["Paris", "London"], "number": ["one", "two"]}
ROWS = [
    {"text": " ".join(WORDS[name][at % 2] for name in names) or "the end", "label": list(names), "id": f"{names}{at}"}
    for names in ([], ["animal"], ["place"], ["number"], ["animal", "place"], ["place", "number"], list(WORDS))
    for at in range(4)
]

RECIPE = Recipe(epochs=40, batch=8, lr=3e-3)


@pytest.fixture(scope="module")
def folder(checkpoint, tmp_path_factory):
    """A tiny BERT that has learned the labels."""
    base = checkpoint("bert", AutoModelForSequenceClassification, num_labels=2, id2label={0: "a", 1: "b"})
    out = tmp_path_factory.mktemp("several") / "out"
    given = {"model": f"dir:{base}", "out": out, "train": "all", "recipe": RECIPE}
    return duomo.finetune("text-classification", ROWS, validation=ROWS, **given).folder


@torch.no_grad()
def test_labels_above_a_half_are_those_of_the_rows_and_the_loss_is_that_of_transformers(folder):
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert network.config.problem_type == "multi_label_classification"
    scores = evaluate("text-classification", ROWS, model=f"dir:{folder}").scores
    said, losses = [], []
    runner, tokenizer = duomo.load("text-classification", f"dir:{folder}"), AutoTokenizer.from_pretrained(folder)
    for row in ROWS:
        said.append({each.name for each in runner(row["text"]) if each.score > 0.5})
        wanted = torch.tensor([[float(name in row["label"]) for name in network.config.id2label.values()]])
        losses.append(float(network(**tokenizer(row["text"], return_tensors="pt"), labels=wanted).loss))
    right = sum(names == set(row["label"]) for names, row in zip(said, ROWS, strict=True))
    assert scores["exact_match"].value == right / len(ROWS)
    assert scores["macro_f1"].value > 0.8
    assert scores["loss"].value == pytest.approx(sum(losses) / len(losses), abs=1e-5)


def test_a_cell_of_a_table_has_a_list_as_json(folder, tmp_path):
    with (tmp_path / "rows.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerows([["text", "label"], *([row["text"], json.dumps(row["label"])] for row in ROWS)])
    found = evaluate("text-classification", tmp_path / "rows.csv", model=f"dir:{folder}")
    assert found == evaluate("text-classification", ROWS, model=f"dir:{folder}")


@pytest.mark.parametrize(
    ("label", "why"),
    [("animal", "other rows have lists"), ([0, 1, 0], "0 and 1 for each label"), ([None], "one of its parts is none")],
)
def test_what_is_no_list_of_names_is_left_out_and_named(folder, label, why):
    checked = check(
        Request(
            task="text-classification", data=[*ROWS, {"text": "x", "label": label}], model=f"dir:{folder}", out=folder
        )
    )
    assert [(each.id, each.why) for each in checked.left_out if why in each.why] == [("28", checked.left_out[0].why)]
    assert checked.labels == ("animal", "number", "place")


def test_a_rare_name_is_told_and_each_of_the_others_is_on_both_sides(folder):
    rows = [*ROWS, {"text": "a fish", "label": ["animal", "fish"]}]
    checked = check(Request(task="text-classification", data=rows, model=f"dir:{folder}", out=folder))
    (rare,) = [each for each in checked.findings if "fewer than 2 rows" in each.what]
    assert rare.what.endswith(": fish")
    assert rare.rows == ("28",)
    unseen = [each.what for each in checked.findings if "not among the held-out rows" in each.what]
    assert unseen == ["1 class is not among the held-out rows: fish"]


def test_a_checkpoint_that_says_one_label_is_not_scored_on_lists(checkpoint):
    names = dict(enumerate(sorted(WORDS)))
    base = checkpoint("bert", AutoModelForSequenceClassification, num_labels=3, id2label=names)
    with pytest.raises(BadInput, match="it says one label of each row, and the rows have lists"):
        evaluate("text-classification", ROWS, model=f"dir:{base}")


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    chance = random.Random(0)
    wanted, said = ([[chance.random() < share for share in (0.5, 0.3, 0.1)] for _ in range(60)] for _ in range(2))
    found = Scores(["a", "b", "c"])
    rows = [
        [{name for name, is_it in zip("abc", row, strict=True) if is_it} for row in each] for each in (said, wanted)
    ]
    found.add(*(each[:20] for each in rows))
    other = Scores(["a", "b", "c"])
    other.add(*(each[20:] for each in rows))
    found.merge(other)
    scores = found.scores()
    for name, average in (("micro_f1", "micro"), ("macro_f1", "macro")):
        assert scores[name].value == pytest.approx(metrics.f1_score(wanted, said, average=average))
        assert scores[name].low < scores[name].value < scores[name].high
    assert scores["exact_match"].value == pytest.approx(metrics.accuracy_score(wanted, said))
