"""A score says what it is, and cannot pass for what it is not."""

import pydantic
import pytest

from duomo.adapters import (
    Costs,
    Interval,
    OneClass,
    PredictionSet,
    Probability,
    Quantiles,
    Threshold,
    Uncalibrated,
    as_probability,
)
from duomo.errors import GuardRefused

LIKELY = Probability(value=0.3, method="sigmoid")


def test_an_uncalibrated_score_is_no_probability():
    with pytest.raises(GuardRefused, match=r"CALIB.MISSING: a threshold policy needs a probability") as caught:
        Threshold(threshold=0.5).decide(Uncalibrated(value=0.3))
    assert "was not calibrated" in caught.value.why
    assert "Sigmoid.fit" in caught.value.fix
    with pytest.raises(GuardRefused, match=r"CALIB.MISSING"):
        Costs(false_accept=5, false_reject=1).decide(None)
    with pytest.raises(GuardRefused, match="needs a prediction set"):
        OneClass().decide(LIKELY)


def test_a_probability_says_how_it_was_calibrated_and_lies_between_0_and_1():
    with pytest.raises(pydantic.ValidationError, match="method"):
        Probability(value=0.3, method="")
    with pytest.raises(pydantic.ValidationError):
        Probability(value=1.01, method="sigmoid")


def test_a_set_may_carry_its_probability():
    assert as_probability(PredictionSet(labels=["a"], level=0.9, probability=LIKELY)) == LIKELY
    with pytest.raises(GuardRefused, match=r"CALIB.MISSING"):
        as_probability(PredictionSet(labels=["a"], level=0.9))


@pytest.mark.parametrize(
    ("levels", "values"),
    [([0.1, 0.9], [1.0]), ([], []), ([0.9, 0.1], [1.0, 2.0]), ([0.1, 0.9], [2.0, 1.0]), ([0.0, 0.5], [1.0, 2.0])],
)
def test_quantiles_ascend_and_do_not_cross(levels, values):
    with pytest.raises(pydantic.ValidationError):
        Quantiles(levels=levels, values=values)


def test_what_is_no_number_is_no_score():
    nan = float("nan")
    for make in (
        lambda: Uncalibrated(value=nan),
        lambda: Probability(value=nan, method="sigmoid"),
        lambda: Interval(low=nan, high=1, level=0.9),
        lambda: Interval(low=0, high=1, level=0.9, value=nan),
        lambda: Quantiles(levels=[0.1, 0.9], values=[nan, 1.0]),
        lambda: Quantiles(levels=[0.5], values=[nan]),
        lambda: Quantiles(levels=[nan], values=[1.0]),
    ):
        with pytest.raises(pydantic.ValidationError):
            make()


def test_an_interval_begins_before_it_ends():
    with pytest.raises(pydantic.ValidationError, match="before it begins"):
        Interval(low=2, high=1, level=0.9)


@pytest.mark.parametrize(
    ("value", "accept", "margin", "outcome"),
    [
        (0.3, "below", 0, "accept"),
        (0.3, "above", 0, "reject"),
        (0.7, "below", 0, "reject"),
        (0.45, "below", 0.1, "refer"),
    ],
)
def test_a_threshold_has_two_sides_and_a_band_between(value, accept, margin, outcome):
    policy = Threshold(threshold=0.5, accept=accept, margin=margin)
    decision = policy.decide(Probability(value=value, method="isotonic"))
    assert (decision.outcome, decision.threshold, decision.policy) == (outcome, 0.5, policy.ref)


def test_costs_decide_for_what_is_cheaper_in_expectation():
    policy = Costs(false_accept=9, false_reject=1)
    cheap, dear = (policy.decide(Probability(value=each, method="m")) for each in (0.05, 0.2))
    assert (cheap.outcome, dear.outcome) == ("accept", "reject")
    assert cheap.threshold == pytest.approx(0.1)
    assert dear.expected_cost == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("labels", "outcome", "words"),
    [(["a"], "accept", ""), ([], "abstain", "no class fits"), (["a", "b"], "abstain", "2 classes")],
)
def test_a_set_that_does_not_name_one_class_is_no_verdict(labels, outcome, words):
    decision = OneClass().decide(PredictionSet(labels=labels, level=0.9))
    assert decision.outcome == outcome
    assert words in decision.reason
