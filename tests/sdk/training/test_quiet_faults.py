"""What would go wrong without a word: labels, stopping early, losses that are not finite."""

import itertools
import json
import math
from typing import Any

import pytest
import torch

import duomo
from duomo import Recipe
from duomo.errors import BadInput, BadOption
from duomo.training.rows import _size  # what is counted shows only where 2 GiB are full


def weights(fit) -> bytes:
    return (fit.folder / "model.safetensors").read_bytes()


def test_labels_that_look_alike_are_reported(fit, rows):
    found = fit([{**row, "label": row["label"].title() if at % 3 else row["label"]} for at, row in enumerate(rows)])
    assert found.labels == ("Bird", "Fish", "bird", "fish")
    (finding,) = [each for each in found.findings if "look alike" in each.what]
    assert "'Bird' and 'bird'" in finding.what


@pytest.mark.parametrize("how", ["cleaned", "unreadable"])
def test_one_class_that_is_left_is_nothing_to_tell_apart(fit, rows, how):
    birds = [row for row in rows if row["label"] == "bird"]
    other = {"text": birds[0]["text"] if how == "cleaned" else "unreadable", "label": "fish"}
    with pytest.raises(BadInput, match="every row has the label 'bird'"):
        fit([*birds, other], clean=("drop_conflicts",))


def test_an_array_is_no_name(fit, rows):
    numpy = pytest.importorskip("numpy")
    with pytest.raises(BadInput, match="is not a name"):
        fit([{**row, "label": numpy.array([1, 2])} for row in rows])


def test_weights_of_classes_may_be_named_by_numbers(fit, rows):
    numbered = [{**row, "label": int(row["label"] == "bird")} for row in rows]
    found = fit(numbered, class_weight={1: 3.0}, out="numbers")
    assert weights(found) == weights(fit(numbered, class_weight={"1": 3.0}, out="names"))
    by_number: Any = {1: 3.0}
    assert Recipe(class_weight=by_number).record()["class_weight"] == {"1": 3.0}


def test_patience_without_rows_that_are_held_out_is_refused(fit, rows):
    with pytest.raises(BadOption, match="patience=1 needs rows that are held out"):
        fit(rows, validation=0, patience=1)


def test_a_training_that_stopped_early_and_was_killed_before_its_folder_stops_there_again(fit, rows, monkeypatch):
    given = {"epochs": 30, "patience": 1, "lr": 0.3, "checkpoint_s": 0}
    whole = fit(rows, out="whole", **given)
    assert whole.record["steps"] < 30 * 5, "it was not stopped early"

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("duomo.training.finishing.finish", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(rows, out="killed", **given)
    again = fit(rows, out="killed", resume=True, **given)
    assert again.record["steps"] == whole.record["steps"]
    assert weights(again) == weights(whole)


def test_early_stopping_is_resumed_from_any_step(fit, rows):
    given = {"epochs": 30, "patience": 2, "lr": 0.3, "checkpoint_s": 0}
    whole = fit(rows, out="whole", **given)
    for after in (1, whole.record["best_step"], whole.record["steps"] - 1):
        count = itertools.count(1)

        def stop(progress, count=count, after=after):
            if next(count) == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(rows, out=f"stopped-{after}", on_step=stop, **given)
        assert weights(fit(rows, out=f"stopped-{after}", resume=True, **given)) == weights(whole)


def strict(path) -> object:
    """JSON as other languages read it."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def test_a_held_out_row_whose_loss_is_not_finite_is_named_and_in_no_mean(fit, rows):
    held = rows[::6]
    given = {"model": "toys/poison", "epochs": 1}
    plain = fit(rows, validation=held, out="plain", **given)
    found = fit(rows, validation=[*held, {"id": "bad", "text": "poison", "label": "bird"}], out="found", **given)
    assert found.metrics["loss"] == plain.metrics["loss"]
    assert found.metrics["accuracy"].num_rows == len(held) + 1
    (finding,) = [each for each in found.findings if "is not finite" in each.what]
    assert finding.rows == ("bad",)
    strict(found.folder / "log.jsonl")


def test_where_no_held_out_row_has_a_finite_loss_the_folder_is_whole_all_the_same(fit, rows):
    held = [{"text": f"poison {at}", "label": ("bird", "fish")[at % 2]} for at in range(4)]
    found = fit(rows, model="toys/poison", validation=held)
    assert math.isnan(found.metrics["loss"].value)
    strict(found.folder / "log.jsonl")
    text = (found.folder / "fit.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["metrics"]["loss"]["value"] is None
    assert math.isnan(duomo.Fit.read(found.folder).metrics["loss"].value)


def test_a_row_that_was_left_out_is_not_among_the_hardest(fit, rows):
    found = fit([*rows, {"id": "bad", "text": "poison", "label": "bird"}], model="toys/poison", validation=0)
    assert [each.id for each in found.rows.left_out] == ["bad"]
    ids, losses = zip(*found.rows.highest_losses, strict=True)
    assert "bad" not in ids
    assert list(losses) == sorted(losses, reverse=True)
    assert all(map(math.isfinite, losses))


def test_features_in_mappings_are_counted():
    """Those of audio clips are: memory would be filled beyond its bound without a word."""
    tensor = torch.zeros(1000)
    assert _size({"inputs": {"values": tensor}, "ids": [1, 2]}) == tensor.nbytes + 16
