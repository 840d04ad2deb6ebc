"""What a promotion and a price change do to sales, taken out of the history and put back for the plan.

A promotion in the history that is not planned again would be forecast for ever; one that is planned and was never
seen cannot be forecast at all. Effects are estimated on the log of demand around its running median, with a ridge
that draws them to none where there is little to see.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
WINDOW = 9
"""Periods of the running median."""
RIDGE = (1.0, 0.05)
"""Ridge of promotion and log price: as much as one promoted period, or five periods at 10 % off."""
MOST_UPLIFT = np.log(6.0)
MOST_ELASTICITY = 6.0


class Effects(NamedTuple):
    """Logs: of the factor of a promotion, and of demand by the log of price."""

    promotion: float
    elasticity: float
    usual_price: float

    def factor(self, promo: Array, price: Array, n: int) -> Array:
        """What demand is multiplied by in each of `n` periods, (n,)."""
        log = np.zeros(n)
        if len(promo):
            log += self.promotion * promo
        if len(price):
            log += self.elasticity * np.log(np.maximum(price, 1e-9) / self.usual_price)
        return np.exp(log)


def estimate(values: Array, known: NDArray[np.bool_], promo: Array, price: Array) -> Effects:
    """Effects in a history, (n,) each; `promo` and `price` may be empty.

    A price never raises demand by rising, and a promotion never lowers it: what looks so is chance or a shortage.
    """
    usual = float(np.median(price)) if len(price) else 1.0
    use = known & (values > 0)
    quiet = use & (promo < 0.5) if len(promo) else use
    if quiet.sum() < WINDOW or usual <= 0:
        return Effects(0.0, 0.0, max(usual, 1e-9))
    logs = np.log(np.where(use, values, 1.0))
    places = np.arange(len(values))
    calm = np.interp(places, places[quiet], logs[quiet])
    padded = np.pad(calm, WINDOW // 2, mode="edge")
    residual = logs - np.median(np.lib.stride_tricks.sliding_window_view(padded, WINDOW), axis=1)
    columns = np.zeros((len(values), 2))
    if len(promo):
        columns[:, 0] = promo
    if len(price):
        columns[:, 1] = np.log(np.maximum(price, 1e-9) / usual)
    x, r = columns[use], residual[use]
    found = np.linalg.solve(x.T @ x + np.diag(RIDGE), x.T @ r)
    promotion, elasticity = np.clip(found, [0.0, -MOST_ELASTICITY], [MOST_UPLIFT, 0.0])
    return Effects(float(promotion), float(elasticity), usual)
