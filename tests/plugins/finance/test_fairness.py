"""Groups side by side: ratios with their uncertainty, calibration, stand-ins."""

import math

import numpy as np
import pytest

from duomo_finance.fairness import fairness_report


def made(approvals, sizes=(400, 400), seed=0):
    random = np.random.default_rng(seed)
    groups = np.repeat(["a", "b"], sizes)
    approved = np.concatenate([np.arange(n) < round(rate * n) for n, rate in zip(sizes, approvals, strict=True)])
    y = (random.random(len(groups)) < 0.2).astype(float)
    return groups, approved, np.full(len(groups), 0.2), y


def test_a_ratio_below_four_fifths_is_found_with_its_interval():
    groups, approved, pd, y = made((0.9, 0.6))
    report = fairness_report("sex", list(groups), approved, pd, y)
    assert report.reference == "a"
    assert report.worst_ratio == pytest.approx(2 / 3)
    [found] = [each for each in report.findings if each.code == "FAIR.AIR"]
    low, high = report.groups[1].ratio_low, report.groups[1].ratio_high
    # The delta method: sd(log ratio)² = sum of (1 - p) / (n p).
    spread = 1.96 * np.sqrt(0.1 / (400 * 0.9) + 0.4 / (400 * 0.6))
    assert (low, high) == pytest.approx(((2 / 3) * np.exp(-spread), (2 / 3) * np.exp(spread)), abs=0.01)
    assert found.field == "sex"
    assert found.severity == "warn"
    assert "less discriminatory alternative" in found.fix


def test_a_ratio_that_may_be_chance_says_so():
    groups, approved, pd, y = made((0.9, 0.65), (40, 40))
    report = fairness_report("sex", list(groups), approved, pd, y)
    assert "chance is not excluded" in next(each.text for each in report.findings if each.code == "FAIR.AIR")


def test_small_groups_are_shown_and_raise_nothing():
    groups, approved, pd, y = made((0.9, 0.2), (400, 20))
    report = fairness_report("race", list(groups), approved, pd, y)
    assert [each.n for each in report.groups] == [400, 20]
    assert report.findings == []


def test_those_whose_group_is_unknown_are_left_out():
    groups, approved, pd, y = made((0.9, 0.9))
    names = [(None, math.nan)[i % 8 == 0] if i % 4 == 0 else name for i, name in enumerate(groups)]
    report = fairness_report("sex", names, approved, pd, y)
    assert sum(each.n for each in report.groups) == 600
    assert report.findings == []


def test_a_feature_that_stands_in_for_the_attribute_is_found():
    groups, approved, pd, y = made((0.9, 0.9))
    random = np.random.default_rng(1)
    features = {"postcode": (groups == "b") + random.normal(0, 0.5, 800), "income": random.normal(size=800)}
    report = fairness_report("sex", list(groups), approved, pd, y, features=features)
    assert [(each.code, each.field) for each in report.findings] == [("FAIR.PROXY", "postcode")]


def test_errors_by_group_and_a_reference_of_ones_own():
    groups = ["a"] * 100 + ["b"] * 100
    approved = np.r_[np.ones(90), np.zeros(10), np.ones(60), np.zeros(40)]
    y = np.r_[np.zeros(80), np.ones(20), np.zeros(80), np.ones(20)]
    report = fairness_report("sex", groups, approved, np.full(200, 0.2), y, reference="b")
    assert report.reference == "b"
    assert report.groups[0].ratio == pytest.approx(1.5)
    assert report.equal_opportunity_difference == pytest.approx(1 - 60 / 80)
    assert report.equalized_odds_difference == pytest.approx(0.5)


def test_where_nobody_is_approved_there_is_no_ratio_to_complain_of():
    half = np.tile([1.0, 0.0], 40)
    made = fairness_report("group", ["a"] * 40 + ["b"] * 40, np.zeros(80), np.full(80, 0.5), half)
    assert np.isnan(made.groups[0].ratio)
    assert made.findings == []
