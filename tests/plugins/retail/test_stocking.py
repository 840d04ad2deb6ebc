"""Stock policies: textbook instances to the last digit, and what simulation says of them."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from duomo_retail import stocking
from duomo_retail.simulate import Costs, at_or_below, every, fixed_lots, simulate, up_to


def test_the_best_s_s_for_poisson_demand() -> None:
    plan = stocking.reorder_up_to(stocking.poisson(6), ordering=5, holding=1, shortage=4)
    assert (plan.low, plan.high) == (4, 10)
    assert plan.cost == pytest.approx(8.0341116, abs=1e-6)


def test_the_best_r_q_for_poisson_demand() -> None:
    plan = stocking.reorder_quantity(stocking.poisson(1.5 * 2), 1.5, ordering=100, holding=20, shortage=150)
    assert (plan.low, plan.high - plan.low) == (3, 5)
    assert plan.cost == pytest.approx(107.92358, abs=1e-5)


def test_simulation_agrees_with_the_exact_cost_of_s_s() -> None:
    plan = stocking.reorder_up_to(stocking.poisson(6), ordering=5, holding=1, shortage=4)
    demand = np.random.default_rng(0).poisson(6, (50, 2000)).astype(float)
    policy = at_or_below(np.full(50, plan.low), np.full(50, plan.high))
    run = simulate(policy, demand, Costs(1, 4, 5), start=np.full(50, plan.high))
    assert run.cost.mean() / 2000 == pytest.approx(plan.cost, rel=0.01)


def test_s_s_with_a_lead_time_is_the_best_that_simulation_can_find() -> None:
    period, over = stocking.poisson(3), stocking.poisson(9)
    plan = stocking.reorder_up_to(period, 20, 1, 9, over)
    demand = np.random.default_rng(1).poisson(3, (40, 3000)).astype(float)

    def cost(low: float, high: float) -> float:
        policy = at_or_below(np.full(40, low), np.full(40, high))
        return simulate(policy, demand, Costs(1, 9, 20), lead_time=2, start=np.full(40, high)).cost.mean() / 3000

    best = cost(plan.low, plan.high)
    assert best == pytest.approx(plan.cost, rel=0.02)
    assert best <= 1.01 * min(cost(plan.low + a, plan.high + b) for a in (-2, 0, 2) for b in (-3, 3))


def test_no_demand_needs_no_order() -> None:
    assert stocking.reorder_up_to(np.array([1.0]), 5, 1, 4).cost == 0


QUANTILES = st.lists(st.floats(0, 1000), min_size=5, max_size=5).map(sorted)
LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]


@hypothesis.given(QUANTILES, st.floats(0.1, 10), st.floats(0.1, 10))
def test_no_other_order_is_cheaper_than_the_newsvendors(values: list[float], holding: float, shortage: float) -> None:
    plan = stocking.quantile_newsvendor(LEVELS, values, holding, shortage)
    demand = stocking.from_quantiles(LEVELS, values)
    for other in np.linspace(values[0], values[-1], 21):
        assert plan.cost <= stocking.expected_cost(float(other), demand, holding, shortage) + 0.01 * (values[-1] + 1)


@hypothesis.given(QUANTILES)
def test_dearer_shortages_never_lower_the_stock(values: list[float]) -> None:
    stock = [stocking.quantile_newsvendor(LEVELS, values, 1, shortage).high for shortage in (0.5, 1, 3, 9)]
    assert stock == sorted(stock)


def test_goods_are_neither_made_nor_lost_in_simulation() -> None:
    demand = np.array([[3.0, 0, 5, 2]])
    run = simulate(up_to(np.array([4.0])), demand, Costs(1, 10), start=np.array([4.0]))
    # stock after demand: 1, 4, -1, 2
    assert run.cost[0] == 1 + 4 + 10 + 2
    assert run.fill_rate[0] == pytest.approx(0.9)
    assert run.cycle_service[0] == 0.75
    late = simulate(up_to(np.array([4.0])), demand, Costs(1, 10), lead_time=1, start=np.array([4.0]))
    # ordered: 0, 3, 0, 5; here a period later: 1, 1, -1, -3
    assert late.cost[0] == 1 + 1 + 10 + 30
    gone = simulate(up_to(np.array([4.0])), demand, Costs(1, 10), lead_time=1, start=np.array([4.0]), lost=True)
    # ordered: 0, 3, 0, 4; what is short does not wait: 1, 1, 1 short, 2 short
    assert gone.cost[0] == 1 + 1 + 10 + 20


def test_reviews_and_lots_are_kept() -> None:
    demand = np.full((1, 6), 4.0)
    run = simulate(every(3, up_to(np.array([12.0]))), demand, Costs(1, 5, 2), start=np.array([0.0]))
    assert run.orders[0] == 2
    assert run.stockout_periods[0] == 0
    lots = simulate(fixed_lots(np.array([4.0]), np.array([10.0])), demand, Costs(1, 5, 2), start=np.array([4.0]))
    assert lots.orders[0] == 3
