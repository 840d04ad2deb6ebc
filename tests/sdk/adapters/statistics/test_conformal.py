"""Sets and intervals hold the truth as often as they promise, and refuse to promise what n cannot keep."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from duomo.adapters import ConformalInterval, ConformalSets, Probability, coverage
from duomo.adapters.statistics.conformal import conformal_quantile, least_records
from duomo.errors import GuardRefused, UsageProblem


@pytest.mark.parametrize(("level", "n"), [(0.9, 9), (0.8, 4), (0.5, 1), (0.95, 19), (0.99, 99)])
def test_a_level_has_a_least_number_of_records(level, n):
    assert least_records(level) == n
    assert conformal_quantile(range(n), level) == n - 1
    with pytest.raises(GuardRefused, match=f"CALIB.N_TOO_SMALL: {n - 1} calibration records cannot promise") as caught:
        conformal_quantile(range(n - 1), level)
    assert f"at least {n} record{'s' * (n > 1)}" in caught.value.fix


@given(st.floats(0.01, 0.995))
def test_the_least_number_is_the_least(level):
    n = least_records(level)
    assert math.ceil(round((n + 1) * level, 9)) <= n
    assert n == 1 or math.ceil(round(n * level, 9)) > n - 1


@pytest.mark.parametrize("level", [0.0, 1.0, 90])
def test_a_level_is_a_share(level):
    with pytest.raises(UsageProblem, match="a level of"):
        least_records(level)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.8, 0.9]), st.integers(12, 40))
def test_the_promise_holds_over_many_draws_of_exchangeable_data(seed, level, n):
    """Mean coverage over 400 draws lies within four standard errors of what theory says: k / (n + 1)."""
    draws = np.random.default_rng(seed).standard_t(2, (400, n + 1))
    hits = [abs(new) <= conformal_quantile(np.abs(rest), level) for *rest, new in draws]
    exact = math.ceil(round((n + 1) * level, 9)) / (n + 1)
    assert exact >= level - 1e-9
    assert np.mean(hits) == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 400) + 1e-9)


def classes(n, seed=0):
    """Records of two groups: in ``hard`` the classes are nearly alike."""
    draw = np.random.default_rng(seed)
    groups = draw.choice(["easy", "hard"], n)
    truth = draw.integers(0, 3, n)
    logits = draw.normal(0, 1, (n, 3))
    logits[np.arange(n), truth] += np.where(groups == "easy", 4.0, 0.7)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return [dict(zip("abc", map(float, each), strict=True)) for each in shares], ["abc"[i] for i in truth], list(groups)


def test_sets_cover_and_those_of_a_group_cover_within_it():
    shares, labels, groups = classes(3000)
    new, truth, where = classes(3000, seed=1)
    plain, mondrian = ConformalSets.fit(shares, labels, 0.9), ConformalSets.fit(shares, labels, 0.9, groups=groups)
    assert coverage([plain(each) for each in new], truth) == pytest.approx(0.9, abs=0.02)
    hard = [i for i, each in enumerate(where) if each == "hard"]
    assert coverage([plain(new[i]) for i in hard], [truth[i] for i in hard]) < 0.85
    own = coverage([mondrian(new[i], "hard") for i in hard], [truth[i] for i in hard])
    assert own == pytest.approx(0.9, abs=0.02)
    assert mondrian(new[0], "hard").method == "mondrian"


def test_a_group_that_is_too_small_is_promised_what_everybody_is():
    shares, labels, groups = classes(200)
    groups[:5] = ["rare"] * 5
    fitted = ConformalSets.fit(shares, labels, 0.9, groups=groups)
    assert set(fitted.quantiles) == {"", "easy", "hard"}
    assert fitted.quantile("rare") == fitted.quantile(None) == fitted.quantile("never seen")


def test_a_set_lists_the_likeliest_first_and_carries_the_probability():
    fitted = ConformalSets.fit([{"a": 0.4, "b": 0.6}] * 20, ["a"] * 20, 0.9)
    given_ = Probability(value=0.7, method="sigmoid", event="yes")
    made = fitted(given_)
    assert made.labels == ["yes"]
    assert made.probability == given_
    assert fitted({"a": 0.45, "b": 0.55}).labels == ["b", "a"]
    assert fitted({"a": 0.1, "b": 0.1}).labels == []


def test_intervals_cover_and_follow_the_scale():
    draw = np.random.default_rng(0)
    scale = draw.uniform(0.5, 3, 4000)
    truth = draw.normal(10, scale)
    fitted = ConformalInterval.fit([10] * 2000, truth[:2000], 0.8, scales=scale[:2000])  # type: ignore[arg-type]
    made = [fitted(10.0, scale=float(each)) for each in scale[2000:]]
    assert coverage(made, list(truth[2000:])) == pytest.approx(0.8, abs=0.03)
    assert fitted(10.0, scale=2.0).high - 10 == pytest.approx(2 * (fitted(10.0).high - 10))
    assert fitted(10.0).value == 10.0


def test_as_many_labels_as_records():
    with pytest.raises(UsageProblem, match="1 record and 2 labels"):
        ConformalSets.fit([{"a": 1.0}], ["a", "b"])


def test_records_of_no_group_leave_everybodys_quantile_alone():
    shares = [{"a": 0.9, "b": 0.1}] * 20 + [{"a": 0.4, "b": 0.6}] * 20
    for nobody in (None, ""):
        sets = ConformalSets.fit(shares, ["a"] * 40, groups=[nobody] * 20 + ["x"] * 20)
        assert sets.quantiles == pytest.approx({"": 0.6, "x": 0.6})
        assert sets.counts == {"": 40, "x": 20}


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (lambda: ConformalSets.fit([{"a": 0.9}] * 20, ["a"] * 20, groups=["x"] * 10), "10 groups for 20 records"),
        (lambda: ConformalInterval.fit([1.0] * 20, [1.0]), "20 forecasts, 1 observations and 20 scales"),
        (lambda: ConformalInterval.fit([1.0] * 20, [2.0] * 20, scales=[1, 0] * 10), "a scale is not above 0"),
        (lambda: ConformalInterval.fit([1.0] * 20, [1.0, math.nan] * 10), "a calibration score is not a number"),
    ],
)
def test_calibration_data_that_do_not_fit_together_are_refused(fit, words):
    with pytest.raises(UsageProblem, match=words):
        fit()
