"""How much to stock when demand is uncertain: newsvendor, (r, Q) and (s, S), exact for the distribution given.

Every policy here takes the distribution of demand, not its mean and a multiple of its spread: demand in retail is
skewed, and a normal curve promises a service level that it does not keep. Costs are per unit short (`shortage`) and
per unit left over (`holding`), each per period, and per order (`ordering`).

Zheng and Federgruen, "Finding optimal (s, S) policies is about as simple as evaluating a single policy",
Operations Research 1991; Federgruen and Zheng, "An efficient algorithm for computing an optimal (r, Q) policy",
Operations Research 1992.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Plan(NamedTuple):
    """The numbers of a policy, and what it costs a period in expectation."""

    low: float
    """Order when stock falls to it: s or r; where every period orders, the order-up-to level itself."""
    high: float
    """Order up to it: S, or r + Q."""
    cost: float


def critical_ratio(holding: float, shortage: float) -> float:
    """The probability with which demand should be met."""
    return shortage / (shortage + holding)


def quantile_newsvendor(levels: Sequence[float], values: Sequence[float], holding: float, shortage: float) -> Plan:
    """One order for demand given by its quantiles: the quantile at the critical ratio.

    Between quantiles demand is taken as spread evenly; nothing lies beyond the first and the last.

    Args:
        levels: ascending, in (0, 1).
        values: demand at each.
        holding: cost of a unit left over.
        shortage: cost of a unit that is missing.
    """
    order = float(np.interp(critical_ratio(holding, shortage), levels, values))
    return Plan(order, order, expected_cost(order, from_quantiles(levels, values), holding, shortage))


def expected_cost(stock: float, demand: Array, holding: float, shortage: float) -> float:
    """Expected cost of having `stock` against equally likely demands, (n,)."""
    over = np.maximum(stock - demand, 0.0).mean()
    under = np.maximum(demand - stock, 0.0).mean()
    return float(holding * over + shortage * under)


def from_quantiles(levels: Sequence[float], values: Sequence[float], points: int = 400) -> Array:
    """Equally likely demands, (points,), with these quantiles."""
    return np.interp((np.arange(points) + 0.5) / points, levels, values)


def distribution(demand: Array) -> Array:
    """Probability of 0, 1, 2 … units, from equally likely demands.

    A demand between two whole numbers is shared between them, so that the mean stays: rounded, .4 a period is none.
    """
    demand = np.maximum(demand, 0.0)
    below = np.floor(demand).astype(int)
    above = demand - below
    units, shares = np.concatenate([below, below + 1]), np.concatenate([1 - above, above])
    return np.trim_zeros(np.bincount(units, shares), "b") / len(demand)


def poisson(mean: float) -> Array:
    """Probability of 0, 1, 2 … units, as far as it counts for anything."""
    k = np.arange(int(mean + 12 * math.sqrt(mean) + 20) + 1)
    factorials = np.array([math.lgamma(each + 1) for each in k])
    return np.asarray(np.exp(k * math.log(mean) - mean - factorials))


def reorder_up_to(
    period: Array, ordering: float, holding: float, shortage: float, protection: Array | None = None
) -> Plan:
    """The best (s, S): at s or below, order up to S. Demand of periods is independent; what is unmet waits.

    Args:
        period: probability of 0, 1, 2 … units in one period.
        ordering: cost of an order.
        holding: of a unit and period.
        shortage: of a unit and period.
        protection: the same for the periods that an order must cover, lead time and one more; `period` itself
            when goods arrive at once.
    """
    if period[0] >= 1:
        return Plan(-1.0, 0.0, 0.0)  # no demand, no order
    curve = _Costs(period if protection is None else protection, holding, shortage)
    best, top = Plan(0.0, 0.0, math.inf), curve.lowest
    renewals = _renewals(period, 2 * len(curve.probabilities) + len(period))
    reached = np.cumsum(renewals)
    while curve(np.array([top]))[0] <= best.cost:  # no better S lies above a cost that is already beaten
        costs = (ordering + np.cumsum(renewals * curve(top - np.arange(len(renewals))))) / reached
        gap = int(costs.argmin())
        if costs[gap] < best.cost:
            best = Plan(float(top - gap - 1), float(top), float(costs[gap]))
        top += 1
    return best


def reorder_quantity(lead: Array, rate: float, ordering: float, holding: float, shortage: float) -> Plan:
    """The best (r, Q) under continuous review: at r, order Q; `high` is r + Q.

    Args:
        lead: probability of 0, 1, 2 … units during the lead time.
        rate: mean demand per period.
        ordering: cost of an order.
        holding: of a unit and period.
        shortage: of a unit and period.
    """
    curve = _Costs(lead, holding, shortage)
    r, q = curve.lowest - 1, 1
    total = ordering * rate + curve.at(r + 1)
    while True:  # the next stock level to use is the cheaper neighbour, as long as it is cheaper than the mean
        below, above = curve.at(r), curve.at(r + q + 1)
        if min(below, above) >= total / q:
            return Plan(float(r), float(r + q), total / q)
        r -= below < above
        q += 1
        total += min(below, above)


class _Costs:
    """Expected holding and shortage cost of a period that begins with this many units."""

    def __init__(self, probabilities: Array, holding: float, shortage: float) -> None:
        self.probabilities, self.holding, self.shortage = probabilities, holding, shortage
        self.mean = float(np.arange(len(probabilities)) @ probabilities)
        below = np.cumsum(probabilities)
        self.left = np.concatenate([[0.0], np.cumsum(below)])
        """Expected units left over from 0, 1, 2 … units."""
        self.lowest = int(np.searchsorted(below, critical_ratio(holding, shortage) - 1e-12))

    def __call__(self, stock: NDArray[np.int_]) -> Array:
        top = len(self.left) - 1
        left = np.where(stock > top, self.left[top] + (stock - top), self.left[np.clip(stock, 0, top)])
        left = np.where(stock < 0, 0.0, left)
        return np.asarray(self.holding * left + self.shortage * (self.mean - stock + left))

    def at(self, stock: int) -> float:
        return float(self(np.array([stock]))[0])


def _renewals(period: Array, count: int) -> Array:
    """Expected number of periods spent exactly 0, 1, 2 … units below the order-up-to level, (count,)."""
    out = np.zeros(count)
    out[0] = 1 / (1 - period[0])
    for j in range(1, count):
        reach = min(j, len(period) - 1)
        out[j] = period[1 : reach + 1] @ out[j - reach : j][::-1] / (1 - period[0])
    return out
