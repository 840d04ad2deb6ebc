"""The core's logistic regression gives a published table to its last digit."""

import numpy as np
import pytest

from duomo.adapters import expit, fit_logistic


def test_the_textbooks_logit_of_mortgage_denial(hmda_rows):
    """Stock and Watson, Introduction to Econometrics, equation 11.10: deny on P/I ratio and black."""
    x = np.array([[1.0, row["pirat"], row["afam"] == "yes"] for row in hmda_rows], dtype=float)
    y = np.array([row["deny"] == "yes" for row in hmda_rows], dtype=float)
    found = fit_logistic(x, y)
    assert found.weights == pytest.approx([-4.126, 5.370, 1.273], abs=0.002)
    assert found.errors == pytest.approx([0.268, 0.728, 0.146], abs=0.001)
    assert expit(found.log_odds(x)).mean() == pytest.approx(y.mean(), abs=1e-9)
