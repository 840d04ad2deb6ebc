"""Data and calls that cannot be learnt from are answered before the first step, with the reason and a way out."""

import json

import pytest

import duomo
from duomo.errors import BadInput, UnknownModel, UnknownTask, UsageProblem, WrongTask


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([{"text": f"t {at}", "label": "bird"} for at in range(9)], "every row has the label 'bird'"),
        ([{"text": f"t {at}", "label": at / 7} for at in range(30)], "holds numbers, and names of classes are meant"),
        ([{"text": f"t {at}", "label": at / 7} for at in range(12)], "holds numbers, and names of classes are meant"),
        ([{"text": "a", "stars": 1}], "there is no column 'label' to learn"),
        ([{"text": "a", "label": ["x", "y"]}], "is not a name"),
        ([{"text": f"t {at}", "label": b"xy"[at % 2 :]} for at in range(9)], "is not a text"),
    ],
)
def test_labels_that_cannot_be_learnt(fit, rows, named):
    with pytest.raises(BadInput) as caught:
        fit(rows)
    assert named in str(caught.value)
    assert caught.value.why
    assert caught.value.fix


def test_whole_numbers_are_names_in_their_order(fit):
    rows = [{"text": f"{'abc'[at % 3] * 5} {at}", "label": (at % 3) * 9 + 1} for at in range(30)]
    assert fit(rows).labels == ("1", "10", "19")


def test_a_validation_part_of_its_own_is_checked_against_the_training_part(fit, rows):
    held = [rows[0], {"text": "a shark", "label": "fish"}, {"text": "a newt", "label": "amphibian"}]
    found = fit(rows, validation=held)
    assert found.rows.validated == 2
    assert [each.what for each in found.rows.left_out] == ["label 'amphibian' is unknown"]
    assert any("1 held-out row is in the training part too" in each.what for each in found.findings)


@pytest.mark.parametrize("held", [{"text": "a newt", "label": "amphibian"}, {"text": "", "label": "bird"}])
def test_validation_data_of_which_no_row_can_be_used(fit, rows, held):
    with pytest.raises(BadInput, match="there is no row to hold out") as caught:
        fit(rows, validation=[held])
    assert caught.value.why
    assert caught.value.fix


def test_weights_with_which_nothing_would_be_learned(fit, rows):
    with pytest.raises(BadInput, match="class_weight is 0 for each row"):
        fit(rows, class_weight={"bird": 0.0, "fish": 0.0})


def test_a_class_with_one_row_is_reported(fit, rows):
    found = fit([*rows, {"text": "a newt", "label": "amphibian"}])
    assert any("fewer than 2 rows to train on: amphibian" in each.what for each in found.findings)


def test_the_rows_that_cannot_be_used_are_named_where_one_label_is_left(fit):
    with pytest.raises(BadInput, match="every row has the label") as caught:
        fit([{"text": "x" * (at % 2), "label": "bf"[at % 2]} for at in range(9)])
    assert "5 rows cannot be used, the first: 0: " in caught.value.why


def test_a_part_that_no_row_can_be_held_out_of_is_reported(fit):
    found = fit([{"text": "ab"[at % 2], "label": "bf"[at % 2]} for at in range(20)])
    assert not found.metrics
    assert "no row is held out" in [each.what for each in found.findings]


@pytest.mark.parametrize("share", [1, 1.5, -0.1])
def test_a_share_that_is_none(fit, rows, share):
    with pytest.raises(UsageProblem, match="is not a share"):
        fit(rows, validation=share)


def test_a_model_that_cannot_be_trained_names_the_nearest_that_can(fit, rows):
    with pytest.raises(WrongTask) as caught:
        fit(rows, model="toys/formula")
    assert "no network that could learn" in caught.value.why
    assert "-m toys/letters" in caught.value.fix


@pytest.mark.parametrize("model", ["nlp/vader", "vision/blazeface"])
def test_what_is_a_formula_or_a_graph_is_refused_with_a_checkpoint_that_learns(rows, tmp_path, model):
    """A lexicon, and a graph whose weights are not torch's: the reason, and what can be trained instead."""
    task = "text-classification" if model.startswith("nlp") else "image-classification"
    with pytest.raises((WrongTask, UnknownModel)) as caught:
        duomo.finetune(task, rows, model=model, out=tmp_path / "out")
    assert caught.value.why
    assert "-m " in caught.value.fix
    assert not (tmp_path / "out").exists()


def test_a_kind_of_network_says_how_it_is_started(rows, tmp_path):
    with pytest.raises(UsageProblem, match="'nlp/gru' has no weights to start from") as caught:
        duomo.finetune("text-classification", rows, model="nlp/gru", out=tmp_path / "out")
    assert caught.value.fix.startswith("duomo.pretrain(…, architecture='gru')  (--architecture gru), or start from a")


def test_a_graph_names_the_checkpoint_that_it_was_exported_from(rows, tmp_path):
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "network.onnx").touch()
    about = {"model": "edge/text-classifier", "task": "text-classification", "source": {"model": "dir:stars"}}
    (tmp_path / "graph" / "duomo.json").write_text(json.dumps(about))
    with pytest.raises(WrongTask, match="cannot be trained") as caught:
        duomo.finetune("text-classification", rows, model=f"dir:{tmp_path / 'graph'}", out=tmp_path / "out")
    assert caught.value.fix.startswith("-m dir:stars, which it was exported from")


def test_random_numbers_are_offered_where_no_checkpoint_is_at_hand(tmp_path):
    with pytest.raises(UnknownModel, match="no model to start from is at hand") as caught:
        duomo.finetune("fill-mask", ["a text"], out=tmp_path / "out")
    assert "--pretrain" in caught.value.fix


def test_names_that_nobody_registered(fit, rows, catalog, tmp_path):
    with pytest.raises(UnknownModel, match="toys/leters"):
        fit(rows, model="toys/leters")
    with pytest.raises(UnknownTask, match="text-clasification"):
        duomo.finetune("text-clasification", rows, out=tmp_path / "x", catalog=catalog)


@pytest.mark.parametrize("train", ["torso", 0, -1, True, 1.5])
def test_what_is_trained_is_a_known_word_or_a_number_of_layers(fit, rows, train):
    with pytest.raises(UsageProblem, match="train cannot be"):
        fit(rows, train=train)


def test_more_layers_than_there_are(fit, rows):
    with pytest.raises(UsageProblem, match="3 upper layers of 'toys/letters' cannot be trained") as caught:
        fit(rows, train=3)
    assert (caught.value.why, caught.value.fix) == ("it has 2 layers", "train=1 to 2, 'head' or 'all'")
