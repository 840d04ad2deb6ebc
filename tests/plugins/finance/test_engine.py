"""The engine of backtests: no future is seen, costs cost, and what cannot be traded waits."""

import dataclasses
import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from duomo.errors import BadOption, ModelFailed
from duomo_finance import made_up
from duomo_finance.bars import Bars, read_bars
from duomo_finance.engine import Costs, History, Trade, ask, simulate
from duomo_finance.strategies import Hold, Table

DAY = dt.timedelta(days=1)


def panel(closes, opens=None):
    """Bars of (bars, symbols) closes, a day apart."""
    close = np.asarray(closes, dtype=float)
    start = close if opens is None else np.asarray(opens, dtype=float)
    times = tuple(made_up.MONDAY + i * DAY for i in range(len(close)))
    high, low = np.maximum(start, close), np.minimum(start, close)
    return Bars(times, tuple(f"S{j}" for j in range(close.shape[1])), start, high, low, close, np.ones(close.shape))


def walk(seed, num_bars=60, num_symbols=2):
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, (num_bars, num_symbols)), axis=0))
    return panel(close, close * np.exp(random.normal(0, 0.005, close.shape)))


class Momentum:
    """Long what rose over five bars, short what fell: trades every bar, and remembers what it wanted."""

    def __init__(self):
        self.wanted = []

    def decide(self, history):
        rose = history.close[-1] / history.close[-6] - 1 if len(history) > 5 else np.zeros(len(history.symbols))
        self.wanted.append(np.tanh(rose))
        return self.wanted[-1]


class EveryThing:
    """Keeps all it is shown, and tries to reach beyond."""

    def __init__(self):
        self.reached = []

    def decide(self, history):
        behind = history.close.base
        self.reached.append(np.isnan(behind[len(history) :]).all())
        with pytest.raises(ValueError, match="read-only"):
            history.close[0] = 0
        return


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.integers(10, 55))
def test_appending_or_shuffling_the_future_never_changes_past_positions(seed, cut):
    bars = walk(seed)
    random = np.random.default_rng(seed)
    asked = [Momentum() for _ in range(3)]
    before = simulate(bars, asked[0], Costs(commission_bps=5))
    order = np.r_[np.arange(cut), cut + random.permutation(len(bars) - cut)]
    shuffled = dataclasses.replace(
        bars, **{name: getattr(bars, name)[order] for name in ("open", "high", "low", "close", "volume")}
    )
    after = simulate(shuffled, asked[1], Costs(commission_bps=5))
    short = simulate(bars.until(cut), asked[2], Costs(commission_bps=5))
    for other in asked[1:]:  # also what is wanted after the last common bar, and filled at the first that differs
        np.testing.assert_array_equal(other.wanted[:cut], asked[0].wanted[:cut])
    for run in (after, short):
        np.testing.assert_array_equal(run.shares[:cut], before.shares[:cut])
        np.testing.assert_array_equal(run.equity[:cut], before.equity[:cut])
    past = [trade for trade in before.trades if trade.time < bars.times[cut]]
    assert list(short.trades) == past


def test_there_is_no_future_in_memory_to_be_reached():
    spy = EveryThing()
    simulate(walk(0), spy)
    assert len(spy.reached) == 60
    assert all(spy.reached)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_buy_and_hold_returns_the_ratio_of_prices(seed):
    bars = walk(seed, num_symbols=1)
    run = simulate(bars, Hold((1.0,)))
    assert run.equity[-1] == pytest.approx(bars.close[-1, 0] / bars.open[1, 0], abs=1e-9)
    at_close = simulate(bars, Hold((1.0,)), fill="close")
    assert at_close.equity[-1] == pytest.approx(bars.close[-1, 0] / bars.close[1, 0], abs=1e-9)
    assert len(run.trades) == 1, "holding all of one thing is no reason to trade"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), low=st.floats(0, 50), more=st.floats(0.1, 50))
def test_higher_costs_never_leave_more(seed, low, more):
    bars = walk(seed)
    cheap = simulate(bars, Momentum(), Costs(commission_bps=low))
    dear = simulate(bars, Momentum(), Costs(commission_bps=low + more))
    assert dear.equity[-1] < cheap.equity[-1]
    assert (dear.equity <= cheap.equity + 1e-12).all()


def test_equity_is_cash_and_shares_and_costs_are_what_is_missing():
    bars = panel([[100.0], [100.0], [100.0], [100.0]])
    flat = simulate(bars, Table(np.array([[0.0], [1.0], [0.0], [1.0]])), Costs(commission_bps=10, spread_bps=20))
    assert flat.equity[-1] == pytest.approx(1 - flat.costs, abs=1e-12)
    assert flat.costs == pytest.approx(sum(each.cost for each in flat.trades), abs=1e-12)
    assert flat.equity[1] == pytest.approx(1 / 1.002, abs=1e-9), "all is invested after the costs, not before"
    assert flat.weights[1, 0] == pytest.approx(1.0)


def test_shorts_pay_for_what_they_borrow():
    bars = panel([[100.0]] * 367)
    run = simulate(bars, Hold((-1.0,)), Costs(borrow_bps_per_year=100))
    assert run.equity[-1] == pytest.approx(0.99, abs=1e-3)


def test_what_has_no_bar_is_not_traded_and_keeps_its_last_price():
    close = np.array([[10.0, 10.0], [10.0, np.nan], [11.0, np.nan], [12.0, 20.0]])
    run = simulate(panel(close), Hold((0.5, 0.5)), fill="close")
    assert [each.symbol for each in run.trades] == ["S0"]
    assert run.equity[-1] == pytest.approx(0.5 + 0.5 * 1.2)


def test_history_tells_what_is_known_and_held():
    class Ask:
        seen: History

        def decide(self, history):
            self.seen = history
            return np.array([0.25, 0.25])

    ask, bars = Ask(), walk(1)
    run = simulate(bars, ask)
    assert ask.seen.now == bars.times[-1]
    assert ask.seen.times == bars.times
    assert ask.seen.returns(5).shape == (5, 2)
    assert (ask.seen.open == bars.open).all()
    assert (ask.seen.low <= ask.seen.high).all()
    np.testing.assert_array_equal(ask.seen.weights, run.weights[-1])


@pytest.mark.parametrize("fill", ["open", "close"])
def test_a_short_position_is_charged_for_the_nights_it_is_held_and_no_others(fill):
    # Sold short on Monday and bought back on Tuesday: one night, not the weekend before.
    times = [dt.datetime(2024, 1, 4) + dt.timedelta(days=day) for day in (0, 1, 4, 5, 6)]
    flat, _ = read_bars({"time": time, "close": 100.0} for time in times)

    class Overnight:
        def decide(self, history):
            return {2: np.array([-1.0]), 3: np.array([0.0])}.get(len(history))

    run = simulate(flat, Overnight(), Costs(borrow_bps_per_year=365.25), fill=fill)
    assert run.shares[:, 0].tolist() == pytest.approx([0, 0, -0.01, 0, 0])
    assert run.costs == pytest.approx(1e-4)
    assert run.equity[-1] == pytest.approx(1 - 1e-4)


# What trading costs


def test_a_trade_pays_commission_slippage_and_half_the_spread():
    costs = Costs(commission_bps=3, spread_bps=8, slippage_bps=5)
    assert costs.rate == pytest.approx(12e-4, rel=1e-12)
    run = simulate(panel([[10.0], [10.0]]), Hold((1.0,)), costs)
    assert run.costs == pytest.approx(12e-4 / (1 + 12e-4), rel=1e-12)


def test_nothing_costs_anything_unless_it_is_said():
    run = simulate(panel([[10.0, 10.0]] * 400), Hold((1.0, -1.0)))
    assert run.costs == 0
    assert run.equity[-1] == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("name", ["commission_bps", "spread_bps", "slippage_bps", "borrow_bps_per_year"])
def test_a_negative_cost_is_refused(name):
    with pytest.raises(BadOption, match="costs cannot be negative"):
        Costs(**{name: -0.1})


def test_what_is_held_long_is_not_borrowed():
    run = simulate(panel([[0.5]] * 400), Hold((1.0,)), Costs(borrow_bps_per_year=100))
    assert run.costs == 0


def test_turning_a_position_round_pays_for_both_ways():
    # Long with W, then short with what is left: E = W - rate (W + E).
    rate = 0.01
    run = simulate(panel([[10.0]] * 4), Table(np.array([[0.0], [1.0], [-1.0], [-1.0]])), Costs(commission_bps=100))
    long = 1 / (1 + rate)
    assert run.equity[1] == pytest.approx(long, rel=1e-12)
    assert run.equity[2] == pytest.approx(long * (1 - rate) / (1 + rate), rel=1e-12)
    assert [each.cost for each in run.trades] == pytest.approx([rate * long, rate * (long + run.equity[2])], rel=1e-12)


# What is traded


class Always:
    """Asks for the same weights after every bar, and counts how often it was asked."""

    def __init__(self, *weights):
        self.weights = np.array(weights)
        self.held = []

    def decide(self, history):
        self.held.append(history.weights.tolist())
        return self.weights


def test_turnover_is_traded_value_over_equity_a_year():
    # All in, a doubling, all out: one equity each, in four days.
    closes = [[10.0], [10.0], [20.0], [20.0], [20.0]]
    run = simulate(panel(closes), Table(np.array([[0.0], [1.0], [1.0], [0.0], [0.0]])))
    # one over ten: the same division
    assert [(each.shares, each.price) for each in run.trades] == [(0.1, 10.0), (-0.1, 20.0)]
    assert run.turnover == pytest.approx(2 * 365.25 / 4, rel=1e-12)


def test_one_bar_is_no_time_to_trade_in():
    run = simulate(panel([[10.0]]), Hold((1.0,)))
    assert (run.turnover, run.trades, run.equity.tolist()) == (0.0, (), [1.0])


def test_keeping_all_in_one_thing_never_trades_again():
    steps = np.random.default_rng(0).normal(0.2, 0.1, 60)
    run = simulate(panel(np.exp(np.cumsum(steps))[:, None]), Always(1.0))
    assert run.equity[-1] > 1000
    assert len(run.trades) == 1, "slivers of rounding are left alone"


def test_a_small_change_of_something_dear_is_traded():
    weights = np.array([[0.0], [0.5], [0.500001], [0.500001]])
    run = simulate(panel([[1e6]] * 4), Table(weights))
    assert [each.shares for each in run.trades] == pytest.approx([0.5e-6, 1e-12], rel=1e-6)


def test_a_strategy_sees_what_it_holds_and_nothing_before_the_first_trade():
    asked = Always(0.25, 0.5)
    simulate(panel([[10.0, 20.0], [10.0, 20.0], [20.0, 20.0]]), asked, fill="close")
    assert asked.held == [[0.0, 0.0], [0.25, 0.5], [0.25, 0.5]]


@pytest.mark.parametrize("last", [200.0, 300.0], ids=["nothing left", "more lost than there was"])
def test_who_is_ruined_is_sold_out_and_asked_no_more(last):
    asked = Always(-1.0)
    run = simulate(panel([[100.0], [100.0], [last], [last], [last]]), asked)
    assert len(asked.held) == 2
    np.testing.assert_allclose(run.equity, [1.0, 1.0, *[2 - last / 100] * 3], atol=1e-12)
    assert run.weights[2:].tolist() == [[0.0], [0.0], [0.0]]
    assert run.trades[1:] == (Trade(made_up.MONDAY + 2 * DAY, "S0", 0.01, last, 0.0),)
    assert not run.shares[2:].any(), "and the loss does not turn the position round"
    assert run.turnover == pytest.approx(365.25 / 4), "the equity once, as it was bought"


# What a strategy may say


def test_returns_are_close_to_close_over_a_window():
    class Last:
        def decide(self, history):
            self.all, self.two = history.returns(), history.returns(2)

    seen = Last()
    simulate(panel([[100.0], [110.0], [99.0], [198.0]]), seen)
    np.testing.assert_allclose(seen.all, [[0.1], [-0.1], [1.0]], rtol=1e-12)
    np.testing.assert_allclose(seen.two, [[-0.1], [1.0]], rtol=1e-12)


@pytest.mark.parametrize("answer", [[0.5], [0.2, 0.2, 0.2], [0.5, np.nan], [np.inf, 0.0]])
def test_an_answer_that_is_not_one_finite_number_a_symbol_is_refused(answer):
    with pytest.raises(ModelFailed, match=made_up.MONDAY.strftime("after %Y-%m-%d is")) as caught:
        simulate(panel([[10.0, 10.0]] * 3), Always(*answer))
    assert "2 finite numbers" in caught.value.why


def test_an_answer_of_whole_numbers_is_taken():
    assert simulate(panel([[10.0, 10.0]] * 2), Always(1, 0)).shares[-1].tolist() == pytest.approx([0.1, 0.0])


def test_a_strategy_that_is_only_asked_sees_that_it_holds_what_it_wanted_last():
    class Halving:
        """Wants something at every other bar."""

        def __init__(self):
            self.seen, self.closes = [], []

        def decide(self, history):
            self.seen.append(history.weights.tolist())
            self.closes.append(float(history.close[-1, 0]))
            return None if len(self.seen) % 2 == 0 else np.array([1 / len(self.seen)])

    halving = Halving()
    said = ask(panel([[100.0], [101.0], [102.0], [103.0]]), halving)
    assert [each if each is None else each.tolist() for each in said] == [[1.0], None, [1 / 3], None]
    assert halving.seen == [[0.0], [1.0], [1.0], [1 / 3]]
    assert halving.closes == [100.0, 101.0, 102.0, 103.0]


class Listed:
    """Wants what a table says, row by row; a row of NaN leaves things as they are."""

    def __init__(self, wanted):
        self.wanted = wanted

    def decide(self, history):
        row = self.wanted[len(history) - 1]
        return None if np.isnan(row).any() else row


def by_hand(bars, wanted, costs, fill):
    """Equity, shares and all costs, one asset after another, with the value after costs found by bisection."""
    cash, held, paid, curve = 1.0, [0.0] * len(bars.symbols), 0.0, []
    for t in range(len(bars)):
        if t:
            years = (bars.times[t] - bars.times[t - 1]).total_seconds() / (365.25 * 86400)
            fee = sum(-min(n, 0.0) * p for n, p in zip(held, bars.close[t - 1], strict=True))
            fee *= costs.borrow_bps_per_year / 1e4 * years
            cash, paid = cash - fee, paid + fee
        if t and not np.isnan(wanted[t - 1]).any():
            price = getattr(bars, fill)[t]
            worth = cash + sum(n * p for n, p in zip(held, price, strict=True))
            low, high = 0.0, worth
            for _ in range(200):
                left = (low + high) / 2
                new = [w * left / p for w, p in zip(wanted[t - 1], price, strict=True)]
                taken = sum(abs(a - b) * p for a, b, p in zip(new, held, price, strict=True)) * costs.rate
                low, high = (left, high) if left + taken < worth else (low, left)
            cash -= sum((a - b) * p for a, b, p in zip(new, held, price, strict=True)) + taken
            held, paid = new, paid + taken
        curve.append(cash + sum(n * p for n, p in zip(held, bars.close[t], strict=True)))
    return np.array(curve), held, paid


@pytest.mark.parametrize("fill", ["open", "close"])
@pytest.mark.parametrize("costs", [Costs(), Costs(5, 8, 3, 250)])
def test_equity_shares_and_costs_are_those_of_a_loop_by_hand(costs, fill):
    """Long, short, levered and idle, over three assets."""
    bars, random = walk(5, 120, 3), np.random.default_rng(6)
    wanted = random.normal(0, 0.6, (120, 3))
    wanted[random.random(120) < 0.3] = np.nan
    run = simulate(bars, Listed(wanted), costs, fill=fill)
    equity, shares, paid = by_hand(bars, wanted, costs, fill)
    assert run.equity == pytest.approx(equity, abs=1e-11)
    assert run.shares[-1] == pytest.approx(shares, abs=1e-12)
    assert run.costs == pytest.approx(paid, abs=1e-11)
