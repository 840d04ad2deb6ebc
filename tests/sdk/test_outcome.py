"""What comes back for an item, as an object and as JSON."""

import dataclasses
import json
import pickle
import traceback

import numpy as np
import pytest

from duomo.errors import InputMissing, ModelFailed
from duomo.outcome import ItemError, Meta, Outcome, outcome_of
from duomo.tasks.results import Classification, Embedding
from duomo.tasks.speech.synthesis import Speech

META = Meta("image-classification", "vision/x", "duomo-vision 1.0", "sha256:0")
CAT = Classification.ranked(["cat", "dog"], [0.9, 0.1])


def failed(error: Exception) -> Outcome:
    return outcome_of(3, "cat.jpg", None, ItemError.of(error), META)


def test_a_good_and_a_bad_outcome_have_one_shape_in_json():
    good = json.loads(outcome_of(0, "cat.jpg", CAT, None, META).to_json())
    bad = json.loads(failed(InputMissing("no file", why="gone", fix="look")).to_json())
    assert list(good) == list(bad) == ["schema", "index", "id", "ok", "result", "error", "meta"]
    assert good["schema"] == "duomo.outcome/1"
    assert (good["ok"], good["error"]) == (True, None)
    # the same decimals, written and read
    assert good["result"] == {"labels": [{"name": "cat", "score": 0.9}, {"name": "dog", "score": 0.1}]}
    assert (bad["ok"], bad["result"], bad["index"], bad["id"]) == (False, None, 3, "cat.jpg")
    assert bad["error"] == {"code": "E-INPUT-MISSING", "what": "no file", "why": "gone", "fix": "look"}


def test_meta_says_how_a_result_came_about():
    meta = outcome_of(0, "a", CAT, None, META).to_dict()["meta"]
    assert set(meta) == {field.name for field in dataclasses.fields(Meta)}
    assert {"task", "model", "plugin", "revision", "device", "dtype", "executor", "batch", "ms"} < set(meta)


def test_a_number_that_is_none_is_null_in_json():
    line = outcome_of(0, "a", Embedding(vector=[float("nan"), float("inf"), 1.0]), None, META).to_json()
    assert json.loads(line, parse_constant=pytest.fail)["result"] == {"vector": [None, None, 1.0]}


@pytest.mark.parametrize("error", [None, InputMissing("no 'file'", why="gone")])
def test_the_line_says_what_the_dict_says_in_the_same_order(error):
    cause = None if error is None else ItemError.of(error)
    outcome = outcome_of(7, '猫"\n.jpg', CAT if error is None else None, cause, META)
    assert list(json.loads(outcome.to_json()).items()) == list(outcome.to_dict().items())
    assert "\n" not in outcome.to_json()


def test_sound_is_base64_in_json_and_comes_back_the_same():
    speech = Speech(wav=bytes(range(256)), sampling_rate=24_000, duration=0.1)
    result = json.loads(outcome_of(0, "a", speech, None, META).to_json())["result"]
    assert Speech.model_validate_json(json.dumps(result)) == speech


def test_letters_of_all_scripts_stay_readable_in_json():
    assert "猫" in outcome_of(0, "猫.jpg", Classification.ranked(["猫"], [1.0]), None, META).to_json()


def test_unwrapping_gives_the_result_or_raises_the_items_own_error():
    assert outcome_of(0, "a", CAT, None, META).unwrap() is CAT
    original = InputMissing("no file")
    with pytest.raises(InputMissing) as caught:
        failed(original).unwrap()
    assert caught.value is original


def test_an_error_of_many_items_keeps_no_frame_of_those_that_it_was_raised_for():
    outcome = failed(InputMissing("no file"))
    depths = set()
    for _ in range(5):
        with pytest.raises(InputMissing) as caught:
            outcome.unwrap()
        depths.add(len(list(traceback.walk_tb(caught.value.__traceback__))))
    assert len(depths) == 1, "the frames of one item hold what its caller was working on"


def test_an_exception_of_the_models_code_becomes_ours_and_stays_the_cause():
    try:
        raise KeyError("pixels")
    except KeyError as error:
        outcome = failed(error)
    assert outcome.error.type == "KeyError"
    assert "raise KeyError" in outcome.error.traceback
    with pytest.raises(ModelFailed, match="KeyError: 'pixels'") as caught:
        outcome.unwrap()
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_outcome_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome_of(0, "a", CAT, None, META).index = 1  # type: ignore[misc]


class Knotted(Exception):
    """An exception that cannot be pickled."""

    def __init__(self):
        super().__init__("knotted")
        self.knot = lambda: None


def test_an_outcome_crosses_processes_and_its_error_keeps_its_class():
    good = outcome_of(0, "cat.jpg", CAT, None, META)
    assert pickle.loads(pickle.dumps(good)) == good
    bad = pickle.loads(pickle.dumps(failed(InputMissing("no file", why="gone", fix="look"))))
    with pytest.raises(InputMissing) as caught:
        bad.unwrap()
    assert caught.value.fix == "look"
    knotted = pickle.loads(pickle.dumps(failed(Knotted())))
    assert knotted.error.type == "Knotted"
    with pytest.raises(ModelFailed, match="knotted"):
        knotted.unwrap()


def test_half_a_character_in_a_result_is_spelled_out_and_does_not_cost_the_file():
    outcome = outcome_of(0, "a", Classification.ranked(["猫\udc80"], [float("nan")]), None, META)
    line = outcome.to_json()
    line.encode("utf-8")
    result = json.loads(line, parse_constant=pytest.fail)["result"]
    assert result == outcome.to_dict()["result"]
    assert (result["labels"][0]["name"], result["labels"][0]["score"]) == ("猫\\udc80", None)


def test_half_a_character_of_a_name_is_spelled_out_in_the_dict_and_the_line():
    error = ItemError.of(InputMissing("no file 'caf\udce9'", fix="look at caf\udce9"))
    bad = outcome_of(0, "caf\udce9", None, error, META)
    assert json.loads(bad.to_json()) == bad.to_dict()
    json.dumps(bad.to_dict(), ensure_ascii=False).encode("utf-8")
    assert (bad.to_dict()["id"], bad.to_dict()["error"]["fix"]) == (r"caf\udce9", r"look at caf\udce9")


def test_stacked_outcomes_are_a_matrix_of_their_vectors_and_others_stay_objects():
    vectors = [outcome_of(at, str(at), Embedding(vector=[at, 2.0]), None, META) for at in range(3)]
    assert np.array_equal(np.stack(vectors), [[0, 2], [1, 2], [2, 2]])
    good, bad = outcome_of(0, "cat.jpg", CAT, None, META), failed(InputMissing("no file", fix="look"))
    assert np.array([good, bad]).tolist() == [good, bad]
    with pytest.raises(ValueError, match="same shape"):
        np.stack([vectors[0], bad])
