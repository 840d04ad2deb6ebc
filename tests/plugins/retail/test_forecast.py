"""Demand forecasts: quantiles that cover, a past that the future does not change, prices and promotions."""

import sys
from pathlib import Path
from typing import Any

import data
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from duomo.adapters import Group, Random
from duomo.errors import BadInput, GuardRefused, RequirementMissing, UsageProblem
from duomo_retail.backtest import RollingOrigin
from duomo_retail.coverage import calibrate
from duomo_retail.forecast import DemandForecast
from duomo_retail.panel import clean
from duomo_retail.predicting import Settings, predict
from duomo_retail.records import DemandSeries


def adapter(**settings: Any) -> DemandForecast:
    return DemandForecast(artifacts={"settings": Settings(**settings)})


def test_quantiles_of_a_calm_panel_cover_what_they_promise(shop: list[dict[str, Any]]) -> None:
    report = adapter(horizon=3, period=1).evaluate(shop, RollingOrigin(origins=2, stride=6))
    assert report.metrics["coverage_80%"] == pytest.approx(0.8, abs=0.05)
    assert report.metrics["coverage_90%"] == pytest.approx(0.9, abs=0.04)
    assert abs(report.metrics["bias"]) < 0.02
    assert report.split == "RollingOrigin(origins=2, stride=6)"


@pytest.fixture(scope="module")
def fitted(shop: list[dict[str, Any]]) -> DemandForecast:
    """Calibrated on the shop for three steps; tests leave it as it is."""
    plain = adapter(horizon=3, period=1)
    return plain.fit(plain.records(shop))


@pytest.mark.slow
def test_intervals_on_every_fourth_series_of_m3_monthly_cover_within_three_points() -> None:
    whole = [np.r_[each.x, each.xx] for each in data.m3(12)[::4]]
    metrics = adapter(horizon=18, period=12).evaluate(data.panel(whole)).metrics
    assert metrics["coverage_80%"] == pytest.approx(0.8, abs=0.03)
    assert metrics["coverage_90%"] == pytest.approx(0.9, abs=0.03)


@pytest.mark.slow
def test_intervals_on_weekly_groceries_cover_within_three_points() -> None:
    weekly = data.panel(data.groceries("product_category", "sales_value"))
    metrics = adapter(horizon=4, period=52).evaluate(weekly, RollingOrigin(origins=6, stride=4)).metrics
    assert metrics["coverage_80%"] == pytest.approx(0.8, abs=0.03)
    assert metrics["coverage_90%"] == pytest.approx(0.9, abs=0.03)


def test_a_fitted_adapter_reports_what_its_intervals_covered(
    fitted: DemandForecast, shop: list[dict[str, Any]]
) -> None:
    result = fitted(shop[0])
    assert result.score.kind == "quantiles"
    assert result.payload.calibrated
    assert result.payload.realised_coverage["0.8"] == pytest.approx(0.8, abs=0.05)
    step = result.payload.steps[0]
    assert len(step.quantiles) == len(result.payload.levels) == 7
    assert step.quantiles == sorted(step.quantiles)
    assert step.quantiles[0] < step.mean < step.quantiles[-1]


@pytest.mark.parametrize("pieces", [True, False])
def test_a_series_in_another_unit_has_its_intervals_in_that_unit(pieces: bool) -> None:
    rng = np.random.default_rng(0)
    rows = rng.poisson(rng.uniform(5, 200, (16, 1)), (16, 30)) if pieces else rng.gamma(20, 5, (16, 30))
    panel = data.panel(rows.astype(float))
    units = [(1.0, 1000.0, 0.001, 7.3)[i % 4] for i in range(len(panel))]
    other = [{**each, "y": [unit * value for value in each["y"]]} for each, unit in zip(panel, units, strict=True)]
    plain = adapter(horizon=3, period=1)
    here, there = plain.fit(plain.records(panel)), plain.fit(plain.records(other))
    for a, b, scale in zip(here.map(panel), there.map(other), units, strict=True):
        before, after = a.unwrap().payload, b.unwrap().payload
        for one, two in zip(before.steps, after.steps, strict=True):
            np.testing.assert_allclose(two.quantiles, scale * np.array(one.quantiles), rtol=1e-9, atol=1e-9 * scale)
        np.testing.assert_allclose(after.totals, scale * np.array(before.totals), rtol=1e-9, atol=1e-9 * scale)


def test_an_article_that_is_seldom_sold_is_not_sold_more_often_than_its_quantiles_promise() -> None:
    """Among articles that sell all the time; before, .91 and .84 were within the quantiles .95 and .9."""
    rng = np.random.default_rng(5)
    rates = [*rng.uniform(0.05, 0.5, 40), *rng.uniform(30, 100, 20)]
    demand = rng.poisson(np.array(rates)[:, None], (60, 84)).astype(float)
    weeks = [str(np.datetime64("2020-01-06") + 7 * week) for week in range(80)]
    shop = [{"unique_id": f"a{at}", "ds": weeks, "y": each[:80].tolist()} for at, each in enumerate(demand)]
    fitted = adapter(horizon=4, period=1).fit(adapter(horizon=4, period=1).records(shop))
    results, came_later = [each.unwrap().payload for each in fitted.map(shop[:40])], demand[:40, 80:]
    at = {level: results[0].levels.index(level) for level in (0.9, 0.95)}
    for level, place in at.items():
        held = [came <= step.quantiles[place] for result, later in zip(results, came_later, strict=True)
                for step, came in zip(result.steps, later, strict=True)]  # fmt: skip
        assert np.mean(held) >= level - 0.03
        together = [sum(later) <= result.totals[-1][place] for result, later in zip(results, came_later, strict=True)]
        assert np.mean(together) >= level - 0.05


def test_an_article_that_was_given_up_is_not_held_to_what_it_sold() -> None:
    shop = noisy(160)
    shop[0]["y"] = [each if at < 80 else 0.0 for at, each in enumerate(shop[0]["y"])]  # type: ignore[arg-type]
    fitted = adapter(horizon=2, period=1).fit(adapter(horizon=2, period=1).records(shop))
    assert fitted(shop[0]).payload.steps[0].quantiles[-1] < 5


def test_a_calibration_in_another_unit_of_errors_is_stale(fitted: DemandForecast, shop: list[dict[str, Any]]) -> None:
    """What was fitted before `spread` had its present definition names the settings alone."""
    old = fitted.artifacts["calibration"].model_copy(update={"settings": fitted.settings.fingerprint})
    stale = DemandForecast(artifacts={**fitted.artifacts, "calibration": old})
    assert [each.code for each in stale(shop[0]).findings] == ["CALIB.STALE"]


def test_totals_are_narrower_than_sums_of_quantiles(fitted: DemandForecast, shop: list[dict[str, Any]]) -> None:
    found = fitted(shop[3]).payload
    summed = sum(step.quantiles[-1] - step.quantiles[0] for step in found.steps)
    assert found.totals[-1][-1] - found.totals[-1][0] < 0.7 * summed


def test_too_few_residuals_are_refused_with_the_number_that_would_do() -> None:
    one = [clean(DemandSeries(unique_id="a", ds=list(range(20)), y=[float(i % 4) for i in range(20)]))[0]]
    with pytest.raises(GuardRefused, match=r"CALIB\.N_TOO_SMALL: 5 residuals for step 1 cannot") as e:
        calibrate(one, Settings(horizon=4))
    assert "19 are the least" in e.value.why


def test_a_calibration_of_other_settings_is_stale(fitted: DemandForecast, shop: list[dict[str, Any]]) -> None:
    other = Settings(horizon=3, period=1, method="theta")
    found = DemandForecast(artifacts={**fitted.artifacts, "settings": other})(shop[0])
    assert [each.code for each in found.findings] == ["CALIB.STALE"]
    assert found.score is None
    assert found.payload.steps[0].quantiles == []


SALES = st.floats(0, 1e3, width=32)


@hypothesis.given(st.lists(SALES, min_size=14, max_size=30), st.lists(SALES, min_size=2, max_size=8), st.integers(0, 2))
@hypothesis.settings(max_examples=30)
def test_later_periods_never_change_an_earlier_forecast(past: list[float], future: list[float], out: int) -> None:
    def at(values: list[float]) -> Any:
        # The last periods of the past may be out of stock: what fills them may not come from the future.
        stock = [not len(past) - out <= i < len(past) for i in range(len(values))]
        return clean(DemandSeries(unique_id="a", ds=list(range(len(values))), y=values, in_stock=stock))[0]

    settings = Settings(horizon=3)
    [alone] = predict([at(past)], settings)
    [cut] = predict([at([*past, *future]).before(len(past))], settings)
    np.testing.assert_array_equal(alone, cut)


def test_a_planned_promotion_lifts_the_forecast_and_a_past_one_does_not() -> None:
    rng = np.random.default_rng(0)
    promo = (np.arange(60) % 6 == 0).astype(float)
    y = rng.poisson(100 * np.where(promo > 0, 2.0, 1.0)).astype(float).tolist()
    future = {"ds": list(range(64)), "y": [*y, None, None, None, None]}
    item = {"unique_id": "a", **future, "promo": [*promo, 0, 0, 1, 0]}
    means = [step.mean for step in DemandForecast()(item).payload.steps]
    assert means[0] == pytest.approx(100, rel=0.1)
    assert means[2] == pytest.approx(200, rel=0.15)


def test_a_higher_price_planned_lowers_the_forecast() -> None:
    rng = np.random.default_rng(1)
    price = rng.choice([1.0, 0.9, 1.1, 1.2], 80)
    y = rng.poisson(200 * price**-2.0).astype(float).tolist()
    item = {"unique_id": "a", "ds": list(range(84)), "y": [*y] + [None] * 4, "price": [*price, 1.0, 1.2, 0.9, 1.0]}
    means = [step.mean for step in DemandForecast()(item).payload.steps]
    assert means[1] / means[0] == pytest.approx(1.2**-2, rel=0.1)
    assert means[2] / means[0] == pytest.approx(0.9**-2, rel=0.1)


def test_a_price_without_a_plan_is_said() -> None:
    item = {"unique_id": "a", "ds": list(range(20)), "y": [5.0 + i % 2 for i in range(20)], "price": [2.0] * 20}
    found = {each.code: each for each in DemandForecast()(item).findings}["INPUT.MISSING_VALUE"]
    assert "'price' is known for 0 of 4 periods to come; the usual price is assumed" in found.text
    assert "an empty y" in found.fix


@pytest.mark.parametrize("split", [Random(), Group()])
def test_only_a_split_in_time_is_allowed(shop: list[dict[str, Any]], split: Any) -> None:
    with pytest.raises(GuardRefused, match=r"LEAK\.SPLIT_RANDOM"):
        DemandForecast().evaluate(shop, split)


def test_a_panel_in_two_currencies_is_not_judged(shop: list[dict[str, Any]]) -> None:
    mixed = [{**each, "currency": ["EUR" if i else "USD"] * 60} for i, each in enumerate(shop)]
    with pytest.raises(GuardRefused, match=r"UNITS\.CURRENCY_MIXED: prices of the panel are in EUR, USD"):
        DemandForecast().evaluate(mixed)


def test_what_was_fitted_is_json_and_gives_the_same_again(
    fitted: DemandForecast, shop: list[dict[str, Any]], tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    assert {each.suffix for each in tmp_path.iterdir()} == {".json"}
    assert DemandForecast.load(tmp_path)(shop[1]) == fitted(shop[1])


def test_statsforecast_is_asked_for_by_name() -> None:
    pytest.importorskip("statsforecast")
    item = DemandForecast.samples()[0]
    assert adapter(method="statsforecast:Naive")(item).payload.steps[0].mean == item["y"][-1]
    with pytest.raises(UsageProblem, match="no model 'AutoETZ'") as failed:
        adapter(method="statsforecast:AutoETZ")(item)
    assert "AutoETS" in failed.value.why


def test_without_statsforecast_the_line_for_pip_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(RequirementMissing) as failed:
        adapter(method="statsforecast:AutoETS")(DemandForecast.samples()[0])
    assert failed.value.fix == 'pip install "duomo-retail[forecast]"'


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UsageProblem, match="no forecasting method 'thetta'") as failed:
        adapter(method="thetta")(DemandForecast.samples()[0])
    assert "'theta'" in failed.value.why


def noisy(periods: int, count: int = 8) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    return [{"unique_id": f"sku{i}", "ds": list(range(periods)), "y": rng.poisson(20, periods).astype(float).tolist()}
            for i in range(count)]  # fmt: skip


def test_an_origin_with_too_short_a_past_for_quantiles_takes_nothing_from_the_others() -> None:
    plain = DemandForecast(artifacts={"settings": Settings(horizon=4, levels=(0.05, 0.5, 0.95))})
    report = plain.evaluate(noisy(26), RollingOrigin(origins=3, stride=4))
    with_quantiles = [fold.metrics["coverage_90%"] for fold in report.folds if "coverage_90%" in fold.metrics]
    assert 0 < len(with_quantiles) < len(report.folds)
    assert report.metrics["coverage_90%"] == pytest.approx(np.mean(with_quantiles))
    assert report.metrics["smape"] == pytest.approx(np.mean([fold.metrics["smape"] for fold in report.folds]))


def test_a_series_of_which_nothing_held_back_is_known_is_not_counted_as_right() -> None:
    panel = noisy(40)
    for series in panel[1:]:
        series["in_stock"] = [True] * 36 + [False] * 4
    plain = DemandForecast(artifacts={"settings": Settings(horizon=4, levels=(0.05, 0.5, 0.95))})
    together, alone = plain.evaluate(panel).metrics, plain.evaluate(panel[:1]).metrics
    assert together["smape"] == pytest.approx(alone["smape"])
    assert together["mase"] == pytest.approx(alone["mase"])
    with pytest.raises(BadInput, match="no series can be judged by"):
        plain.evaluate(panel[1:])


def test_records_and_rows_are_judged_alike_and_what_is_lost_is_counted() -> None:
    plain = DemandForecast(artifacts={"settings": Settings(horizon=4, levels=(0.05, 0.5, 0.95))})
    rows = noisy(40)
    of_rows = plain.evaluate([*rows, {"unique_id": "x"}])
    of_records = plain.evaluate(plain.records(rows))
    assert of_rows.metrics == of_records.metrics
    assert (of_rows.unreadable, of_records.unreadable) == (1, 0)
