"""From a forecast to an order: quantiles all the way, and a refusal where they are not to be trusted."""

from typing import Any

import numpy as np
import pytest

from duomo.errors import BadInput
from duomo_retail.forecast import DemandForecast
from duomo_retail.inventory import InventoryPolicy, ask
from duomo_retail.predicting import Settings
from duomo_retail.simulate import Costs, at_or_below, every, simulate

TEA: dict[str, Any] = {
    "sku": "tea", "levels": [0.05, 0.25, 0.5, 0.75, 0.95], "period_quantiles": [2, 4, 6, 8, 11],
    "calibrated": True, "holding": 1.0, "shortage": 4.0,
}  # fmt: skip


def stopped(**changes: Any) -> Any:
    result = InventoryPolicy()({**TEA, **changes})
    assert result.payload is None
    return result.findings[0]


def test_a_forecast_becomes_an_order(shop: list[dict[str, Any]]) -> None:
    plain = DemandForecast(artifacts={"settings": Settings(horizon=3, period=1)})
    forecasts = plain.fit(plain.records(shop))
    policies = InventoryPolicy()
    questions = [
        ask(outcome.unwrap().payload, lead_time=2, holding=1.0, shortage=9.0, on_hand=5.0, pack_size=6.0)
        for outcome in forecasts.map(shop)
    ]
    for item, outcome in zip(shop, policies.map(questions), strict=True):
        found = outcome.unwrap().payload
        demand = 3 * float(np.mean(item["y"]))
        assert demand < found.parameters["S"] < demand + 4 * np.sqrt(demand)
        assert found.order_now % 6 == 0
        assert found.position + found.order_now >= found.parameters["S"]
        assert found.critical_ratio == pytest.approx(0.9)
    assert np.mean([policies(each).payload.cycle_service for each in questions]) == pytest.approx(0.9, abs=0.06)


def test_every_policy_names_its_parameters_and_what_it_costs() -> None:
    for policy, names in (("newsvendor", "SR"), ("base-stock", "SR"), ("s-S", "sSR"), ("r-Q", "rQR")):
        found = InventoryPolicy()({**TEA, "policy": policy, "ordering": 5.0 if len(names) > 2 else 0.0}).payload
        assert set(found.parameters) == set(names)
        low, high = found.expected_cost_interval
        assert low < found.expected_cost < high
        assert 0.7 < found.fill_rate <= 1


def test_large_demands_are_counted_in_lots() -> None:
    big = {**TEA, "period_quantiles": [20_000, 40_000, 60_000, 80_000, 110_000], "policy": "s-S", "ordering": 50_000.0}
    small = {**TEA, "policy": "s-S", "ordering": 5.0}
    scaled, plain = InventoryPolicy()(big).payload.parameters, InventoryPolicy()(small).payload.parameters
    assert scaled["S"] / 10_000 == pytest.approx(plain["S"], abs=1)


def test_quantiles_that_nobody_checked_are_refused(shop: list[dict[str, Any]]) -> None:
    found = stopped(calibrated=False)
    assert (found.code, found.field, found.record) == ("CALIB.MISSING", "calibrated", "tea")
    question = ask(DemandForecast()(shop[0]).payload, holding=1.0, shortage=4.0)
    assert InventoryPolicy()(question).findings[0].code == "CALIB.MISSING"


def test_costs_in_another_unit_or_currency_are_refused() -> None:
    found = stopped(unit="pieces", cost_unit="kg")
    assert (found.code, found.text, found.fix) == (
        "UNITS.MISMATCH", "costs are per kg, demand is in pieces", "give costs per pieces",
    )  # fmt: skip
    assert stopped(currency="EUR", ordering_currency="USD").code == "UNITS.CURRENCY_MIXED"


def test_costs_that_ask_for_more_than_the_quantiles_know_go_to_a_person() -> None:
    result = InventoryPolicy()({**TEA, "shortage": 99.0})
    assert result.decision.outcome == "refer"
    assert "ask for the 99.0% quantile, and the forecast has 5% to 95%" in result.findings[0].text


def test_quantiles_do_not_add_up_over_a_lead_time() -> None:
    with pytest.raises(BadInput, match="'tea' has no 'protection_quantiles'") as failed:
        InventoryPolicy()({**TEA, "lead_time": 2})
    assert "quantiles do not add up" in failed.value.why


def test_a_forecast_that_is_too_short_says_which_would_do(shop: list[dict[str, Any]]) -> None:
    plain = DemandForecast(artifacts={"settings": Settings(horizon=2, period=1)})
    forecast = plain.fit(plain.records(shop))(shop[0]).payload
    with pytest.raises(BadInput, match="reaches 2 periods") as failed:
        ask(forecast, lead_time=2, holding=1.0, shortage=4.0)
    assert failed.value.fix == "forecast with Settings(horizon=3)"


def test_falling_quantiles_are_named_and_cost_no_other_article_its_order() -> None:
    outcomes = list(InventoryPolicy().map([TEA, {**TEA, "period_quantiles": [4, 2, 6, 8, 11]}, TEA]))
    assert [each.ok for each in outcomes] == [True, False, True]
    assert "'period_quantiles' are not quantiles of demand" in outcomes[1].error.what


@pytest.mark.parametrize("policy", ["s-S", "r-Q"])
@pytest.mark.parametrize("changes", [{"ordering": 1e12}, {"ordering": 5.0, "holding": 1e-12}])
def test_costs_for_which_one_order_would_last_for_ever_are_refused(policy: str, changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="one order would last for ever"):
        InventoryPolicy()({**TEA, "policy": policy, **changes})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"levels": [0.0, 0.25, 0.5, 0.75, 0.95]}, "not those of quantiles"),
        ({"levels": [0.05, 0.5, 0.25, 0.75, 0.95]}, "not those of quantiles"),
        ({"levels": [0.05, 0.25, 0.5, 0.75, float("inf")]}, "finite number"),
        ({"period_quantiles": []}, "no 'period_quantiles'"),
        ({"shortage": float("nan")}, "finite number"),
        ({"lead_time": 10**9}, "10000"),
    ],
)
def test_what_is_no_distribution_of_demand_and_no_cost_is_said(changes: dict[str, Any], what: str) -> None:
    [outcome] = InventoryPolicy().map([{**TEA, "policy": "s-S", "ordering": 5.0, **changes}])
    assert outcome.error is not None
    assert outcome.error.type == "BadInput"
    assert what in f"{outcome.error.what} {outcome.error.why}"


def test_a_table_gives_lists_as_texts() -> None:
    row = {**TEA, "levels": "0.05 0.25 0.5 0.75 0.95", "period_quantiles": "2 4 6 8 11", "holding": "1"}
    assert InventoryPolicy()(row).payload == InventoryPolicy()(TEA).payload


def poisson_question(**more: Any) -> dict[str, Any]:
    """An article that sells six a period, and nothing that is known of one period tells of the next."""
    from scipy.stats import poisson

    levels = [round(k / 100, 2) for k in range(1, 100)]
    whole = more.get("lead_time", 0) + more.get("review", 1)
    one, all_of_them = (poisson(6 * periods).ppf(levels).tolist() for periods in (1, whole))
    return {"sku": "a", "levels": levels, "period_quantiles": one, "protection_quantiles": all_of_them,
            "calibrated": True, "holding": 1.0, "shortage": 4.0, **more}  # fmt: skip


@pytest.mark.parametrize(("lead_time", "ordering"), [(0, 5.0), (0, 40.0), (2, 20.0)])
def test_a_review_every_fourth_period_does_not_cost_more_than_it_must(lead_time: int, ordering: float) -> None:
    demand = np.random.default_rng(5).poisson(6, (20, 400)).astype(float)

    def cost(low: float, high: float) -> float:
        policy = every(4, at_or_below(np.full(20, low), np.full(20, high)))
        start = np.full(20, 6.0 * (lead_time + 4))
        run = simulate(policy, demand, Costs(1.0, 4.0, ordering), lead_time=lead_time, start=start)
        return float(run.cost.mean()) / demand.shape[1]

    question = poisson_question(policy="s-S", review=4, lead_time=lead_time, ordering=ordering)
    found = InventoryPolicy()(question).payload
    middle = 6 * (lead_time + 4)
    best = min(cost(low, low + gap) for low in range(middle - 14, middle + 2, 3) for gap in range(1, 26, 4))
    assert cost(found.parameters["s"], found.parameters["S"]) < 1.02 * best
    assert found.expected_cost == pytest.approx(best, rel=0.07)


@pytest.mark.parametrize("review", [1, 4])
def test_what_an_order_costs_is_part_of_the_cost_of_ordering_up_to_a_level(review: int) -> None:
    free, dear = (InventoryPolicy()(poisson_question(review=review, ordering=each)).payload for each in (0.0, 8.0))
    assert dear.parameters == free.parameters
    assert dear.expected_cost - free.expected_cost == pytest.approx(8.0 / review, rel=0.02)


@pytest.mark.parametrize("policy", ["s-S", "r-Q"])
def test_an_order_is_the_same_in_kilograms_and_in_thousands_of_tonnes(policy):
    adapter = InventoryPolicy()
    found = []
    for size in (1000.0, 0.001):
        question = {
            "sku": "flour", "policy": policy, "calibrated": True, "levels": [0.05, 0.25, 0.5, 0.75, 0.95],
            "period_quantiles": [size * each for each in (20, 30, 40, 55, 80)], "lead_time": 2,
            "protection_quantiles": [3 * size * each for each in (25, 33, 40, 50, 65)],
            "holding": 1 / size, "shortage": 4 / size, "ordering": 50.0,
        }  # fmt: skip
        payload = adapter(question).payload
        found.append((payload.order_now / size, payload.expected_cost, payload.fill_rate))
    assert found[0] == pytest.approx(found[1], rel=0.01)
    assert found[1][2] > 0.85


@pytest.mark.parametrize("policy", ["s-S", "r-Q"])
def test_an_article_that_sells_less_than_half_a_unit_a_period_is_ordered(policy):
    question = {
        "sku": "slow", "policy": policy, "calibrated": True, "levels": [0.05, 0.25, 0.5, 0.75, 0.95],
        "period_quantiles": [0.1, 0.2, 0.3, 0.35, 0.4], "lead_time": 9, "holding": 0.1, "shortage": 4.0,
        "protection_quantiles": [1.0, 2.0, 3.0, 3.5, 5.0], "ordering": 1.0,
    }  # fmt: skip
    payload = InventoryPolicy()(question).payload
    assert payload.order_now >= 3
    assert payload.fill_rate > 0.8
