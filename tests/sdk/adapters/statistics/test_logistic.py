"""Logistic regression: scikit-learn's own results, and what happens where there is no answer."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.linear_model import LogisticRegression

from duomo.adapters import auc, expit, fit_logistic, logit
from duomo.errors import BadInput


def world(seed, rows=400):
    """Columns on scales of their own, and labels that follow from them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3)) * [1, 5, 0.2] + [0, 10, 1]
    return x, (random.random(rows) < expit(x @ [1.0, -0.3, 2.0] + 1)).astype(float)


def with_ones(x):
    return np.column_stack([np.ones(len(x)), x])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(20, 300),
    columns=st.integers(1, 6),
    ridge=st.sampled_from([0.1, 1, 10]),
)
def test_weights_are_those_of_scikit_learn(seed, rows, columns, ridge):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, columns))
    y = (random.random(rows) < expit(x @ random.normal(0, 2, columns) - 0.5)).astype(float)
    y[:2] = 0, 1
    theirs = LogisticRegression(C=1 / ridge, tol=1e-12, max_iter=10_000, solver="newton-cholesky").fit(x, y)
    found = fit_logistic(with_ones(x), y, [0.0, *[ridge] * columns])
    assert found.settled
    np.testing.assert_allclose(found.weights, [theirs.intercept_[0], *theirs.coef_[0]], rtol=1e-5, atol=1e-6)


def test_numbers_are_those_of_the_four_solvers_before_it():
    """Coefficients of the solvers that finance and medicine had of their own, on one fixed table."""
    x, y = world(7)
    free = fit_logistic(with_ones(x), y)
    assert free.weights == pytest.approx(
        [0.9203443073996201, 1.140159204178566, -0.29575295018832204, 2.1004211191964632], abs=1e-7
    )
    assert free.errors == pytest.approx([0.7200751, 0.1557919, 0.0350346, 0.6620257], abs=1e-6)
    held = fit_logistic(with_ones(x), y, [0.0, 1, 1, 1], non_negative=[False, True, True, True])
    assert held.weights == pytest.approx([-1.2272153222516893, 0.8243658837434988, 0, 1.36090455249694], abs=1e-7)
    assert held.errors == pytest.approx([0.5035764, 0.1252763, np.nan, 0.4950400], abs=1e-6, nan_ok=True)
    assert auc(held.log_odds(with_ones(x)), y) == pytest.approx(0.7219374359230827, abs=1e-12)


def test_an_offset_is_what_is_given_and_not_fitted():
    x, y = world(1)
    whole = fit_logistic(with_ones(x), y)
    rest = fit_logistic(with_ones(x[:, 1:]), y, offset=x[:, 0] * whole.weights[1])
    assert rest.weights == pytest.approx(whole.weights[[0, 2, 3]], abs=1e-6)
    assert fit_logistic(with_ones(x), y, offset=5.0).weights[0] == pytest.approx(whole.weights[0] - 5, abs=1e-6)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_held_signs_are_the_best_of_all_that_keep_them(seed):
    """At the result, no weight that is free wants to move, and none that is held wants to rise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(200, 4))
    y = (random.random(200) < expit(x @ random.normal(0, 1, 4))).astype(float)
    found = fit_logistic(x, y, 1.0, non_negative=[True] * 4)
    slope = x.T @ (expit(x @ found.weights) - y) + found.weights
    assert (found.weights >= 0).all()
    assert np.abs(slope[found.weights > 0]).max(initial=0) < 1e-5
    assert np.isnan(found.errors[found.weights == 0]).all()


def test_classes_that_a_column_separates_have_no_maximum_without_a_ridge():
    x = np.linspace(-1, 1, 100)[:, None]
    y = (x[:, 0] > 0).astype(float)
    assert not fit_logistic(with_ones(x), y, 0.0).settled
    ridged = fit_logistic(with_ones(x), y, 1e-6)
    assert ridged.settled
    assert np.isfinite(ridged.weights).all()


def test_collinear_columns_share_their_weight_and_have_no_error_worth_the_name():
    x, y = world(2)
    once = fit_logistic(with_ones(x), y)
    twice = fit_logistic(with_ones(np.column_stack([x, x[:, 0]])), y)
    assert twice.weights[1] + twice.weights[4] == pytest.approx(once.weights[1], abs=1e-4)
    assert twice.errors[1] > 1000 * once.errors[1]


def test_extreme_log_odds_do_not_overflow():
    with np.errstate(all="raise"):
        assert expit([-1e4, 0.0, 1e4]).tolist() == [0.0, 0.5, 1.0]
        assert np.isfinite(logit([0.0, 0.5, 1.0])).all()
    assert fit_logistic(np.ones((4, 1)) * 1e8, [0, 1, 1, 1]).weights[0] * 1e8 == pytest.approx(np.log(3), rel=1e-6)


@pytest.mark.parametrize(
    ("design", "target", "words"),
    [([[1.0], [np.nan]], [0, 1], "not finite"), ([[1.0]], [0, 1], "a design of shape"), ([1.0, 2.0], [0, 1], "shape")],
)
def test_what_cannot_be_fitted_is_refused(design, target, words):
    with pytest.raises(BadInput, match=words):
        fit_logistic(design, target)
