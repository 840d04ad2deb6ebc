"""What a policy would have cost on demand that came: stock, orders under way, shortages, many articles at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Costs(NamedTuple):
    """Money per unit and period, and per order."""

    holding: float
    shortage: float
    ordering: float = 0.0


class Simulated(NamedTuple):
    """What happened to each article, (S,) each."""

    cost: Array
    """Holding, shortage and ordering, over all periods."""
    fill_rate: Array
    """Share of demand met from stock (type 2 service)."""
    cycle_service: Array
    """Share of periods without a shortage (type 1 service)."""
    stockout_periods: Array
    mean_stock: Array
    orders: Array


Ordering = Callable[[int, Array], Array]
"""``(period, stock position of each article) -> units to order``; the position counts what is under way."""


def simulate(
    order: Ordering,
    demand: Array,
    costs: Costs,
    *,
    lead_time: int = 0,
    start: Array | None = None,
    lost: bool = False,
    uncounted: int = 0,
) -> Simulated:
    """Run a policy through `demand`.

    In each period the policy orders, goods ordered `lead_time` periods ago arrive, demand comes, costs are counted.

    Args:
        order: the policy. It may look at what was known before the period, and at nothing later.
        demand: (S, T) units.
        costs: of one period.
        lead_time: periods until an order arrives; 0 for at once.
        start: (S,) units on hand; none when left out.
        lost: unmet demand goes elsewhere instead of waiting.
        uncounted: first periods that are played and not judged, until the start has been forgotten.
    """
    count, periods = demand.shape
    stock = np.zeros(count) if start is None else start.astype(float)
    pipeline = np.zeros((lead_time + 1, count))
    cost, short_units, short_periods, held, orders = (np.zeros(count) for _ in range(5))
    for t in range(periods):
        placed = np.maximum(order(t, stock + pipeline.sum(axis=0)), 0.0)
        pipeline[lead_time] += placed
        stock = stock + pipeline[0]
        pipeline = np.concatenate([pipeline[1:], np.zeros((1, count))])
        available = np.maximum(stock, 0.0)
        missing = np.maximum(demand[:, t] - available, 0.0)
        stock = available - demand[:, t] + missing if lost else stock - demand[:, t]
        if t < uncounted:
            continue
        waiting = missing if lost else np.maximum(-stock, 0.0)
        on_hand = np.maximum(stock, 0.0)
        cost += costs.holding * on_hand + costs.shortage * waiting + costs.ordering * (placed > 0)
        short_units += missing
        short_periods += missing > 0
        held += on_hand
        orders += placed > 0
    total, periods = demand[:, uncounted:].sum(axis=1), periods - uncounted
    fill = 1 - short_units / np.where(total > 0, total, 1.0)
    return Simulated(cost, fill, 1 - short_periods / periods, short_periods, held / periods, orders)


def up_to(levels: Array) -> Ordering:
    """Order up to `levels`, one, (S,) or (S, T) for one that follows the forecast: base stock, or (R, S) with R = 1."""

    def order(period: int, position: Array) -> Array:
        return (levels[:, period] if levels.ndim == 2 else levels) - position

    return order


def at_or_below(low: Array, high: Array) -> Ordering:
    """Order up to `high`, (S,), when the position is at or below `low`, (S,): (s, S)."""

    def order(_: int, position: Array) -> Array:
        return np.where(position <= low, high - position, 0.0)

    return order


def fixed_lots(low: Array, quantity: Array) -> Ordering:
    """Order as many lots of `quantity`, (S,), as lift the position above `low`, (S,): (r, Q)."""

    def order(_: int, position: Array) -> Array:
        return np.ceil(np.maximum(low - position + 1e-9, 0.0) / quantity) * quantity

    return order


def every(periods: int, policy: Ordering) -> Ordering:
    """Review only every few periods: (R, S) from `up_to`, (R, s, S) from `at_or_below`."""

    def order(period: int, position: Array) -> Array:
        return policy(period, position) if period % periods == 0 else np.zeros_like(position)

    return order
