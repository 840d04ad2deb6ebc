"""Probabilities that mean what they say, compared with scikit-learn where it does the same."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from duomo.adapters import Isotonic, Sigmoid, Temperature, Uncalibrated, logit, pool_adjacent
from duomo.adapters.statistics.metrics import auc, brier, expected_calibration_error, log_loss, reliability
from duomo.errors import UsageProblem

labelled = st.lists(
    st.tuples(st.integers(-500, 500).map(lambda each: each / 10), st.integers(0, 1)), min_size=2, max_size=60
)


def world(n=4000, seed=0):
    """Scores whose true probability is known: log-odds twice the score, less one."""
    draw = np.random.default_rng(seed)
    scores = draw.normal(0, 1.5, n)
    return scores, (draw.random(n) < 1 / (1 + np.exp(1 - 2 * scores))).astype(float)


def test_a_sigmoid_finds_the_curve_that_made_the_data():
    scores, labels = world()
    fitted = Sigmoid.fit(scores, labels, event="default")
    assert fitted.slope == pytest.approx(2, rel=0.08)
    assert fitted.intercept == pytest.approx(-1, abs=0.12)
    assert fitted.fitted_on.n == 4000
    assert fitted.fitted_on.prevalence == pytest.approx(labels.mean())
    held, truth = world(seed=1)
    assert fitted.predict(held).mean() == pytest.approx(truth.mean(), abs=0.01)
    assert expected_calibration_error(fitted.predict(held), truth) < 0.02


def test_a_balanced_models_probabilities_are_brought_back_to_what_happens():
    scores, labels = world()
    flattering = 1 / (1 + np.exp(-2 * scores - 1.5))  # as class weights would have it
    assert flattering.mean() - labels.mean() > 0.2
    mended = Sigmoid.fit(logit(flattering), labels).predict(logit(flattering))
    assert mended.mean() == pytest.approx(labels.mean(), abs=0.005)
    assert brier(mended, labels) < brier(flattering, labels) - 0.03


def test_a_score_becomes_a_probability_that_names_its_calibrator():
    fitted = Sigmoid.fit(*world(), event="default")
    made = fitted(Uncalibrated(value=0.5))
    assert made.value == pytest.approx(0.5, abs=0.03)
    assert (made.method, made.event, made.calibrator) == ("sigmoid", "default", fitted.ref)


@given(labelled)
def test_a_sigmoid_is_never_quite_sure(pairs):
    values, labels = zip(*pairs, strict=True)
    p = Sigmoid.fit(values, labels).predict(values)
    assert np.isfinite(p).all()
    assert ((p > 0) & (p < 1)).all()


@given(labelled)
def test_isotonic_is_the_one_of_scikit_learn(pairs):
    values, labels = map(np.asarray, zip(*pairs, strict=True))
    theirs = IsotonicRegression(out_of_bounds="clip").fit(values, labels).predict(values)
    assert Isotonic.fit(values, labels).predict(values) == pytest.approx(theirs, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 5)), min_size=1, max_size=40))
def test_pooled_heights_rise_and_keep_their_mean(pairs):
    heights, weights = map(np.asarray, zip(*pairs, strict=True))
    pooled = pool_adjacent(heights, weights)
    assert (np.diff(pooled) >= -1e-9).all()
    assert pooled @ weights == pytest.approx(heights @ weights, abs=1e-6)


def test_a_temperature_finds_how_overconfident_logits_are():
    draw = np.random.default_rng(0)
    logits = draw.normal(0, 1.5, (3000, 4))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = [int(draw.choice(4, p=each)) for each in shares]
    fitted = Temperature.fit(3 * logits, labels)
    assert fitted.temperature == pytest.approx(3, rel=0.06)
    made = fitted(Uncalibrated(value=0, by_class={"a": 6.0, "b": 3.0}))
    assert made.event == "a"
    assert made.value == pytest.approx(1 / (1 + np.exp(-1)), abs=0.02)
    assert sum(made.by_class.values()) == pytest.approx(1)
    assert made.method == "temperature"


@given(labelled)
def test_the_metrics_are_those_of_scikit_learn(pairs):
    values, labels = map(np.asarray, zip(*pairs, strict=True))
    p = 1 / (1 + np.exp(-values / 10))
    assert brier(p, labels) == pytest.approx(metrics.brier_score_loss(labels, p), abs=1e-9)
    assert log_loss(p, labels) == pytest.approx(metrics.log_loss(labels, p, labels=[0, 1]), abs=1e-6)
    if 0 < labels.sum() < len(labels):
        assert auc(values, labels) == pytest.approx(metrics.roc_auc_score(labels, values), abs=1e-9)


def test_a_reliability_table_adds_up():
    scores, labels = world(1000)
    p = 1 / (1 + np.exp(1 - 2 * scores))
    table = reliability(p, labels, bins=5)
    assert [each.n for each in table] == [200] * 5
    assert [each.promised for each in table] == sorted(each.promised for each in table)
    assert all(each.promised == pytest.approx(each.observed, abs=0.1) for each in table)
    assert expected_calibration_error([1, 0, 1, 0], [0, 1, 0, 1], bins=2) == pytest.approx(1)


def test_equal_probabilities_are_judged_together_whatever_the_order_of_the_rows():
    """Cut into tenths a rate of 25 % that is right was off by .35 where the rows were sorted by the answer."""
    p, y = np.repeat([0.25, 0.75], [100, 8]), np.repeat([0, 1, 0, 1], [75, 25, 2, 6])
    assert [(each.n, each.observed) for each in reliability(p, y)] == [(100, 0.25), (8, 0.75)]
    assert expected_calibration_error(p[::-1], y[::-1]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("values", "labels", "words"),
    [
        ([1, 2], [0], "labels"),
        ([], [], "labels"),
        ([1, float("nan")], [0, 1], "cannot be used"),
        ([1, 2], [0, 2], "cannot be used"),
    ],
)
def test_scores_without_proper_labels_are_refused(values, labels, words):
    with pytest.raises(UsageProblem, match=words):
        Sigmoid.fit(values, labels)


def test_an_area_needs_both_classes():
    with pytest.raises(UsageProblem, match="needs both classes"):
        auc([1.0, 2.0], [1, 1])


@pytest.mark.parametrize(
    ("logits", "labels", "words"),
    [
        ([[0.0, 1.0]] * 2, [0, 2], "a label is not within 0 to 1"),
        ([[0.0, 1.0]] * 2, [0, -1], "a label is not within 0 to 1"),
        ([[0.0, math.inf]] * 2, [0, 1], "a logit is not finite"),
    ],
)
def test_logits_without_proper_labels_are_refused(logits, labels, words):
    with pytest.raises(UsageProblem, match="logits and labels cannot be used") as caught:
        Temperature.fit(logits, labels)
    assert words in caught.value.why


def test_a_temperature_wants_the_logit_of_each_class():
    with pytest.raises(UsageProblem, match="needs the logit of each class"):
        Temperature(temperature=2.0)(Uncalibrated(value=1.0))
