"""Customer value: the published parameters on CDNOW, and a holdout that the plain rate fails."""

from pathlib import Path
from typing import Any

import data
import numpy as np
import pytest
import scipy.stats

from duomo.errors import BadInput, UsageProblem
from duomo_retail.buying import BgNbd, GammaGamma, Purchases
from duomo_retail.customers import CustomerValue, Window


def test_bg_nbd_has_the_published_parameters() -> None:
    # Fader, Hardie and Lee (2005), table 2
    table = data.cdnow_summary("cdnow_customers_summary.csv")
    found = BgNbd.fit(Purchases(table["frequency"], table["recency"], table["T"]))
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((0.2426, 4.4135, 0.7929, 2.4258), abs=1e-3)


def test_gamma_gamma_has_the_published_parameters() -> None:
    table = data.cdnow_summary("cdnow_customers_summary_with_transactions.csv")
    back = table[table["x"] > 0]
    found = GammaGamma.fit(back["x"], back["zbar"])
    assert (found.p, found.q, found.v) == pytest.approx((6.249, 3.745, 15.448), abs=2e-3)
    few, many = found.expected_value(np.array([1.0, 50.0]), np.array([100.0, 100.0]))
    assert 36 < few < many < 100


def test_expected_purchases_are_those_of_the_closed_form_and_have_no_hole_where_hardly_anybody_leaves() -> None:
    from scipy.special import hyp2f1

    seen = Purchases(np.array([0.0, 2, 9]), np.array([0.0, 30, 38]), np.array([38.9, 38.9, 38.9]))
    model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    x, rest = seen.frequency, 4.414 + 38.9
    c, z = model.a + model.b + x - 1, 39 / (rest + 39)
    closed = c / (model.a - 1) * (1 - (1 - z) ** (model.r + x) * hyp2f1(model.r + x, model.b + x, c, z))
    alive = model.probability_alive(seen)
    assert model.expected_purchases(seen, 39.0) == pytest.approx(closed * alive, rel=1e-9)
    # Nobody leaves: each goes on at the rate that is expected of them.
    loyal = BgNbd(r=0.243, alpha=4.414, a=1e-6, b=4e8)
    assert loyal.expected_purchases(seen, 39.0) == pytest.approx((0.243 + x) / rest * 39, rel=1e-6)
    assert np.isfinite(BgNbd(r=0.243, alpha=4.414, a=1.0, b=2.4).expected_purchases(seen, 39.0)).all()


@pytest.mark.parametrize(
    ("r", "alpha", "a", "b", "x", "age", "time"),
    [
        (0.1, 0.1, 0.5, 1096.0, 1000, 10, 52),
        (1.0, 0.5, 0.9, 1.0, 3000, 20, 100),
        (0.5, 1.0, 2.0, 3.0, 10000, 50, 10),
        (0.2, 4.0, 886.0, 18.0, 1, 1, 10),  # where nearly everybody leaves
    ],
)
def test_expected_purchases_of_who_buys_all_the_time_are_the_mean_over_chances_to_leave(
    r: float, alpha: float, a: float, b: float, x: int, age: int, time: float
) -> None:
    """Purchases of one who leaves with chance p, after the paper's equation 9, at 100,000 quantiles of p."""
    model, seen = BgNbd(r=r, alpha=alpha, a=a, b=b), Purchases(*(np.array([float(each)]) for each in (x, age, age)))
    p = scipy.stats.beta(a, b + x).ppf((np.arange(100_000) + 0.5) / 100_000)
    mean = (-np.expm1(-(r + x) * np.log1p(p * time / (alpha + age))) / p).mean()
    assert model.expected_purchases(seen, time) == pytest.approx(mean * model.probability_alive(seen), rel=1e-5)


def test_customers_who_never_leave_are_expected_to_go_on() -> None:
    """The closed form gave -265,740,317,052 purchases."""
    rng = np.random.default_rng(1)
    people = []
    for i in range(150):
        days = sorted(rng.integers(0, 360, 1 + rng.poisson(3)))
        dates = [str(np.datetime64("2024-01-01") + int(day)) for day in days]
        people.append({"customer_id": str(i), "dates": dates, "amounts": [10.0 + i % 7] * len(dates)})
    adapter = CustomerValue(artifacts={"window": Window(end="2024-12-31", horizon=52)})
    adapter = adapter.fit(adapter.records(people))
    expected = sum(each.unwrap().payload.expected_purchases for each in adapter.map(people))
    # A year more of the same, and of the same share of customers.
    assert 0.8 < expected / sum(len(each["dates"]) for each in people) < 1.1


def test_a_purchase_of_another_century_does_not_end_the_window() -> None:
    people = [
        {"customer_id": str(i), "dates": ["2025-01-06", f"2025-03-{1 + i:02}"], "amounts": [20.0, 25.0]}
        for i in range(9)
    ]
    people.append({"customer_id": "typo", "dates": ["2205-03-07"], "amounts": [9.0]})
    adapter = CustomerValue()
    with pytest.raises(BadInput, match="the last purchase is on 2205-03-07, and all others are until 2025-03-09"):
        adapter.fit(adapter.records(people))


@pytest.fixture(scope="module")
def fitted() -> tuple[CustomerValue, list[dict[str, Any]]]:
    people = data.cdnow()
    adapter = CustomerValue(artifacts={"window": Window(end="1997-09-30", horizon=39)})
    return adapter.fit(adapter.records(people)), people


def test_the_holdout_is_missed_by_less_than_a_tenth(fitted: Any) -> None:
    adapter, people = fitted
    results = [each.unwrap().payload for each in adapter.map(people)]
    first = np.datetime64("0001-01-01")
    came = [len({(np.datetime64(d) - first).astype(int) // 7 for d in each["dates"] if d > "1997-09-30"})  # type: ignore[attr-defined]
            for each in people]  # fmt: skip
    expected = np.array([each.expected_purchases for each in results])
    assert sum(came) == 1788
    assert -0.10 < expected.sum() / sum(came) - 1 < 0
    rate = np.array([39 * each.frequency / max(each.recency, 1) for each in results])
    assert np.abs(expected - came).mean() < 0.8 < np.abs(rate - came).mean()


def test_a_result_says_when_somebody_was_last_heard_of_and_what_that_means(fitted: Any) -> None:
    adapter, _ = fitted
    regular = {"customer_id": "r", "dates": [f"1997-0{m}-05" for m in range(1, 10)], "amounts": [20.0] * 9}
    silent = {"customer_id": "s", "dates": [f"1997-01-{d:02d}" for d in range(1, 29, 7)], "amounts": [20.0] * 4}
    [a, b] = [each.unwrap() for each in adapter.map([regular, silent])]
    assert a.payload.probability_alive > 0.8 > 0.2 > b.payload.probability_alive
    assert a.payload.lifetime_value > b.payload.lifetime_value
    assert b.payload.segment.startswith("lapsing")
    assert "silent for" in b.reasons[0].text
    assert (a.reasons[0].direction, b.reasons[0].direction) == ("favourable", "adverse")
    assert a.score.kind == "uncalibrated"
    assert "r" not in (a.key, b.key), "keys are pseudonyms"


def test_purchases_after_the_window_change_nothing(fitted: Any) -> None:
    adapter, _ = fitted
    early = {"customer_id": "p", "dates": ["1997-02-01", "1997-03-01"], "amounts": [10.0, 12.0]}
    later = {"customer_id": "p", "dates": [*early["dates"], "1998-01-01"], "amounts": [10.0, 12.0, 99.0]}
    assert adapter(early).payload == adapter(later).payload
    assert [each.code for each in adapter(later).findings] == ["LEAK.FUTURE"]


def test_disorder_is_named_and_costs_nobody_else(fitted: Any) -> None:
    adapter, _ = fitted
    good = {"customer_id": "g", "dates": ["1997-02-01"], "amounts": [10.0]}
    mixed = {**good, "dates": ["1997-02-01", "1997-03-01"], "amounts": [1.0, 2.0], "currency": ["EUR", "USD"]}
    returned = {**good, "dates": ["1997-02-01", "1997-03-01"], "amounts": [10.0, -10.0]}
    late = {**good, "dates": ["1999-02-01"]}
    uneven = {**good, "amounts": [1.0, 2.0]}
    outcomes = list(adapter.map([good, mixed, returned, late, uneven, good]))
    assert [each.ok for each in outcomes] == [True, True, True, False, False, True]
    assert outcomes[1].result.payload is None
    assert outcomes[1].result.decision.reason == "UNITS.CURRENCY_MIXED"
    assert "returns are not purchases" in outcomes[2].result.findings[0].text
    assert "no purchase by 1997-09-30" in outcomes[3].error.what
    assert "1 dates and 2 amounts" in outcomes[4].error.what


def test_a_table_is_gathered_by_customer(tmp_path: Path, fitted: Any) -> None:
    path = tmp_path / "sales.csv"
    path.write_text("customer_id,date,amount\nb,1997-03-01,5\na,1997-02-01,7\nb,1997-05-01,6\n")
    adapter, _ = fitted
    assert [each.unwrap().payload.frequency for each in adapter.map(adapter.read(path))] == [1, 0]
    path.write_text("customer,date,amount\nb,1997-03-01,5\n")
    with pytest.raises(BadInput, match=r"INPUT\.MISSING_COLUMN: the table has no 'customer_id'") as failed:
        list(adapter.read(path))
    assert "rename 'customer' to 'customer_id'" in failed.value.fix


def test_dates_are_days_and_no_text(tmp_path: Path, fitted: Any) -> None:
    adapter, _ = fitted
    usual, other, late = (
        {"customer_id": "p", "dates": dates, "amounts": [10.0, 12.0]}
        for dates in (["1997-02-01", "1997-03-01"], ["19970201", "1997-03-01T23:00:00Z"], ["1997-02-01", "19980101"])
    )
    assert adapter(other).payload == adapter(usual).payload
    assert not adapter(other).findings
    assert [each.code for each in adapter(late).findings] == ["LEAK.FUTURE"]
    for date in ("1.3.1997", "1997-3-1", "1997-03-011"):
        [outcome] = adapter.map([{**usual, "dates": ["1997-02-01", date]}])
        assert outcome.error.what == "'dates[1]' is not a time"
    path = tmp_path / "sales.csv"
    path.write_text("customer_id,date,amount\nb,19970301,5\nb,3.4.1997,7\nb,1997-05-01,6\n")
    lost, found = adapter.read(path)
    assert lost.what == "row 2 of the table: 'date' is not a time"
    assert found["dates"] == ["1997-03-01", "1997-05-01"]


def test_nothing_is_said_before_something_was_learnt() -> None:
    with pytest.raises(UsageProblem, match="was not fitted"):
        CustomerValue()(CustomerValue.samples()[0])
    with pytest.raises(UsageProblem, match="BG/NBD cannot be fitted") as failed:
        BgNbd.fit(Purchases(np.zeros(3), np.zeros(3), np.ones(3)))
    assert failed.value.why == "no customer bought twice"


def test_a_customer_that_cannot_be_used_costs_the_fit_of_no_other() -> None:
    people = [
        {"customer_id": str(i), "dates": [f"2025-{1 + (i + k * (1 + i % 5)) % 9:02d}-0{1 + i % 7}"
         for k in range(1 + i % 4)], "amounts": [10.0 + i % 9 + k for k in range(1 + i % 4)]} for i in range(60)
    ]  # fmt: skip
    odd = [
        {"customer_id": "returned", "dates": ["2025-01-01"], "amounts": [-5.0]},
        {"customer_id": "none", "dates": [], "amounts": []},
        {"customer_id": "soon", "dates": ["soon"], "amounts": [3.0]},
        {"customer_id": "nan", "dates": ["2025-01-01"], "amounts": [float("nan")]},
    ]
    adapter = CustomerValue()
    clean, mixed = (adapter.fit(adapter.records(each)) for each in (people, [*people, *odd]))
    assert mixed.artifacts == clean.artifacts
    outcomes = list(mixed.map([*odd, people[0]]))
    assert [outcome.ok for outcome in outcomes] == [False, False, False, False, True]
    assert outcomes[3].error.what == "a customer with an amount that is not a number"


def test_a_row_that_lacks_a_cell_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "sales.jsonl"
    path.write_text('{"customer_id": "p", "date": "2025-01-01", "amount": 3}\n{"customer_id": "q", "amount": 3}\n')
    first, lost = sorted(CustomerValue().read(path), key=lambda each: isinstance(each, BadInput))
    assert first["customer_id"] == "p"
    assert lost.what == "row 2 of the table has no 'date'"


def test_spending_of_customers_who_bought_once_has_a_mean_however_wild_it_is() -> None:
    # Values over five decades: unbounded, the best q is below 1 and the mean of newcomers negative.
    wild = np.exp(np.random.default_rng(0).normal(0, 3, 400))
    spending = GammaGamma.fit(np.ones(400), wild)
    assert spending.q > 1
    assert spending.expected_value(np.zeros(1), np.zeros(1))[0] > 0


@pytest.mark.parametrize(("slope", "word"), [(0.0, ""), (2.0, "spend more"), (-2.0, "spend less")])
def test_spend_that_depends_on_frequency_is_a_finding(slope: float, word: str) -> None:
    random = np.random.default_rng(0)
    items = []
    for number in range(300):
        count = int(random.integers(2, 12))
        level = 50 + slope * count
        days = np.sort(random.choice(300, count, replace=False))
        items.append(
            {
                "customer_id": str(number),
                "dates": [str(np.datetime64("2030-01-01") + int(day)) for day in days],
                "amounts": [float(value) for value in random.gamma(20, level / 20, count)],
            }
        )
    adapter = CustomerValue()
    found = [each for guard in adapter.guards("dataset") for each in guard(adapter.records(items))]
    assert [each.code for each in found] == (["CALIB.OFF"] if word else [])
    assert all(word in each.text for each in found)
