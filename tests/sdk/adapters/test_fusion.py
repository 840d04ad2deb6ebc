"""A record of several parts: together they tell more than each alone, and a missing one is no disaster.

The records are made from scikit-learn's digits: the upper rows as a picture with noise, sums of rows and columns as
numbers with noise, and a word that somebody wrote down for it, right half of the time.
"""

from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from duomo import AdapterSpec, Hooks, hookimpl
from duomo.adapters import FusionAdapter, Random
from duomo.errors import UsageProblem
from duomo.testing import AdapterConformance, fake_catalog

WORDS = "ring stick swan ears chair hook cherry cliff snowman balloon".split()
DIGITS = tuple("0123456789")
PARTS = ("image", "text", "numbers")
SPEC = AdapterSpec(
    "made/digit",
    f"{__name__}:DigitFusion",
    "which digit",
    "manufacturing",
    disclaimer="Supports a test.",
    intended_use="tests",
    not_for=("anything else",),
)


@cache
def world():
    """Part scorers that were trained on the first 600 digits, and labelled rows of the rest."""
    pixels, digits = load_digits(return_X_y=True)
    draw = np.random.default_rng(0)
    squares = (pixels / 16).reshape(-1, 8, 8)
    image = squares[:, :5].reshape(len(digits), -1) + draw.normal(0, 0.35, (len(digits), 40))
    sums = np.concatenate([squares.sum(1), squares[:, 5:].sum(2)], 1)
    numbers = sums + draw.normal(0, 0.6, sums.shape)
    said = np.where(draw.random(len(digits)) < 0.5, digits, draw.integers(0, 10, len(digits)))
    order = draw.permutation(len(digits))
    known, rest = order[:600], order[600:]
    counts = np.ones((10, 10))
    np.add.at(counts, (said[known], digits[known]), 1)
    models = {
        "image": LogisticRegression(max_iter=200).fit(image[known], digits[known]),
        "numbers": LogisticRegression(max_iter=1000).fit(numbers[known], digits[known]),
    }
    rows = [{"image": image[i], "text": WORDS[said[i]], "numbers": numbers[i], "label": str(digits[i])} for i in rest]
    return models, counts / counts.sum(1, keepdims=True), rows


class DigitFusion(FusionAdapter):
    spec = SPEC
    parts, classes = PARTS, DIGITS
    label_field = "label"

    def scorer(self, part):
        models, words, _ = world()
        if part == "text":
            return lambda values: [_named(words[WORDS.index(each)]) for each in values]
        return lambda values: [_named(each) for each in models[part].predict_proba(np.stack(values))]

    @classmethod
    def example(cls):
        return fitted()

    @classmethod
    def samples(cls):
        return with_holes(world()[2][:24])


def _named(shares):
    return dict(zip(DIGITS, map(float, shares), strict=True))


def with_holes(rows, share=0.25):
    draw = np.random.default_rng(1)
    return [
        {name: None if name in PARTS and draw.random() < share else each for name, each in row.items()} for row in rows
    ]


@cache
def fitted():
    adapter = DigitFusion()
    return adapter.fit(adapter.records(with_holes(world()[2][:800])))


def only(part, rows):
    return [{name: each if name in (part, "label") else None for name, each in row.items()} for row in rows]


def test_the_parts_together_tell_more_than_each_alone():
    rows = world()[2]
    whole = DigitFusion().evaluate(rows, Random(share=0.4)).metrics
    alone = {part: DigitFusion().evaluate(only(part, rows), Random(share=0.4)).metrics for part in PARTS}
    best = max(each["accuracy"] for each in alone.values())
    assert whole["accuracy"] > best + 0.1
    assert whole["log_loss"] < min(each["log_loss"] for each in alone.values()) - 0.3
    assert 0.86 <= whole["coverage"] <= 0.95
    assert whole["one_class"] > 0.7


def test_records_with_missing_parts_are_judged_by_the_rest_and_covered_within_their_pattern():
    report = DigitFusion().evaluate(with_holes(world()[2]), Random(share=0.4))
    assert report.metrics["accuracy"] > 0.7
    assert report.metrics["coverage"] == pytest.approx(0.9, abs=0.04)
    rows = world()[2][800:]
    hits = {}
    for part in PARTS:
        results = [each.result for each in fitted().map(only(part, rows))]
        hits[part] = np.mean([row["label"] in each.score.labels for row, each in zip(rows, results, strict=True)])
    assert all(0.8 <= each <= 0.99 for each in hits.values()), hits


def test_what_is_there_and_what_each_part_says_is_told():
    row = next(each for each in world()[2][800:] if fitted()(each).decision.outcome == "accept")
    result = fitted()({**row, "text": None})
    assert (result.payload.present, result.payload.missing) == (["image", "numbers"], ["text"])
    assert sum(result.payload.probabilities.values()) == pytest.approx(1)
    assert {each.feature for each in result.reasons} == {"image", "numbers"}
    assert abs(result.reasons[0].contribution) >= abs(result.reasons[1].contribution)
    assert "speaks for" in result.reasons[0].text
    assert result.score.method == "mondrian"
    assert result.score.probability.method == "stacked-logistic"


def test_a_part_that_cannot_be_scored_counts_as_missing_and_costs_nobody_else():
    rows = [dict(each) for each in world()[2][800:806]]
    rows[2]["text"] = "zeppelin"
    outcomes = list(fitted().map(rows))
    assert all(each.ok for each in outcomes)
    bad = outcomes[2].result
    assert bad.payload.missing == ["text"]
    [found] = bad.findings
    assert (found.code, found.severity, found.field) == ("INPUT.UNREADABLE", "warn", "text")
    assert "zeppelin" not in found.text
    assert outcomes[1].result.payload.missing == []


def test_a_record_with_no_part_is_stopped():
    result = fitted()({"image": None, "label": "3"})
    assert result.payload is None
    assert result.decision.reason == "OOD.MODALITY"


def test_a_pattern_that_was_never_fitted_on_goes_to_a_person():
    complete = DigitFusion()
    complete = complete.fit(complete.records(world()[2][:300]))
    result = complete({**world()[2][900], "image": None})
    assert result.payload.label
    assert (result.decision.outcome, result.decision.reason) == ("refer", "OOD.MODALITY")
    assert "text+numbers" in result.findings[0].text


def test_two_classes_are_told_by_numbers_that_rise_with_the_second():
    class Even(FusionAdapter):
        spec = SPEC
        parts, classes = ("a", "b"), ("no", "yes")
        label_field = "label"

        def scorer(self, part):
            return lambda values: [float(each) for each in values]

    draw = np.random.default_rng(0)
    truth = draw.integers(0, 2, 600)
    rows = [{"a": t + draw.normal(0, 1), "b": 5 * t + draw.normal(0, 5), "label": ("no", "yes")[t]} for t in truth]
    even = Even()
    even = even.fit(even.records(rows[:400]))
    both = even({"a": 3.0, "b": 15.0})
    assert both.payload.label == "yes"
    assert both.payload.probabilities["yes"] > even({"a": 3.0}).payload.probabilities["yes"] > 0.8
    assert even({"a": -2.0, "b": -10.0}).reasons[0].contribution > 0
    assert even({"a": -2.0, "b": -10.0}).payload.label == "no"


def test_an_unfitted_one_has_no_say():
    [outcome] = DigitFusion().map(world()[2][:1])
    assert "CALIB.MISSING: 'made/digit' was not fitted" in outcome.error.what
    with pytest.raises(UsageProblem, match="the label 'x' is not a class"):
        DigitFusion().fit(DigitFusion().records([{**world()[2][0], "label": "x"}]))


class Made(Hooks):
    @hookimpl
    def register_adapters(self):
        yield SPEC


class TestItConforms(AdapterConformance):
    adapter = "made/digit"
    catalog = fake_catalog(made=Made())


def test_what_was_fitted_survives_a_folder(tmp_path):
    folder = fitted().save(tmp_path)
    rows = DigitFusion.samples()
    again = DigitFusion.load(folder)
    assert [each.result for each in again.map(rows)] == [each.result for each in fitted().map(rows)]
