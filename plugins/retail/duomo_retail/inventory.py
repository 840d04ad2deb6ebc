"""retail/inventory-policy: how much to order and when, straight from quantiles of demand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Adapter, Case, Decision, Guard, Payload, Quantiles, Reason, Record
from duomo.errors import BadInput, counted
from duomo_retail import stocking
from duomo_retail.forecast import Forecast
from duomo_retail.plugin import INVENTORY_POLICY
from duomo_retail.records import StockQuestion
from duomo_retail.simulate import Costs, Ordering, at_or_below, every, fixed_lots, simulate, up_to
from duomo_retail.stock_guards import calibrated, check_demand, in_one_unit, within_levels
from duomo_retail.stocking import Plan

Array = NDArray[np.float64]
PERIODS = 400
"""Periods, drawn or simulated, behind the expected cost and service."""
RUNS = 20
MOST_UNITS = 400
"""Larger demands are counted in lots of several units: (s, S) and (r, Q) look at every stock level."""


class StockPolicy(Payload):
    """What to do about one article."""

    sku: str
    policy: str
    parameters: dict[str, float]
    """``S``, or ``s`` and ``S``, or ``r`` and ``Q``; with ``R``, periods between reviews."""
    order_now: float
    """Units to order at the present position, in whole packs and at least the minimum."""
    position: float
    expected_cost: float
    """Holding, shortage and ordering, per period."""
    expected_cost_interval: tuple[float, float]
    """Interval of the mean over 400 periods or a few more, 95 %."""
    fill_rate: float
    """Expected share of demand met from stock; for order-up-to levels, at least that."""
    cycle_service: float
    """Expected share of periods without a shortage."""
    critical_ratio: float
    lead_time: int
    unit: str
    currency: str


class _Answer(NamedTuple):
    plan: Plan
    parameters: dict[str, float]
    cost: float
    interval: tuple[float, float]
    fill_rate: float
    cycle_service: float


def ask(forecast: Forecast, *, lead_time: int = 0, review: int = 1, **costs: Any) -> dict[str, Any]:
    """The question about an article whose forecast is at hand: the two quantiles it needs are picked out.

    Args:
        forecast: what `DemandForecast` gave, calibrated.
        lead_time: periods until an order arrives.
        review: periods between orders.
        costs: the other fields of `StockQuestion`.

    Raises:
        BadInput: the forecast does not reach as far as lead time and review together.
    """
    protection = lead_time + review
    if forecast.calibrated and protection > len(forecast.steps):
        raise BadInput(
            f"the forecast of '{forecast.unique_id}' reaches {counted(len(forecast.steps), 'period')}",
            why=f"an order must last for {protection}: lead time {lead_time} and review {review}",
            fix=f"forecast with Settings(horizon={protection})",
        )
    return {
        "sku": forecast.unique_id,
        "levels": forecast.levels,
        "period_quantiles": forecast.steps[0].quantiles,
        "protection_quantiles": forecast.totals[protection - 1] if forecast.calibrated else [],
        "calibrated": forecast.calibrated,
        "unit": forecast.unit,
        "lead_time": lead_time,
        "review": review,
        **costs,
    }


class InventoryPolicy(Adapter[StockQuestion, StockPolicy]):
    """Order-up-to, (s, S) and (r, Q) from quantiles; a normal curve comes in nowhere."""

    spec = INVENTORY_POLICY
    Input = StockQuestion
    Output = StockPolicy
    key_field = "sku"

    def record(self, value: object, position: int = 0) -> Record[StockQuestion]:
        if isinstance(value, Mapping):  # in a table, lists are texts such as "0.1 0.5 0.9"
            value = {
                name: each.split() if isinstance(each, str) and name in _LISTS else each for name, each in value.items()
            }
        return super().record(value, position)

    def guards(self, phase: str) -> Sequence[Guard]:
        return [calibrated, in_one_unit, within_levels] if phase == "input" else []

    def prepare(self, record: Record[StockQuestion]) -> StockQuestion:
        return record.payload

    def score(self, prepared: Sequence[StockQuestion]) -> Sequence[_Answer]:
        return [_answer(each) for each in prepared]

    def interpret(self, case: Case[StockQuestion]) -> Quantiles:
        """Demand over lead time and review: what the order must last for."""
        question = case.record.payload
        return Quantiles(levels=question.levels, values=_protection(question), method="given")

    def decide(self, case: Case[StockQuestion]) -> Decision:
        return Decision(outcome="accept", expected_cost=case.raw.cost)

    def explain(self, case: Case[StockQuestion]) -> Sequence[Reason]:
        question = case.record.payload
        ratio = stocking.critical_ratio(question.holding, question.shortage)
        text = (
            f"a unit short costs {question.shortage:g}, one left over {question.holding:g}: "
            f"demand should be met in {ratio:.0%} of periods"
        )
        found = [Reason(code="CRITICAL_RATIO", text=text, feature="shortage", contribution=ratio)]
        if question.lead_time + question.review > 1:
            periods = question.lead_time + question.review
            found.append(
                Reason(code="PROTECTION", text=f"an order must last {counted(periods, 'period')}", feature="lead_time")
            )
        return found

    def result(self, case: Case[StockQuestion]) -> StockPolicy:
        question, answer = case.record.payload, case.raw
        position = question.on_hand + question.on_order
        wanted = max(0.0, float(_ordering(question, answer.plan)(0, np.array([position]))[0]))
        return StockPolicy(
            sku=question.sku,
            policy=question.policy,
            parameters=answer.parameters,
            order_now=_in_packs(question, wanted),
            position=position,
            expected_cost=answer.cost,
            expected_cost_interval=answer.interval,
            fill_rate=answer.fill_rate,
            cycle_service=answer.cycle_service,
            critical_ratio=stocking.critical_ratio(question.holding, question.shortage),
            lead_time=question.lead_time,
            unit=question.unit,
            currency=question.currency,
        )

    @classmethod
    def samples(cls) -> list[Any]:
        shared = {"levels": [0.05, 0.25, 0.5, 0.75, 0.95], "calibrated": True, "holding": 1.0, "shortage": 4.0}
        return [
            {"sku": "tea", "period_quantiles": [2, 4, 6, 8, 11], "policy": "s-S", "ordering": 5.0, **shared},
            {"sku": "rice", "period_quantiles": [20, 30, 40, 55, 80], "on_hand": 12, **shared},
        ]


MOST_LOTS = 10_000
"""Lots in an order; the search for the best one goes through all of them."""
_LISTS = ("levels", "period_quantiles", "protection_quantiles")


def _answer(question: StockQuestion) -> _Answer:
    check_demand(question)
    plan, parameters = _plan(question)
    # A level that is reached again each period is judged by the quantiles themselves; the others must be played out.
    at_once = question.policy == "newsvendor" or (question.policy == "base-stock" and question.review == 1)
    served = _at_each_review if at_once else _by_simulation
    return _Answer(plan, parameters, *served(question, plan))


def _at_each_review(question: StockQuestion, plan: Plan) -> tuple[float, tuple[float, float], float, float]:
    """Cost, its interval, fill rate and service of an order-up-to level: what is left when the next order arrives."""
    newsvendor = question.policy == "newsvendor"
    values = question.period_quantiles if newsvendor else _protection(question)
    demand = stocking.from_quantiles(question.levels, values, PERIODS)
    short = np.maximum(demand - plan.high, 0.0)
    costs = question.holding * np.maximum(plan.high - demand, 0.0) + question.shortage * short
    between = float(demand.mean()) * (1 if newsvendor else question.review / (question.review + question.lead_time))
    reach = 1.96 * float(costs.std(ddof=1)) / math.sqrt(PERIODS)
    # An order is placed whenever something was sold since the last one.
    mean = float(costs.mean()) + question.ordering * float((_draws(question, question.review) > 0).mean())
    fill = max(0.0, 1 - float(short.mean()) / between) if between else 1.0
    return mean, (mean - reach, mean + reach), fill, float((short == 0).mean())


def _by_simulation(question: StockQuestion, plan: Plan) -> tuple[float, tuple[float, float], float, float]:
    """The same of a policy in time: twenty runs over demand whose mean is that of lead time and review."""
    draws = stocking.from_quantiles(question.levels, question.period_quantiles)
    over = stocking.from_quantiles(question.levels, _protection(question))
    periods = question.lead_time + question.review if question.protection_quantiles else 1
    draws = draws * (over.mean() / periods / draws.mean()) if draws.mean() > 0 else draws
    # Whole rounds of reviews, after some in which a full shelf, with which it begins, is used up.
    first = 4 * (question.lead_time + question.review)
    judged = question.review * math.ceil(PERIODS / RUNS / question.review)
    demand = np.random.default_rng(0).choice(draws, size=(RUNS, first + judged))
    costs = Costs(question.holding, question.shortage, question.ordering)
    policy = every(question.review, _ordering(question, plan))
    start = np.full(RUNS, plan.high)
    run = simulate(policy, demand, costs, lead_time=question.lead_time, start=start, uncounted=first)
    means = run.cost / judged
    reach = 2.093 * float(means.std(ddof=1)) / math.sqrt(RUNS)  # Student's t with 19 degrees of freedom
    mean = float(means.mean())
    return mean, (mean - reach, mean + reach), float(run.fill_rate.mean()), float(run.cycle_service.mean())


def _plan(question: StockQuestion) -> tuple[Plan, dict[str, float]]:
    holding, shortage, levels = question.holding, question.shortage, question.levels
    protection = _protection(question)
    if question.policy in ("newsvendor", "base-stock"):
        values = question.period_quantiles if question.policy == "newsvendor" else protection
        plan = stocking.quantile_newsvendor(levels, values, holding, shortage)
        return plan, {"S": plan.high, "R": float(question.review)}
    # Whole units, unless there are very many, or all demand is below one, as in tonnes.
    lot = protection[-1] / MOST_UNITS if 0 < protection[-1] < 1 else max(1.0, protection[-1] / MOST_UNITS)
    over_cost, under_cost = holding * lot, shortage * lot
    lead, review = question.lead_time, question.review
    rate = float(stocking.from_quantiles(levels, question.period_quantiles).mean()) / lot
    if 2 * question.ordering * rate > MOST_LOTS**2 * over_cost:  # the square of Harris's order quantity
        raise BadInput(
            f"article '{question.sku}': one order would last for ever",
            why=f"ordering costs {question.ordering:g}, and to keep a unit for a period {holding:g}",
            fix="state 'ordering' and 'holding' in one currency, and 'holding' for a unit and period",
        )
    # An order must do for each of the periods until the next one arrives, the first as well as the last.
    over = stocking.distribution(np.concatenate([_draws(question, lead + k + 1) for k in range(review)]) / lot)
    if question.policy == "s-S":
        cycle = stocking.distribution(_draws(question, review) / lot)
        found = stocking.reorder_up_to(cycle, question.ordering / review, over_cost, under_cost, over)
        plan = Plan(found.low * lot, found.high * lot, found.cost)
        return plan, {"s": plan.low, "S": plan.high, "R": float(question.review)}
    found = stocking.reorder_quantity(over, rate, question.ordering, over_cost, under_cost)
    plan = Plan(found.low * lot, found.high * lot, found.cost)
    return plan, {"r": plan.low, "Q": plan.high - plan.low, "R": float(question.review)}


def _draws(question: StockQuestion, periods: int) -> Array:
    """Equally likely demands of several periods: as given for one and for all.

    In between, the mean grows with time and the spread with its root, as of periods that know nothing of each other.
    """
    whole = question.lead_time + question.review
    if periods == 1 < whole:
        return stocking.from_quantiles(question.levels, question.period_quantiles)
    draws, share = stocking.from_quantiles(question.levels, _protection(question)), periods / whole
    mean = draws.mean()
    return np.asarray(np.maximum(mean * share + (draws - mean) * math.sqrt(share), 0.0))


def _protection(question: StockQuestion) -> list[float]:
    return question.protection_quantiles or question.period_quantiles


def _ordering(question: StockQuestion, plan: Plan) -> Ordering:
    low, high = np.array(plan.low), np.array(plan.high)
    if question.policy == "s-S":
        return at_or_below(low, high)
    return fixed_lots(low, high - low) if question.policy == "r-Q" else up_to(high)


def _in_packs(question: StockQuestion, wanted: float) -> float:
    if wanted <= 0:
        return 0.0
    wanted = max(wanted, question.minimum_order)
    return math.ceil(wanted / question.pack_size - 1e-9) * question.pack_size if question.pack_size else wanted
