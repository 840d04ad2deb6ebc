"""Fraud alerts: the order, the budget, and why."""

import datetime as dt

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from duomo.adapters import GroupTime, Time, auc
from duomo.errors import BadInput, UsageProblem
from duomo_finance import made_up
from duomo_finance.fraud import Fraud, Payments, worklist
from duomo_finance.surprise import Surprise


@pytest.fixture(scope="module")
def fraud():
    return Fraud.example()


def test_an_alert_names_what_is_unusual_and_how_unusual_it_is(fraud):
    usual = {"id": "1", "account": "K1", "time": "2024-03-01T12:00", "amount": 25.0, "hour": 14, "km_from_home": 4.0,
             "payments_last_hour": 0, "currency": "EUR"}  # fmt: skip
    calm, odd = fraud(usual), fraud({**usual, "amount": 900.0, "km_from_home": 700.0, "hour": 3})
    assert calm.decision.outcome == "accept"
    assert not calm.payload.alert
    assert calm.reasons == []
    assert odd.payload.alert
    assert odd.decision.outcome == "refer"
    assert {each.code for each in odd.reasons} == {"AMOUNT.HIGH", "KM_FROM_HOME.HIGH", "HOUR.LOW"}
    assert [each.contribution for each in odd.reasons] == sorted(
        (each.contribution for each in odd.reasons), reverse=True
    )
    assert "km from home is unusually high" in odd.reasons[0].text
    assert odd.payload.percentile > 0.98
    assert odd.score.kind == "uncalibrated"
    assert odd.human_review == "required"
    assert "not a finding of fraud" in odd.disclaimer


def test_parts_of_a_score_add_up_to_it(fraud):
    for outcome in fraud.map(made_up.transactions(200, 0.3, seed=4)):
        result = outcome.unwrap()
        assert sum(each.contribution for each in result.reasons) <= result.payload.score + 0.01


def test_the_budget_is_kept_on_payments_it_has_not_seen():
    rows = made_up.transactions(4000, share=0.0, seed=3)
    form, _ = Payments.of_table(rows, key="id", account="account", time="time", target="fraud", alerts_per_1000=20)
    blank = Fraud(artifacts={"payments": form})
    fitted = blank.fit(blank.records(rows[:2500]))
    alerts = [outcome.unwrap().payload.alert for outcome in fitted.map(rows[2500:])]
    assert 1000 * np.mean(alerts) == pytest.approx(20, abs=10)


def test_a_days_worklist_never_exceeds_the_day(fraud):
    rows = made_up.transactions(500, share=0.1, seed=5)
    results = [outcome.unwrap() for outcome in fraud.map(rows)]
    days = worklist(results, per_day=3)
    assert set(map(len, days.values())) == {3}
    first = days[dt.date(2024, 1, 1)]
    scores = [each.payload.score for each in first]
    assert scores == sorted(scores, reverse=True)
    assert worklist(reversed(results), per_day=3)[dt.date(2024, 1, 1)] == first, "the order of arrival does not show"


def test_it_is_judged_on_later_payments_of_other_accounts_by_default():
    rows = made_up.transactions(3000, seed=6)
    form, _ = Payments.of_table(rows, key="id", account="account", time="time", target="fraud", alerts_per_1000=20)
    adapter = Fraud(artifacts={"payments": form})
    assert isinstance(adapter.split_policy(adapter.records(rows[:50])), GroupTime)
    report = adapter.evaluate(rows, Time(share=0.4))
    assert report.metrics["recall_at_budget"] > 0.6
    assert report.metrics["average_precision"] > 5 * report.metrics["prevalence"]
    assert report.split.startswith("Time(")


def test_on_real_measurements_it_ranks_what_is_rare_above_what_is_not():
    """No card data ships in a package; tumours among benign lumps (4 % of them) stand in for what is rare."""
    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names[:10]]
    benign, malignant = data.data[data.target == 1][:, :10], data.data[data.target == 0][:15, :10]
    rows = [dict(zip(names, map(float, each), strict=True)) for each in benign]
    odd = [dict(zip(names, map(float, each), strict=True)) for each in malignant]
    form, _ = Payments.of_table(rows)
    blank = Fraud(artifacts={"payments": form})
    fitted = blank.fit(blank.records(rows + odd))
    scores = [outcome.unwrap().payload.score for outcome in fitted.map(rows + odd)]
    assert auc(scores, [0] * len(rows) + [1] * len(odd)) > 0.9


def test_a_median_is_no_surprise_and_the_unheard_of_is_the_largest():
    rows = [{"amount": float(i), "kind": "a" if i % 10 else "b"} for i in range(1000)]
    form, _ = Payments.of_table(rows)
    made = Surprise.fit(form.fields, rows)
    amount, kind = made.tails
    assert amount.surprise(499.5)[0] == pytest.approx(0, abs=0.01)
    assert amount.surprise(1e9) == (pytest.approx(np.log(1001 / 2)), "high")  # type: ignore[comparison-overlap]
    assert amount.surprise(-5.0)[1] == "low"
    assert amount.surprise(990.0)[0] == pytest.approx(-np.log(2 * 0.01), abs=0.2)
    assert kind.surprise("a")[0] < kind.surprise("b")[0] < kind.surprise("z")[0]
    assert kind.surprise(None)[1] == "missing"
    assert made.percentile(made.threshold(0.01)) == pytest.approx(0.99, abs=0.002)


def test_many_equal_values_are_no_surprise():
    rows = [{"count": 0.0 if i % 4 else 3.0} for i in range(400)]
    made = Surprise.fit(Payments.of_table(rows)[0].fields, rows)
    assert made.tails[0].surprise(0.0)[0] == pytest.approx(0, abs=0.01)


# Bad input.


def test_bad_payments_are_referred_and_the_others_scored(fraud):
    good = made_up.transactions(1)[0]
    rows = [good, {**good, "currency": "USD"}, {name: each for name, each in good.items() if name != "amount"},
            {**good, "time": "yesterday"}, "a string", good]  # fmt: skip
    outcomes = list(fraud.map(rows))
    assert [each.ok for each in outcomes] == [True, True, True, False, False, True]
    assert [each.code for each in outcomes[1].result.findings] == ["UNITS.CURRENCY_MIXED"]
    assert [(each.code, each.field) for each in outcomes[2].result.findings] == [("INPUT.MISSING_COLUMN", "amount")]
    assert outcomes[1].result.payload is outcomes[2].result.payload is None
    assert "'time' is not a time" in outcomes[3].error.what
    assert "record 4 is a str" in outcomes[4].error.what


def test_a_protected_column_is_no_signal():
    rows = [{**row, "nationality": "X"} for row in made_up.transactions(300)]
    form, [found] = Payments.of_table(rows, key="id", account="account", time="time", target="fraud")
    assert (found.code, found.field) == ("FAIR.PROHIBITED_BASIS", "nationality")
    assert "nationality" not in [each.name for each in form.fields]


def test_what_is_missing_before_it_can_work_is_named():
    with pytest.raises(UsageProblem, match="does not know what a payment looks like"):
        Fraud().record({})
    form, _ = Payments.of_table(made_up.transactions(50), key="id", account="account", time="time", target="fraud")
    blank = Fraud(artifacts={"payments": form})
    with pytest.raises(BadInput, match="50 payments do not tell what is usual"):
        blank.fit(blank.records(made_up.transactions(50)))
    with pytest.raises(UsageProblem, match="nothing is known to be usual yet"):
        blank(made_up.transactions(1)[0])
