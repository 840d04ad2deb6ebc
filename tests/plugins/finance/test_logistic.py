"""Logistic regression: a published table to its last digit, and what it does when there is no answer."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from duomo_finance.logistic import fit_logit, sigmoid


def test_the_textbooks_logit_of_mortgage_denial(hmda_rows):
    """Stock and Watson, Introduction to Econometrics, equation 11.10: deny on P/I ratio and black."""
    x = np.array([[row["pirat"], row["afam"] == "yes"] for row in hmda_rows], dtype=float)
    y = np.array([row["deny"] == "yes" for row in hmda_rows], dtype=float)
    found = fit_logit(x, y)
    assert found.intercept == pytest.approx(-4.126, abs=0.002)
    assert found.coefficients == pytest.approx([5.370, 1.273], abs=0.002)
    assert found.errors == pytest.approx([0.268, 0.728, 0.146], abs=0.001)
    assert found.probability(x).mean() == pytest.approx(y.mean(), abs=1e-9)


def test_a_ridge_gives_what_scikit_learn_gives():
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 4))
    y = (random.random(300) < sigmoid(x @ [1.0, -2.0, 0.5, 0.0] - 1)).astype(float)
    reference = LogisticRegression(C=0.25, tol=1e-10, max_iter=1000).fit(x, y)
    found = fit_logit(x, y, ridge=4.0)
    np.testing.assert_allclose(found.coefficients, reference.coef_[0], atol=1e-5)
    assert found.intercept == pytest.approx(reference.intercept_[0], abs=1e-5)


def test_no_coefficient_is_negative_on_request():
    random = np.random.default_rng(1)
    x = random.normal(size=(500, 3))
    y = (random.random(500) < sigmoid(x @ [1.0, -1.0, 0.5])).astype(float)
    found = fit_logit(x, y, non_negative=True)
    assert (found.coefficients >= 0).all()
    assert found.coefficients[1] == 0
    assert np.isnan(found.errors[2])


def test_classes_that_a_column_separates_have_no_maximum():
    x = np.linspace(-1, 1, 100)[:, None]
    with pytest.raises(ValueError, match="separates the classes"):
        fit_logit(x, (x[:, 0] > 0).astype(float))
    with pytest.raises(ValueError, match="collinear"):
        fit_logit(np.column_stack([x, x]), (np.arange(100) % 3 == 0).astype(float))


def test_extreme_log_odds_do_not_overflow():
    with np.errstate(all="raise"):
        assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
