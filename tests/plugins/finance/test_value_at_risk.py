"""Value at risk: which forecasts held over 2008 to 2018, and whether the tests tell chance from failure."""

import numpy as np
import pytest

from duomo.errors import BadInput
from duomo_finance.value_at_risk import METHODS, backtest_var, filtered_historical, var_test


@pytest.fixture(scope="module")
def returns(sp500):
    closes = np.array([row["close"] for row in sp500])
    first = next(i for i, row in enumerate(sp500) if row["time"].year == 2008)
    return np.diff(np.log(closes)), first - 1


def test_a_rolling_gjr_garch_with_skewed_tails_holds_through_2008(returns):
    found = backtest_var(*returns, level=0.01, method="gjr-garch-skewt")
    assert (found.n, found.breaches) == (2769, 32)
    assert found.kupiec_p > 0.05
    assert found.independence_p > 0.05
    assert found.conditional_p > 0.05
    assert found.passed


def test_without_any_library_the_number_of_breaches_is_right_but_they_come_together(returns):
    found = backtest_var(*returns, level=0.01)
    assert found.passed
    assert found.kupiec_p > 0.2
    assert found.independence_p < 0.05


def test_what_was_fitted_once_or_is_symmetric_or_slow_fails(returns):
    frozen = backtest_var(*returns, method="garch-t-frozen")
    assert frozen.rate == pytest.approx(0.018, abs=0.001)
    assert frozen.kupiec_p < 0.001
    assert not backtest_var(*returns, method="garch-t").passed
    assert not backtest_var(*returns, method="historical").passed


@pytest.mark.parametrize("method", METHODS)
def test_a_forecast_uses_returns_before_its_bar_only(method):
    if "garch" in method:
        pytest.importorskip("arch")
    random = np.random.default_rng(3)
    past = random.standard_t(5, 700) * 0.01
    other = np.r_[past[:650], random.normal(0, 0.05, 50)]
    one, two = (METHODS[method](each, 600, 0.01) for each in (past, other))
    np.testing.assert_allclose(one[:51], two[:51], rtol=1e-10)
    assert one.shape == (100,)


def test_the_filtered_quantile_follows_volatility():
    random = np.random.default_rng(0)
    calm, wild = random.normal(0, 0.01, 600), random.normal(0, 0.04, 100)
    forecast = filtered_historical(np.r_[calm, wild], 500, 0.01)
    assert forecast[-1] < 2 * forecast[50] < 0


def test_kupiec_agrees_with_the_tables():
    """Kupiec (1995) for 1 % and 255 days does not reject below 7 breaches, and rejects 7 or more, at 5 %."""

    def series(breaches):
        hits = np.zeros(255, dtype=bool)
        hits[np.linspace(3, 250, breaches).astype(int)] = True
        return var_test(hits, 0.01)

    assert series(6).kupiec_p > 0.05 > series(7).kupiec_p
    assert var_test(np.zeros(255, dtype=bool), 0.01).kupiec_p == pytest.approx(0.0236, abs=1e-3)


def test_breaches_in_a_row_fail_independence_only():
    hits = np.zeros(1000, dtype=bool)
    hits[400:410] = True
    found = var_test(hits, 0.01)
    assert found.kupiec_p > 0.9
    assert found.independence_p < 1e-6
    assert found.conditional_p < 1e-6
    alone = np.zeros(1000, dtype=bool)
    alone[::100] = True
    assert var_test(alone, 0.01).independence_p > 0.5


def test_too_little_history_is_refused():
    with pytest.raises(BadInput, match="50 returns before the first forecast"):
        backtest_var(np.zeros(500), 50)
    with pytest.raises(BadInput, match="no VaR method 'oracle'"):
        backtest_var(np.zeros(500), 200, method="oracle")
