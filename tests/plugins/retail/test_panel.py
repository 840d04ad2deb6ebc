"""A panel as shops have them: every kind of disorder is named, and costs no other series its forecast."""

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from duomo.errors import BadInput
from duomo_retail.forecast import DemandForecast
from duomo_retail.panel import clean, group_rows
from duomo_retail.records import DemandSeries

DAYS = [str(np.datetime64("2026-01-01") + i) for i in range(20)]
SALES = [10.0 + i % 3 for i in range(20)]


def series(**changes: Any) -> dict[str, Any]:
    return {"unique_id": "tea", "ds": DAYS, "y": SALES, **changes}


def codes(item: dict[str, Any]) -> dict[str, Any]:
    found = DemandForecast()(item)
    return {each.code: each for each in found.findings if each.code != "CALIB.MISSING"}


def test_a_sound_series_has_nothing_to_report() -> None:
    assert codes(series()) == {}


def test_an_unsorted_panel_is_sorted_and_says_so() -> None:
    found = DemandForecast()(series(ds=DAYS[::-1], y=SALES[::-1]))
    assert "sorted" in next(each.text for each in found.findings if each.code == "INPUT.UNSORTED")
    assert found.payload.steps == DemandForecast()(series()).payload.steps


@pytest.mark.parametrize(
    "of", [dt.date.fromisoformat, dt.datetime.fromisoformat, pd.Timestamp, np.datetime64, pd.Period]
)
def test_periods_may_be_dates_of_python_numpy_and_pandas(of: Any) -> None:
    made = DemandSeries.model_validate(series(ds=[of(each) for each in DAYS]))
    assert clean(made)[0].axis == clean(DemandSeries.model_validate(series()))[0].axis


def test_an_empty_name_is_of_no_article_and_a_whole_number_is_one_however_it_is_written() -> None:
    names = [float("nan"), 7.0, "7", 7, "NA", "4.00638E+12"]
    rows = [{"unique_id": name, "ds": day, "y": 1.0} for name, day in zip(names, DAYS, strict=False)]
    lost, also, cut, one = sorted(group_rows(rows), key=lambda each: isinstance(each, dict))
    assert cut.what == "the name 4.00638E+12 has lost digits"
    assert [each.what for each in (lost, also)] == [f"row {at} of the panel has no 'unique_id'" for at in (1, 5)]
    assert (one["unique_id"], one["ds"]) == ("7", DAYS[1:4])


def test_a_gap_is_unknown_demand_and_not_zero() -> None:
    found = DemandForecast()(series(ds=DAYS[:9] + DAYS[11:], y=SALES[:9] + SALES[11:]))
    [gap] = [each for each in found.findings if each.code == "INPUT.GAP"]
    assert "2 of 20 periods" in gap.text
    assert "write 0" in gap.fix
    assert found.payload.steps[0].mean > 9


def test_a_period_that_comes_twice_is_kept_once_and_a_contradiction_stops_the_series() -> None:
    same = codes(series(ds=[*DAYS, DAYS[-1]], y=[*SALES, SALES[-1]]))
    assert same["INPUT.DUPLICATE"].severity == "warn"
    found = DemandForecast()(series(ds=[*DAYS, DAYS[-1]], y=[*SALES, 99.0]))
    [stop] = [each for each in found.findings if each.code == "INPUT.DUPLICATE"]
    assert (stop.severity, stop.field, stop.record) == ("block", "ds", "tea")
    assert "sum them up" in stop.fix
    assert found.payload is None
    assert found.decision.outcome == "refer"


def test_negative_sales_are_returns_and_send_the_series_to_a_person() -> None:
    found = codes(series(y=[-4.0, *SALES[1:]]))
    assert found["OOD.RANGE"].severity == "refer"
    assert "returns are not demand" in found["OOD.RANGE"].text


def test_sales_while_out_of_stock_are_not_read_as_demand() -> None:
    empty = [i >= 14 for i in range(20)]
    sold = [0.0 if out else value for out, value in zip(empty, SALES, strict=True)]
    naive = DemandForecast()(series(y=sold)).payload.steps[0].mean
    found = DemandForecast()(series(y=sold, in_stock=[not out for out in empty]))
    [finding] = [each for each in found.findings if each.code == "STOCKOUT.CENSORED"]
    assert "6 of 20 periods" in finding.text
    assert found.payload.unknown_periods == 6
    assert found.payload.steps[0].mean > 9 > 3 > naive
    assert found.reasons[0].code == "STOCKOUT.CENSORED"


def test_what_was_sold_before_the_shelf_was_empty_is_the_least_demand() -> None:
    in_stock = [i != 10 for i in range(20)]
    sold = [50.0 if i == 10 else value for i, value in enumerate(SALES)]
    cleaned, _ = clean(DemandSeries(**series(y=sold, in_stock=in_stock)))
    assert cleaned.values[10] == 50


def test_mixed_currencies_and_units_stop_the_series() -> None:
    found = codes(series(price=[2.0] * 20, currency=["EUR"] * 10 + ["USD"] * 10))
    assert "EUR, USD" in found["UNITS.CURRENCY_MIXED"].text
    found = codes(series(unit=["kg"] * 3 + ["pieces"] * 17))
    assert "make a series of each" in found["UNITS.MISMATCH"].fix


def test_a_short_series_says_how_many_are_needed() -> None:
    with pytest.raises(BadInput, match="'tea' has 5 observations") as failed:
        DemandForecast()(series(ds=DAYS[:5], y=SALES[:5]))
    assert "6 are the least" in failed.value.why


def test_a_series_without_sales_is_refused() -> None:
    with pytest.raises(BadInput, match="0 values of 'y' for 4 periods"):
        clean(DemandSeries(unique_id="a", ds=[1, 2, 3, 4], y=[], price=[1.0, 1.0, 1.0, 1.0]))


def test_a_series_that_is_mostly_unknown_is_refused() -> None:
    with pytest.raises(BadInput, match="demand is known in 8 of 20"):
        DemandForecast()(series(in_stock=[i < 8 for i in range(20)]))


def test_dates_that_are_none_or_on_no_axis_are_named() -> None:
    with pytest.raises(BadInput, match="'ds' is not a date: 'soon'"):
        DemandForecast()(series(ds=["soon", *DAYS[1:]]))
    with pytest.raises(BadInput, match="no regular time axis"):
        DemandForecast()(series(ds=[str(np.datetime64("2026-01-01") + 17 * i) for i in range(20)]))
    with pytest.raises(BadInput, match="mixes dates and numbers"):
        DemandForecast()(series(ds=[*DAYS[:-1], 7]))


def test_lists_of_unequal_length_are_named() -> None:
    with pytest.raises(BadInput, match="3 values of 'promo' for 20 periods"):
        DemandForecast()(series(promo=[0.0, 1.0, 0.0]))


@pytest.mark.parametrize(
    ("freq", "step", "after"),
    [
        ("7D", "week", "2026-05-21"),
        ("MS", "month", "2027-09-01"),
        ("QS", "quarter", "2031-01-01"),
        ("YS", "year", "2046-01-01"),
        ("ME", "month", "2027-12-31"),
        ("QE", "quarter", "2031-06-30"),
    ],
)
def test_the_next_period_follows_from_the_step(freq: str, step: str, after: str) -> None:
    pd = pytest.importorskip("pandas")
    start = "2026-04-01" if freq.endswith("E") else "2026-01-01"  # ends of months that begin with a short one
    days = [str(each)[:10] for each in pd.date_range(start, periods=20, freq=freq)]
    found = DemandForecast()(series(ds=days)).payload
    assert (found.step, found.steps[0].ds) == (step, after)


def test_a_table_is_read_in_any_order_and_one_bad_series_costs_no_other(tmp_path: Path) -> None:
    rows = ["ds,unique_id,y", *(f"{day},{name},{value}" for day, value in zip(DAYS, SALES, strict=True)
                               for name in ("rice", "tea"))]  # fmt: skip
    rows += ["2026-01-01,new,3"]
    path = tmp_path / "panel.csv"
    path.write_text("\n".join(rows) + "\n")
    adapter = DemandForecast()
    outcomes = list(adapter.map(adapter.read(path)))
    assert [each.ok for each in outcomes] == [True, True, False]
    assert [each.id for each in outcomes[:2]] == ["rice", "tea"]
    assert "'new' has 1 observations" in outcomes[2].error.what


def test_a_missing_column_names_the_closest(tmp_path: Path) -> None:
    path = tmp_path / "panel.csv"
    path.write_text("unique_id,dss,y\ntea,2026-01-01,3\n")
    with pytest.raises(BadInput, match=r"INPUT\.MISSING_COLUMN: the panel has no 'ds'") as failed:
        list(DemandForecast().read(path))
    assert "rename 'dss' to 'ds'" in failed.value.fix


def test_parquet_is_read_as_well(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"unique_id": ["a"] * 20, "ds": DAYS, "y": SALES}), tmp_path / "panel.parquet")
    adapter = DemandForecast()
    assert [each.ok for each in adapter.map(adapter.read(tmp_path / "panel.parquet"))] == [True]


def test_a_row_of_no_series_costs_itself_only() -> None:
    rows = [{"unique_id": "a", "ds": 1, "y": 1}, {"ds": 2, "y": 1}, {"unique_id": "a", "ds": None, "y": 3}]
    *lost, series = group_rows(rows)
    assert [each.what for each in lost] == ["row 2 of the panel has no 'unique_id'", "row 3 of the panel has no 'ds'"]
    assert series == {"unique_id": "a", "ds": [1], "y": [1]}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [("y", math.inf, "finite"), ("price", -math.inf, "finite"), ("promo", 7.0, "a promotion is 1"),
     ("promo", -1.0, "a promotion is 1")],
)  # fmt: skip
def test_a_number_that_cannot_be_is_named_with_its_series_and_period(field: str, value: float, why: str) -> None:
    values: dict[str, Any] = {"y": [5.0] * 12, "price": [1.0] * 12, "promo": [0.0] * 12}
    values[field][4] = value
    with pytest.raises(BadInput) as wrong:
        clean(DemandSeries(unique_id="tea", ds=list(range(12)), **values))
    assert wrong.value.what == f"series 'tea': '{field}' is {value:g} at 4"
    assert why in wrong.value.why


def test_a_price_of_nothing_is_a_hole_and_no_reason_to_expect_millions() -> None:
    price = [2.0, 1.5, 2.0, 2.5] * 5
    price[7], price[18] = 0.0, -1.0
    series, found = clean(DemandSeries(unique_id="tea", ds=list(range(20)), y=[9.0] * 20, price=price))
    assert [(each.code, each.field) for each in found] == [("OOD.RANGE", "price")]
    assert (series.price[7], series.price[18]) == (2.0, 1.5)


@pytest.mark.parametrize(
    ("ds", "step", "after"),
    [
        ([203001 + at if at < 12 else 203101 + at - 12 for at in range(20)], "month", "2031-09-01"),
        ([str(203001 + at) if at < 12 else str(203101 + at - 12) for at in range(20)], "month", "2031-09-01"),
        ([20300101 + at for at in range(20)], "day", "2030-01-21"),
        ([f"{2030 + at // 4}Q{at % 4 + 1}" for at in range(20)], "quarter", "2035-01-01"),
        ([f"{2030 + at // 4}-q{at % 4 + 1}" for at in range(20)], "quarter", "2035-01-01"),
        ([f"{2030 + at // 12}-{at % 12 + 1:02}" for at in range(20)], "month", "2031-09-01"),
        ([203041 + at if at < 12 else 203101 + at - 12 for at in range(20)], "week", "2031-02-24"),
        ([str(203041 + at) if at < 12 else str(203101 + at - 12) for at in range(20)], "week", "2031-02-24"),
        ([(2030 + at // 4) * 10 + at % 4 + 1 for at in range(20)], "quarter", "2035-01-01"),
        ([2030360 + at if at < 6 else 2031001 + at - 6 for at in range(20)], "day", "2031-01-15"),
        (list(range(1990, 2010)), "step", "2010"),
        (list(range(203090, 203110)), "step", "203110"),
    ],
)
def test_months_quarters_and_days_are_known_however_they_are_written(ds: list, step: str, after: str) -> None:
    series, _ = clean(DemandSeries(unique_id="a", ds=ds, y=[float(at) for at in range(20)]))
    assert (series.axis.step, str(series.axis.at(20)), len(series.values)) == (step, after, 20)


def test_timestamps_that_would_count_periods_are_refused_before_memory_runs_out() -> None:
    ds: list[str | int] = [1_672_531_200_000 + 86_400_000 * at for at in range(20)]
    with pytest.raises(BadInput, match="spans 1,641,600,001 periods with 20 rows"):
        clean(DemandSeries(unique_id="a", ds=ds, y=[1.0] * 20))


@pytest.mark.parametrize(("spike", "codes"), [(1e6, ["OOD.RANGE"]), (500.0, [])])
def test_one_figure_far_beyond_all_others_is_a_finding(spike: float, codes: list[str]) -> None:
    y = [10.0 + at % 5 for at in range(40)]
    item = {"unique_id": "a", "ds": list(range(40)), "y": [*y[:20], spike, *y[21:]]}
    [outcome] = DemandForecast().map([item])
    assert [each.code for each in outcome.unwrap().findings if each.code == "OOD.RANGE"] == codes


@pytest.mark.parametrize(("factor", "told"), [(1000.0, True), (0.001, True), (20.0, False), (1.0, False)])
def test_figures_that_go_on_in_another_unit_are_a_finding(factor: float, told: bool) -> None:
    """In grams after kilograms the forecast is right; in kilograms before, one year of three is nothing."""
    y = [10.0 + at % 5 for at in range(40)]
    item = {"unique_id": "a", "ds": list(range(40)), "y": [*y[:25], *(each * factor for each in y[25:])]}
    [outcome] = DemandForecast().map([item])
    found = [each for each in outcome.unwrap().findings if each.code == "UNITS.MISMATCH"]
    assert [each.text.startswith("the last 15 figures") for each in found] == [True] * told


def test_a_panel_of_which_nothing_can_be_used_says_why_and_not_that_it_is_small() -> None:
    days = [f"{at % 28 + 1:02}.03.2030" for at in range(20)]
    adapter = DemandForecast()
    records = adapter.records([{"unique_id": "a", "ds": days, "y": [1.0] * 20}])
    with pytest.raises(BadInput, match="no series can be used; series 'a': 'ds' is not a date"):
        adapter.fit(records)
    doubled = [{"unique_id": "a", "ds": [*range(20), 19], "y": [*map(float, range(20)), 7.0]}]
    with pytest.raises(BadInput, match="comes twice with different sales"):
        adapter.fit(adapter.records(doubled))
