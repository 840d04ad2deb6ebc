"""An event-ordered backtest: after each bar the strategy decides, at the next one its orders are filled."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from duomo.errors import BadOption, ModelFailed
from duomo_finance.bars import PRICES, Bars

Vector = NDArray[np.float64]
Fill = Literal["open", "close"]


@dataclasses.dataclass(frozen=True)
class Costs:
    """What trading takes, as a share of what is traded."""

    commission_bps: float = 0.0
    spread_bps: float = 0.0
    """The whole spread; half of it is paid each way."""
    slippage_bps: float = 0.0
    borrow_bps_per_year: float = 0.0
    """For holding a negative position."""

    def __post_init__(self) -> None:
        if min(dataclasses.astuple(self)) < 0:
            raise BadOption("costs cannot be negative", why=str(self), fix="basis points: 10 is a tenth of a per cent")

    @property
    def rate(self) -> float:
        """Share of one trade that it costs."""
        return (self.commission_bps + self.spread_bps / 2 + self.slippage_bps) / 1e4


FREE = Costs()


class History:
    """All that a strategy may know after a bar: the bars up to it, and what it holds.

    The arrays are views of buffers into which the engine writes each bar when its time has come. What lies
    behind them is NaN, so there is no future in memory to be reached, by whatever index.
    """

    def __init__(self, bars: Bars) -> None:
        self.symbols = bars.symbols
        self._buffers = {name: np.full(bars.close.shape, np.nan) for name in (*PRICES, "volume")}
        self._times: list[dt.datetime] = []
        self.weights = np.zeros(len(bars.symbols))
        """Share of equity held in each symbol, at the last close."""

    def __len__(self) -> int:
        return len(self._times)

    @property
    def times(self) -> tuple[dt.datetime, ...]:
        """Times of the bars known."""
        return tuple(self._times)

    @property
    def now(self) -> dt.datetime:
        """Time of the last bar known."""
        return self._times[-1]

    @property
    def open(self) -> Vector:
        """Opening prices, (bars known, symbols)."""
        return self._known("open")

    @property
    def high(self) -> Vector:
        """Highest prices."""
        return self._known("high")

    @property
    def low(self) -> Vector:
        """Lowest prices."""
        return self._known("low")

    @property
    def close(self) -> Vector:
        """Closing prices."""
        return self._known("close")

    @property
    def volume(self) -> Vector:
        """Volumes."""
        return self._known("volume")

    def returns(self, window: int | None = None) -> Vector:
        """Close to close, of the last `window` steps."""
        close = self.close if window is None else self.close[-window - 1 :]
        return np.asarray(close[1:] / close[:-1] - 1)

    def _known(self, name: str) -> Vector:
        view = self._buffers[name][: len(self)]
        view.flags.writeable = False
        return view

    def _append(self, bars: Bars, t: int) -> None:
        for name, buffer in self._buffers.items():
            buffer[t] = getattr(bars, name)[t]
        self._times.append(bars.times[t])


class Strategy(Protocol):
    """Says after each bar what to hold."""

    def decide(self, history: History) -> Vector | None:
        """Target weights, (symbols,), which may be negative; None to leave things as they are."""


@dataclasses.dataclass(frozen=True)
class Trade:
    """One fill."""

    time: dt.datetime
    symbol: str
    shares: float
    price: float
    cost: float


@dataclasses.dataclass(frozen=True)
class Run:
    """What happened."""

    times: tuple[dt.datetime, ...]
    symbols: tuple[str, ...]
    equity: Vector
    """At each close, (bars,); 1 at the start."""
    shares: Vector
    """Held at each close, (bars, symbols)."""
    weights: Vector
    """Share of equity at each close, (bars, symbols)."""
    trades: tuple[Trade, ...]
    costs: float
    """All that trading and borrowing took, in units of the equity at the start."""
    turnover: float
    """Traded value over equity, per year."""


def simulate(bars: Bars, strategy: Strategy, costs: Costs = FREE, *, fill: Fill = "open") -> Run:
    """Run a strategy over bars; what it decides after one bar is filled at the next.

    Args:
        bars: The panel.
        strategy: Its `decide` is called once a bar, in order.
        costs: Of trading.
        fill: At the next bar's open or at its close.
    """
    num_bars, num_symbols = bars.close.shape
    history, book = History(bars), _Book(num_symbols, costs)
    equity, shares, weights = np.ones(num_bars), np.zeros((num_bars, num_symbols)), np.zeros((num_bars, num_symbols))
    trades: list[Trade] = []
    traded = 0.0
    target: Vector | None = None
    marks = np.full(num_symbols, np.nan)
    for t in range(num_bars):
        book.charge_borrowing(marks, _years(bars.times, t))  # for what was held since the last close
        prices = getattr(bars, fill)[t]
        if target is not None:
            moved = book.rebalance(target, prices, marks)
            worth = book.value(np.where(np.isnan(prices), marks, prices))
            if worth > 0:  # what is sold after a ruin is a share of nothing
                traded += float(np.nansum(np.abs(moved) * prices)) / worth
            trades += [
                Trade(bars.times[t], bars.symbols[j], float(moved[j]), float(prices[j]),
                      float(abs(moved[j]) * prices[j] * costs.rate))
                for j in np.flatnonzero(moved)
            ]  # fmt: skip
        marks = np.where(np.isnan(bars.close[t]), marks, bars.close[t])
        equity[t], shares[t] = book.value(marks), book.shares
        weights[t] = np.nan_to_num(book.shares * marks) / equity[t] if equity[t] > 0 else 0.0
        history._append(bars, t)
        history.weights = weights[t].copy()
        target = _checked(strategy.decide(history), bars, t) if equity[t] > 0 else np.zeros(num_symbols)
    years = max(_years(bars.times, num_bars - 1, since=0), 1e-9)
    return Run(bars.times, bars.symbols, equity, shares, weights, tuple(trades), book.paid, traded / years)


def ask(bars: Bars, strategy: Strategy) -> list[Vector | None]:
    """Ask a strategy after each bar what to hold, without trading; it sees that it holds what it wanted."""
    history = History(bars)
    said: list[Vector | None] = []
    for t in range(len(bars)):
        history._append(bars, t)
        said.append(_checked(strategy.decide(history), bars, t))
        history.weights = history.weights if said[-1] is None else said[-1].copy()
    return said


class _Book:
    """Cash and shares."""

    def __init__(self, num_symbols: int, costs: Costs) -> None:
        self.cash, self.paid, self.costs = 1.0, 0.0, costs
        self.shares = np.zeros(num_symbols)

    def value(self, prices: Vector) -> float:
        return float(self.cash + np.nansum(self.shares * prices))

    def rebalance(self, target: Vector, prices: Vector, marks: Vector) -> Vector:
        """Trade to `target` of the equity that is left after the costs; returns the shares bought."""
        tradable = ~np.isnan(prices)
        worth = self.value(np.where(tradable, prices, marks))
        cost = 0.0
        wanted = self.shares.copy()
        for _ in range(50):  # costs lower the equity that they are a share of: a contraction, settled in a few rounds
            wanted[tradable] = target[tradable] * max(0.0, worth - cost) / prices[tradable]
            new = float(np.nansum(np.abs(wanted - self.shares) * prices) * self.costs.rate)
            if abs(new - cost) < 1e-15:
                break
            cost = new
        moved = wanted - self.shares
        # A sliver below rounding is not a trade: holding 100 % of one asset must not trade every day.
        moved[np.abs(np.nan_to_num(moved * prices)) < 1e-12 * worth] = 0.0
        cost = float(np.nansum(np.abs(moved) * prices) * self.costs.rate)
        self.cash -= float(np.nansum(moved * prices)) + cost
        self.paid += cost
        self.shares = self.shares + moved
        return moved

    def charge_borrowing(self, marks: Vector, years: float) -> None:
        short = float(np.nansum(np.minimum(self.shares, 0) * marks))
        cost = -short * self.costs.borrow_bps_per_year / 1e4 * years
        self.cash -= cost
        self.paid += cost


def _years(times: tuple[dt.datetime, ...], t: int, since: int | None = None) -> float:
    first = (t - 1 if since is None else since) if t else 0
    return (times[t] - times[first]).total_seconds() / (365.25 * 86400)


def _checked(target: Vector | None, bars: Bars, t: int) -> Vector | None:
    if target is None:
        return None
    weights = np.asarray(target, dtype=np.float64)
    if weights.shape != (len(bars.symbols),) or not np.isfinite(weights).all():
        raise ModelFailed(
            f"the strategy's answer after {bars.times[t]:%Y-%m-%d} is not a set of weights",
            why=f"shape {weights.shape}, and {len(bars.symbols)} finite numbers are needed",
            fix="return one number a symbol, or None to leave things as they are",
        )
    return weights
