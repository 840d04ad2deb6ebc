"""A recipe refuses what contradicts itself, and says what it is."""

import dataclasses
import json
import pickle

import pytest

from duomo import Recipe
from duomo.errors import BadOption, UsageProblem
from duomo.training.optimizers import rate


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch": 0}, "batch"),
        ({"micro": 32, "batch": 16}, "micro=32 contradicts batch=16"),
        ({"warmup": 0.1, "schedule": "constant"}, "contradicts schedule"),
        ({"compile": True, "recompute": True}, "compile=True contradicts recompute"),
        ({"warmup": 1.0}, "warmup"),
        ({"lr": -1.0}, "lr"),
        ({"clip": 0.0}, "clip"),
        ({"optimizer": "adamax"}, "adamw, adam, sgd"),
        ({"class_weight": "balancd"}, "balanced"),
        ({"class_weight": {"a": -1.0}}, "class_weight"),
        ({"precision": "int8"}, "bfloat16"),
        ({"hang_s": 0.5}, "hang_s"),
        ({"epochs": True}, "epochs"),
        ({"epochs": 2.5}, "epochs"),
        ({"lr": "fast"}, "lr"),
        ({"lr": float("nan")}, "lr"),
        ({"warmup": "a bit"}, "warmup"),
        ({"decay": None}, "decay"),
        ({"seed": "x"}, "seed"),
        ({"class_weight": 3}, "class_weight"),
        ({"class_weight": {"a": "b"}}, "class_weight"),
        ({"clean": "strp"}, "strip"),
        ({"augment": 3}, "augment"),
        ({"batch": [16]}, "batch"),
        ({"smoothing": 1.0}, "smoothing"),
        ({"recompute": "yes"}, "recompute"),
        ({"only_answers": 1}, "only_answers"),
        ({"best": 3}, "best"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(settings, named):
    with pytest.raises(BadOption) as caught:
        Recipe(**settings)
    assert named in str(caught.value)
    assert caught.value.what.startswith(f"recipe: {next(iter(settings))}")
    assert caught.value.why
    assert caught.value.fix


def test_a_recipe_is_derived_and_never_changed():
    recipe = Recipe(epochs=1)
    assert dataclasses.replace(recipe, batch=4) == Recipe(epochs=1, batch=4)
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.epochs = 2  # type: ignore[misc]


def test_a_name_that_is_not_a_setting_is_answered_with_the_nearest():
    with pytest.raises(UsageProblem, match="batch"):
        Recipe(batchs=3)  # type: ignore[call-arg]


def test_names_may_come_as_one_text():
    assert Recipe(clean="strip, nfc", augment="flip").clean == ("strip", "nfc")  # type: ignore[arg-type]


def test_a_record_is_json_and_the_fingerprint_leaves_out_what_changes_no_weight():
    record = json.loads(json.dumps(Recipe(class_weight={"a": 2.0}).record()))
    assert record["class_weight"] == {"a": 2.0}
    assert Recipe(checkpoint_s=1, hang_s=20).fingerprint() == Recipe(checkpoint_s=2).fingerprint()
    assert Recipe(seed=1).fingerprint() != Recipe(seed=2).fingerprint()


def test_the_rate_rises_then_falls_as_the_schedule_says():
    linear = [rate(Recipe(warmup=0.2), 1.0, step, 10) for step in range(10)]
    assert linear == pytest.approx([0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])
    cosine = [rate(Recipe(schedule="cosine"), 2.0, step, 4) for step in range(4)]
    assert cosine == pytest.approx([2.0, 1.7071068, 1.0, 0.2928932])
    assert {rate(Recipe(schedule="constant"), 3.0, step, 4) for step in range(4)} == {3.0}
