"""Churn: calibrated, explained, blind to who somebody is, and acted upon only where it pays."""

from pathlib import Path
from typing import Any

import data
import numpy as np
import pytest

from duomo.adapters import Random, auc
from duomo.errors import BadInput, GuardRefused
from duomo_retail.churn import Churn, Offer
from duomo_retail.classify import Logistic, values_of

ROW = {"customer_id": "p", "months": 2, "plan": "a"}


@pytest.mark.slow
def test_subscribers_are_ranked_and_their_risk_is_what_is_observed() -> None:
    split = Random(seed=0, because="a snapshot, one row a customer")
    report = Churn().evaluate(data.subscribers(), split)
    assert report.metrics["auc"] >= 0.84
    assert report.metrics["ece"] <= 0.03
    assert report.metrics["mean_probability"] == pytest.approx(report.metrics["observed"], abs=0.02)
    assert report.metrics["top_decile_lift"] > 2.5


def test_reasons_are_the_subscribers_own() -> None:
    adapter = Churn.example()
    new, old = adapter(ROW), adapter({**ROW, "months": 23})
    assert new.payload.churn_probability > 0.5 > old.payload.churn_probability
    assert new.reasons[0].text == "months is 2"
    assert all(each.feature != "months" for each in old.reasons)
    assert new.score.kind == "probability"


def test_protected_attributes_are_taken_out_before_any_model_sees_them() -> None:
    adapter = Churn(known=["months"])
    rows = [{**ROW, "months": i % 24, "gender": "mf"[i % 2], "churn": "yes" if i % 24 < 6 else "no"} for i in range(96)]
    fitted = adapter.fit(adapter.records(rows))
    assert {each.column for each in fitted.artifacts["model"].terms} == {"months", "plan"}  # type: ignore[attr-defined]
    assert fitted({**ROW, "gender": "f"}).payload == fitted({**ROW, "gender": "m"}).payload


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("plan", "A", "OOD.RANGE"), ("plan", "a b", "OOD.RANGE"), ("plan", "new", "OOD.RANGE"),
        ("months", 2400, "OOD.RANGE"), ("months", "2400", "OOD.RANGE"),
        ("months", None, "INPUT.MISSING_VALUE"), ("months", float("nan"), "INPUT.MISSING_VALUE"),
    ],
)  # fmt: skip
def test_a_value_that_was_not_learned_from_is_said(column: str, value: object, code: str) -> None:
    adapter = Churn.example()
    assert [each.code for each in adapter({**ROW, "months": 23}).findings] == []
    assert [(each.code, each.field) for each in adapter({**ROW, column: value}).findings] == [(code, column)]


def test_a_number_beyond_a_float_is_refused() -> None:
    with pytest.raises(BadInput, match="'months' is not a number"):
        Churn.example()({**ROW, "months": 10**400})


def test_an_offer_is_made_where_it_gains_more_than_it_costs() -> None:
    adapter = Churn.example()
    adapter.artifacts["policy"] = Offer(value=200, cost=20, success=0.25)
    new, old = adapter(ROW), adapter({**ROW, "months": 23})
    assert (new.decision.outcome, old.decision.outcome) == ("accept", "reject")
    assert new.payload.expected_gain == pytest.approx(new.payload.churn_probability * 50 - 20)
    assert new.decision.threshold == 0.4  # as it was set


def test_without_a_calibrator_there_is_no_probability_and_no_offer() -> None:
    adapter = Churn.example()
    del adapter.artifacts["calibrator"]
    assert adapter(ROW).payload.churn_probability is None
    adapter.artifacts["policy"] = Offer(value=200, cost=20)
    with pytest.raises(GuardRefused, match=r"CALIB\.MISSING: an offer needs a probability"):
        adapter(ROW)


def test_a_column_that_is_missing_or_no_number_is_named() -> None:
    adapter = Churn.example()
    with pytest.raises(BadInput, match=r"INPUT\.MISSING_COLUMN: no 'plan'"):
        adapter({"customer_id": "p", "months": 2})
    with pytest.raises(BadInput, match="'months' is not a number"):
        adapter({**ROW, "months": "two"})
    with pytest.raises(BadInput, match="does not say whether the customer left"):
        adapter.fit(adapter.records([{**ROW, "churn": "perhaps"}]))


def test_a_value_that_is_unknown_or_new_speaks_neither_way() -> None:
    adapter = Churn.example()
    model = adapter.artifacts["model"]
    assert model.contributions({"months": None, "plan": "zzz"}) == {"months": 0.0, "plan": 0.0}  # type: ignore[attr-defined]


def test_what_was_fitted_is_json(tmp_path: Path) -> None:
    adapter = Churn.example()
    adapter.save(tmp_path)
    assert {each.suffix for each in tmp_path.iterdir()} == {".json"}
    assert Churn.load(tmp_path)(ROW).payload == adapter(ROW).payload


def test_a_number_that_is_missing_by_nan_adds_nothing_and_one_that_is_infinite_is_named() -> None:
    adapter = Churn.example()
    by_none = adapter({"customer_id": "p", "months": None, "plan": "a"}).payload
    assert adapter({"customer_id": "p", "months": float("nan"), "plan": "a"}).payload == by_none
    assert adapter({"customer_id": "p", "months": "nan", "plan": "a"}).payload == by_none
    for value in ("inf", "many", float("inf")):
        with pytest.raises(BadInput, match="'months' is not a number"):
            adapter({"customer_id": "p", "months": value, "plan": "a"})


def test_a_slip_in_a_column_of_numbers_does_not_make_it_one_of_categories() -> None:
    rows = [{"customer_id": str(i), "months": i % 24, "plan": "abc"[i % 3], "churn": i % 24 < 6} for i in range(96)]
    rows[7]["months"] = "six"
    churn = Churn(known=["months"])
    fitted = churn.fit(churn.records(rows))
    [months] = [term for term in fitted.artifacts["model"].terms if term.column == "months"]  # type: ignore[attr-defined]
    assert months.weights
    assert not months.categories
    assert churn.evaluate(rows).metrics["auc"] > 0.95


def test_coefficients_stay_what_they_were_on_a_fixed_table() -> None:
    random = np.random.default_rng(7)
    x = random.normal(size=(400, 3)) * [1, 5, 0.2] + [0, 10, 1]
    y = (random.random(400) < 1 / (1 + np.exp(-(x @ [1.0, -0.3, 2.0] + 1)))).astype(float)
    rows = [{"a": a, "b": b, "c": "xyz"[int(abs(c) * 17) % 3]} for a, b, c in x.tolist()]
    fitted = Logistic.fit(rows, y.tolist())
    weights = [fitted.intercept, *fitted.terms[0].weights[:2], fitted.terms[1].weights[0]]
    expected = [0.0806867161026315, 0.4648432284722231, 0.31587531935389707, -0.9233707592948104]
    assert weights == pytest.approx(expected, abs=1e-7)
    categories = {"x": 0.0645429540882556, "y": -0.01094395047678644, "z": -0.053599003596642165}
    assert fitted.terms[2].categories == pytest.approx(categories, abs=1e-7)
    assert auc([fitted.log_odds(row) for row in rows], y) == pytest.approx(0.8459653422019955, abs=1e-9)


def subscribers(rows: int = 400, **columns: Any) -> list[dict[str, object]]:
    """A quarter leaves, the new ones more often; each column is a function of whether one leaves."""
    draw = np.random.default_rng(7)
    made = []
    for at in range(rows):
        months = int(draw.integers(1, 60))
        leaves = bool(draw.random() < (0.5 if months < 20 else 0.12))
        row = {"customer_id": f"c{at}", "months": months, "plan": "abc"[at % 3], "churn": "yes" if leaves else "no"}
        made.append({**row, **{name: make(leaves, draw) for name, make in columns.items()}})
    return made


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        (
            "cancel_reason",
            lambda leaves, draw: f"price {draw.integers(99)}" if leaves else None,
            "alone tells the answer",
        ),
        ("status", lambda leaves, draw: "gone" if leaves else "here", "alone tells the answer"),
        ("last_bill", lambda leaves, draw: 0.0 if leaves else draw.gamma(2, 20), "alone tells the answer"),
        ("fee", lambda leaves, draw: 50.0 if leaves and draw.random() < 0.5 else 0.0, "the largest"),
        ("exit calls", lambda leaves, draw: float(draw.poisson(3 if leaves else 0.6)), "sounds like what happens"),
        ("renewed_on", lambda leaves, draw: None if leaves else "2026-03-01", "alone tells the answer"),
    ],
)
def test_a_column_that_tells_who_left_is_refused(name: str, make: Any, words: str) -> None:
    rows = subscribers(**{name: make})
    with pytest.raises(GuardRefused, match=r"LEAK\.TARGET") as caught:
        Churn().fit(Churn().records(rows))
    assert words in caught.value.what
    assert f"Churn(known=['{name}'])" in caught.value.fix
    kept = Churn(known=[name]).fit(Churn().records(rows))
    assert name in {each.column for each in kept.artifacts["model"].terms}  # type: ignore[attr-defined]


def test_a_fitted_model_that_was_saved_remembers_what_is_known(tmp_path: Path) -> None:
    rows = subscribers(status=lambda leaves, draw: "gone" if leaves else "here")
    fitted = Churn(known=["status"]).fit(Churn().records(rows))
    fitted.save(tmp_path)
    again = Churn.load(tmp_path)
    assert again.known == ("status",)
    assert again.evaluate(rows).metrics == fitted.evaluate(rows).metrics


def test_columns_that_only_go_with_leaving_are_no_leak_and_a_report_says_what_is() -> None:
    calls: dict[str, Any] = {"calls": lambda leaves, draw: float(draw.poisson(2 if leaves else 1))}
    fitted = Churn().fit(Churn().records(subscribers(**calls)))
    assert {each.column for each in fitted.artifacts["model"].terms} == {"months", "plan", "calls"}  # type: ignore[attr-defined]
    assert list(Churn().guards("dataset")[0](Churn().records(subscribers(**calls)))) == []
    told = subscribers(gone=lambda leaves, draw: leaves)
    found = list(Churn().guards("dataset")[0](Churn().records(told)))
    assert [(each.code, each.field, each.severity) for each in found] == [("LEAK.TARGET", "gone", "block")]


def test_reasons_are_against_the_mean_subscriber_where_a_number_has_a_bent_line() -> None:
    rng = np.random.default_rng(0)
    months = rng.gamma(2, 10, 600).round(1).tolist()
    rows = [{**ROW, "months": each, "churn": int(rng.random() < (0.88 if each < 10 else 0.27))} for each in months]
    adapter = Churn(known=["months"])
    fitted = adapter.fit(adapter.records(rows))
    model = fitted.artifacts["model"]
    assert isinstance(model, Logistic)
    assert np.mean([model.contributions(row)["months"] for row in rows]) == pytest.approx(0, abs=1e-9)
    assert [each.feature for each in fitted({**ROW, "months": 60}).reasons] == []
    assert [each.feature for each in fitted({**ROW, "months": 5}).reasons] == ["months"]


@pytest.mark.parametrize("written", ["{:.1f}", "€{:.2f}", "{:.1f} %"])
def test_numbers_that_no_program_reads_are_no_names(written: str) -> None:
    rows = [{**ROW, "fee": i % 40 + 0.5, "churn": i % 24 < 6} for i in range(96)]
    some = [{**row, "fee": written.format(row["fee"]).replace(".", ",") if i % 3 else row["fee"]}
            for i, row in enumerate(rows)]  # fmt: skip
    adapter = Churn()
    adapter.fit(adapter.records(rows))
    with pytest.raises(BadInput, match="'fee' holds numbers, and 64 of 96 cells are written as"):
        adapter.fit(adapter.records(some))


def test_a_level_is_one_however_a_table_writes_it() -> None:
    rows = [{"plan": each} for each in ("x", "2", 2, 2.0, " 2 ", "NA", float("nan"))]
    assert values_of(rows, "plan") == (["x", "2", "2", "2", "2", None, None], True)
