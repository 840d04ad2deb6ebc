"""Strategies: hold, follow signals whose honesty was tested, fit again on the past at intervals."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from duomo.adapters import Finding, find
from duomo.errors import BadInput
from duomo_finance.bars import PRICES, Bars
from duomo_finance.engine import History

Vector = NDArray[np.float64]
Signals = Callable[[Bars], Vector]
"""All bars to weights (bars, symbols); row t is what is held *during* bar t."""
Fit = Callable[[History], Vector]
"""What is known to target weights (symbols,)."""


@dataclasses.dataclass(frozen=True)
class Hold:
    """Buy these weights once and never trade again."""

    weights: tuple[float, ...]

    def decide(self, history: History) -> Vector | None:
        """The weights after the first bar, nothing later."""
        return np.array(self.weights) if len(history) == 1 else None


@dataclasses.dataclass
class WalkForward:
    """Fit every few bars on the past `window` and hold the answer until the next time.

    Args:
        fit: Weights from what is known, such as `duomo_finance.portfolio.Optimiser`.
        window: Bars to fit on; nothing is held before there are this many.
        every: Bars between two fits.
    """

    fit: Fit
    window: int = 252
    every: int = 60

    def decide(self, history: History) -> Vector | None:
        """New weights when it is time, else None."""
        waited = len(history) - self.window
        return self.fit(history) if waited >= 0 and waited % self.every == 0 else None


@dataclasses.dataclass(frozen=True)
class Table:
    """Weights worked out beforehand, row t to be held during bar t; they cannot be audited, as their function can."""

    weights: Vector

    def decide(self, history: History) -> Vector | None:
        """The row of the next bar, when it differs from the last."""
        t = len(history)
        if t >= len(self.weights) or (t > 1 and np.array_equal(self.weights[t], self.weights[t - 1])):
            return None
        return np.asarray(self.weights[t])


def audit_signals(signals: Signals, bars: Bars, *, num_probes: int = 24, seed: int = 0) -> list[Finding]:
    """LEAK.FUTURE when what is held during a bar changes with that bar or a later one.

    The future is bent at several moments: prices from bar t on are shuffled and raised or lowered tenfold, far enough
    to turn a slow signal, too, and the weights up to and including row t are compared. A signal that uses the close
    of the bar whose return it earns fails, as does a centred mean, a scaling over the whole history, or a fill
    backwards. What a strategy or a function knows by itself is looked for by `duomo_finance.lookahead`.
    """
    honest = weights_of(signals, bars)
    random = np.random.default_rng(seed)
    probes = np.unique(np.linspace(1, len(bars) - 1, num_probes).astype(int))
    for t, factor in itertools.product(map(int, probes), (10.0, 0.1)):
        bent = weights_of(signals, bend(bars, t, factor, random))
        changed = ~np.isclose(bent[: t + 1], honest[: t + 1], rtol=1e-9, atol=1e-12, equal_nan=True)
        if changed.any():
            row, column = np.argwhere(changed)[-1]
            when = "the bar whose return they earn" if row == t else f"bars {t - row} steps after them"
            return [
                find(
                    "LEAK.FUTURE",
                    f"weights of {bars.symbols[column]} at {bars.times[row]:%Y-%m-%d} change with {when}",
                    field=bars.symbols[column],
                    record=f"{bars.times[row]:%Y-%m-%d}",
                    fix="shift the signal by one bar, scale by what was known then, or write a Strategy: "
                    "decide(history) sees the past only",
                )
            ]
    return []


def bend(bars: Bars, t: int, factor: float, random: np.random.Generator) -> Bars:
    """Give the same bars another future: those from `t` on in another order, at other prices."""
    order: Sequence[int] = [*range(t), *(t + random.permutation(len(bars) - t))]
    scale = np.ones((len(bars), 1))
    scale[t:] = factor * np.exp(random.normal(0.0, 0.3, (len(bars) - t, 1)))
    parts = {name: getattr(bars, name)[order] * scale for name in PRICES}
    return dataclasses.replace(bars, **parts, volume=bars.volume[order])


def weights_of(signals: Signals, bars: Bars) -> Vector:
    """Work out the weights of signals, (bars, symbols). Raises `BadInput` for another shape."""
    weights = np.asarray(signals(bars), dtype=np.float64)
    if weights.ndim == 1:
        weights = weights[:, None]
    if weights.shape != bars.close.shape:
        raise BadInput(
            f"signals of shape {weights.shape} do not fit bars of shape {bars.close.shape}",
            why="there must be a weight for each bar and symbol",
            fix="keep the rows that a window leaves without a value, and set them to 0",
        )
    return np.nan_to_num(weights)
