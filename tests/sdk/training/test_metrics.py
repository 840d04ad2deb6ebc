"""Scores equal to those of scikit-learn on random data, and intervals that hold what they say."""

import math
import random
from itertools import chain

import pytest

from duomo.training.intervals import Interval
from duomo.training.metrics import Answers, Classes, Loss, Named, Numbers, Tokens, WordErrors
from duomo.training.weighing import row_weights

CHANCE = random.Random(0)


@pytest.mark.parametrize(("num_classes", "num_rows"), [(2, 50), (5, 200), (7, 30)])
def test_scores_of_names_are_those_of_scikit_learn(num_classes, num_rows):
    metrics = pytest.importorskip("sklearn.metrics")
    from sklearn.utils.class_weight import compute_sample_weight

    names = [f"class {at}" for at in range(num_classes)]
    wanted = [CHANCE.choice(names) for _ in range(num_rows)]
    said = [name if CHANCE.random() < 0.6 else CHANCE.choice(names) for name in wanted]
    found = Classes(names)
    found.add(said, wanted)
    assert found.scores()["accuracy"].value == pytest.approx(metrics.accuracy_score(wanted, said))
    assert found.scores()["macro_f1"].value == pytest.approx(metrics.f1_score(wanted, said, average="macro"))
    assert found.confusion == metrics.confusion_matrix(wanted, said, labels=names).tolist()
    weights = row_weights("balanced", "classes", wanted, names)
    assert weights == pytest.approx(compute_sample_weight("balanced", wanted).tolist())
    tokens, outside = Tokens(), {names[0]: "O"}
    rows = [[outside.get(name, name) for name in each] for each in (said, wanted)]
    tokens.add(*[[Named(row[:9], set()), Named(row[9:], set())] for row in rows])
    expected = metrics.f1_score(rows[1], rows[0], average="macro", labels=sorted({*chain(*rows)} - {"O"}))
    assert tokens.scores()["macro_f1"].value == pytest.approx(expected)


def regression(num_rows: int) -> dict[str, Interval]:
    """Predictions that leave .2 of the variance."""
    found = Numbers()
    labels = [CHANCE.gauss(0, 1) for _ in range(num_rows)]
    found.add([0.8 * each + CHANCE.gauss(0, 0.4) for each in labels], labels)
    return found.scores()


def test_the_share_of_variance_explained_is_that_of_scikit_learn_and_its_interval_holds_what_it_says():
    """With 95 % confidence: of 300 draws of 60 rows, .91 to .98 hold the true share."""
    metrics = pytest.importorskip("sklearn.metrics")
    labels, said = ([CHANCE.gauss(0, 1) for _ in range(40)] for _ in range(2))
    found = Numbers()
    found.add(said, labels)
    assert found.scores()["r2"].value == pytest.approx(metrics.r2_score(labels, said))
    intervals = [regression(60)["r2"] for _ in range(300)]
    held = sum(each.low <= 0.8 <= each.high for each in intervals) / len(intervals)
    assert 0.91 <= held <= 0.98


def test_no_interval_reaches_beyond_what_a_score_can_be():
    numbers, heard, answers, loss = Numbers(), WordErrors(), Answers(), Loss()
    numbers.add([0.0, 0.0, 9.0], [0.0, 0.1, 0.2])
    heard.add(["a", "b", "x y z"], ["a", "b", "c"])
    answers.add(["one two", "one", "three"], [["one two"], ["one"], ["three four"]])
    loss.add([0.0, 0.0, 9.0], [1, 1, 1])
    scores = [each.scores() for each in (numbers, heard, answers)]
    errors = ("mean_absolute_error", "word_error_rate", "character_error_rate")
    assert [score[name].low for score in scores for name in score if name in errors] == [0.0, 0.0, 0.0]
    assert loss.score().low == 0.0
    assert loss.perplexity().low == 1.0
    assert scores[2]["f1"].high == 1.0
    assert scores[0]["r2"].high <= 1.0
    gain = Loss()  # of a density, which may be above 1
    gain.add([-3.0, 1.0], [1, 1])
    assert gain.score().low < -1


def test_few_rows_that_are_all_right_or_all_wrong_are_not_sure():
    names, entities, heard, answers = Classes(["a", "b"]), Tokens(), WordErrors(), Answers()
    names.add(["a", "b"] * 20, ["a", "b"] * 20)
    entities.add([Named(["A", "O"], {(0, 1, "A")})] * 5, [Named(["A", "O"], {(0, 1, "A")})] * 5)
    heard.add(["a b", "c"], ["a b", "c"])
    answers.add(["x"], [["x"]])
    assert names.scores()["macro_f1"] == names.scores()["accuracy"]
    shown = (names.scores()["macro_f1"], entities.scores()["macro_f1"], entities.scores()["entity_f1"])
    assert [each.low for each in shown] == pytest.approx([0.912, 0.566, 0.566], abs=1e-3), "of 40, 5 and 5"
    assert [(each.value, each.high, each.num_rows) for each in shown] == [(1.0, 1.0, 40), (1.0, 1.0, 10), (1.0, 1.0, 5)]
    assert tuple(heard.scores()["word_error_rate"]) == pytest.approx((0.0, 0.0, 0.658, 2), abs=1e-3)
    assert answers.scores()["f1"] == answers.scores()["exact_match"]
    wrong = Classes(["a", "b"])
    wrong.add(["b", "b"], ["a", "a"])
    assert wrong.scores()["macro_f1"] == wrong.scores()["accuracy"]


def test_one_row_says_nothing_of_the_spread_of_others():
    loss, number, heard = Loss(), Numbers(), WordErrors()
    loss.add([0.3], [1])
    number.add([1.0], [2.0])
    heard.add(["a b c"], ["a b d"])
    scores = (loss.score(), number.scores()["mean_absolute_error"], heard.scores()["word_error_rate"])
    assert [each.value for each in scores] == pytest.approx([0.3, 1.0, 1 / 3])
    assert all(math.isnan(each.low) and math.isnan(each.high) for each in scores)
