"""The engine and the backtest adapter: no future is seen, costs cost, and doubtful panels say so."""

import dataclasses
import datetime as dt
import functools
import math

import numpy as np
import pytest

from duomo.adapters import AuditLog, Override
from duomo.errors import BadInput, BadOption, ModelFailed
from duomo_finance import made_up
from duomo_finance.backtest import Backtest, Job, MovingAverage, Plan, Rule, signal
from duomo_finance.bars import read_bars
from duomo_finance.engine import Costs, simulate
from duomo_finance.performance import best_of, chance_above, deflated_sharpe, performance, probabilistic_sharpe
from duomo_finance.portfolio import KINDS, Optimiser
from duomo_finance.strategies import Hold, Table, WalkForward, audit_signals


def moving_average(bars, fast=10, slow=20):
    """Weights of each bar from its own close: the mistake."""
    total = np.cumsum(np.vstack([np.zeros((1, bars.close.shape[1])), bars.close]), axis=0)

    def mean(n):
        lead = np.full((n - 1, bars.close.shape[1]), np.nan)
        return np.vstack([lead, (total[n:] - total[:-n]) / n])

    return np.where(mean(fast) > mean(slow), 1.0 / bars.close.shape[1], 0.0)


def shifted(bars):
    weights = moving_average(bars)
    return np.vstack([np.zeros((1, weights.shape[1])), weights[:-1]])


def scaled_by_all(bars):
    """Shifted, but divided by the deviation of the whole history."""
    z = (bars.close - bars.close.mean(0)) / bars.close.std(0)
    return np.vstack([np.zeros((1, z.shape[1])), np.tanh(z[:-1])])


def test_an_unshifted_signal_is_a_leak_of_the_future_and_a_shifted_one_is_not():
    adapter = Backtest()
    bad = adapter(signal(moving_average, made_up.bars()))
    assert bad.payload is None
    assert [each.code for each in bad.findings] == ["LEAK.FUTURE"]
    assert "the bar whose return they earn" in bad.findings[0].text
    assert "shift the signal by one bar" in bad.findings[0].fix
    assert bad.decision.outcome == "refer"
    good = adapter(signal(shifted, made_up.bars()))
    assert good.findings == []
    assert good.payload.strategy == "shifted"
    slow = signal(lambda bars: moving_average(bars, 50, 200), made_up.bars(), "slow")
    assert [each.code for each in adapter(slow).findings] == ["LEAK.FUTURE"], "it turns only a few times"
    [found] = adapter(signal(scaled_by_all, made_up.bars())).findings
    assert found.code == "LEAK.FUTURE"


def test_the_leak_pays_until_it_is_closed(sp500):
    """What the same rule earns on the S&P 500: with the day's own close, a day later, and after costs."""
    bars, _ = read_bars(sp500)
    weights = moving_average(bars)
    returns = bars.close[1:] / bars.close[:-1] - 1
    naive = float(np.prod(1 + weights[1:, 0] * returns[:, 0]) - 1)
    honest = simulate(bars, Table(shifted(bars))).equity[-1] - 1
    dear = simulate(bars, Table(shifted(bars)), Costs(commission_bps=20)).equity[-1] - 1
    assert naive == pytest.approx(1.345, abs=0.01)
    assert honest == pytest.approx(0.125, abs=0.01)
    assert dear == pytest.approx(-0.334, abs=0.01)


def test_positions_are_the_same_whether_asked_bar_by_bar_or_from_an_honest_table():
    bars, _ = read_bars(made_up.bars(200, 2))
    plan = Plan(strategy="moving-average")
    asked = simulate(bars, plan.make(bars))
    given_ = simulate(bars, Table(np.where(np.arange(200)[:, None] < 20, 0.0, shifted(bars))))
    np.testing.assert_allclose(asked.shares[30:] > 0, given_.shares[30:] > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_optimisers_walk_forward_fully_invested_and_long_only(kind):
    if kind != "equal-weight":
        pytest.importorskip("skfolio")
    bars, _ = read_bars(made_up.bars(420, 4))
    run = simulate(bars, WalkForward(Optimiser(kind), 253, 60), Costs(spread_bps=5))
    held = run.weights[260:]
    assert (held >= -1e-9).all()
    np.testing.assert_allclose(held.sum(axis=1), 1.0, atol=0.01)
    assert not run.shares[:253].any(), "nothing is held before there is a past to fit on"
    assert {trade.time for trade in run.trades} == {bars.times[t] for t in (253, 313, 373)}


def test_minimum_variance_lowers_the_variance_out_of_sample():
    pytest.importorskip("skfolio")
    from skfolio.datasets import load_sp500_dataset

    prices = load_sp500_dataset().iloc[-2000:]
    bars, _ = read_bars(
        {"time": day.to_pydatetime(), "symbol": name, "close": price}
        for name in prices
        for day, price in prices[name].items()
    )
    found = {}
    for kind in ("equal-weight", "min-variance"):
        adapter = Backtest(artifacts={"plan": Plan(strategy="optimiser", optimiser=kind, fill="close")})
        result = adapter(bars)
        assert "SURVIVORSHIP" in [each.code for each in result.findings]
        found[kind] = result.payload.metrics
    assert found["min-variance"]["volatility"] < 0.9 * found["equal-weight"]["volatility"]
    assert found["min-variance"]["turnover_per_year"] > found["equal-weight"]["turnover_per_year"]


def test_an_optimiser_nobody_knows_is_named_with_those_there_are():
    with pytest.raises(BadOption, match="no optimiser 'magic'"):
        Optimiser("magic")
    with pytest.raises(BadOption, match="costs cannot be negative"):
        Costs(commission_bps=-1)


def test_a_strategy_that_answers_nonsense_is_an_error_of_that_panel_only():
    class Wrong:
        def decide(self, history):
            return np.array([math.nan, 1.0, 2.0])

    bars, _ = read_bars(made_up.bars(60, 2))
    with pytest.raises(ModelFailed, match="is not a set of weights"):
        simulate(bars, Wrong())
    outcomes = list(Backtest().map([Job(bars, Rule(Wrong(), "wrong")), bars]))
    assert [each.ok for each in outcomes] == [False, True]


def test_the_example_of_the_paper_on_the_deflated_sharpe_ratio():
    """Bailey and López de Prado (2014): 2.5 a year, 100 trials of variance 1/2, 1250 days, skew -3, kurtosis 10."""
    benchmark = best_of(100, math.sqrt(0.5 / 250))
    assert benchmark == pytest.approx(0.1132, abs=1e-4)
    chance = chance_above(2.5 / math.sqrt(250), benchmark, num_bars=1250, skew=-3, kurtosis=10)
    assert chance == pytest.approx(0.9004, abs=5e-4)


def test_sharpe_ratios_are_discounted_for_length_tails_and_tries():
    random = np.random.default_rng(0)
    returns = random.normal(0, 0.01, 1250)
    returns += 2.5 / math.sqrt(250) * returns.std(ddof=1) - returns.mean()
    assert probabilistic_sharpe(returns) > 0.999
    assert deflated_sharpe(returns, 100) < probabilistic_sharpe(returns)
    assert deflated_sharpe(returns, 1) == probabilistic_sharpe(returns)
    worthless = random.normal(0, 0.01, 1250)
    assert deflated_sharpe(worthless - worthless.mean(), 20) < 0.1


def test_figures_of_a_run_that_can_be_checked_by_hand():
    days = [made_up.MONDAY + dt.timedelta(days=day) for day in range(5)]
    closes = (100.0, 100.0, 110.0, 99.0, 121.0)
    bars, _ = read_bars({"time": day, "close": close} for day, close in zip(days, closes, strict=True))
    made = performance(simulate(bars, Hold((1.0,)), fill="close"))
    assert made["total_return"] == pytest.approx(0.21)
    assert made["max_drawdown"] == pytest.approx(0.1)
    assert made["num_trades"] == 1
    assert "cagr" not in made, "1.21 ** (365.25 / 4) is no figure"
    minutes = [made_up.MONDAY + dt.timedelta(minutes=at) for at in range(300)]
    short = Backtest()([{"time": at, "close": 100 + 0.05 * n} for n, at in enumerate(minutes)])
    assert "cagr" not in short.payload.metrics
    assert ["less than three months" in each.text for each in short.findings if each.field == "metrics"] == [True]


# What a strategy knows beyond what it is shown.


def tomorrow(bars):
    """Weights that follow the next bar's return."""
    rise = np.vstack([np.zeros((1, bars.close.shape[1])), np.diff(np.log(bars.close), axis=0)])
    return np.sign(rise) / bars.close.shape[1]


class Holding:
    """Holds whatever it was given, and decides by it."""

    def __init__(self, held):
        self.held = held

    def decide(self, history):
        t = len(history)
        return np.sign(self.held[t] - self.held[t - 1]) if t < len(self.held) else None


class Mixing(Holding):
    """Decides by what it is shown and by what it holds."""

    def decide(self, history):
        ahead = super().decide(history)
        return None if ahead is None else ahead * (1.0 if history.close[-1, 0] > 50 else 0.5)


class Bookkeeper:
    """Keeps a book of its own, and knows no more than it was shown."""

    def __init__(self):
        self.seen = []

    def decide(self, history):
        self.seen.append(history.close[-1].copy())
        return np.sign(self.seen[-1] - self.seen[max(len(self.seen) - 6, 0)]) / len(history.symbols)


class Calendar:
    """Decides by the month alone, which everybody knows."""

    def decide(self, history):
        return np.full(len(history.symbols), 0.0 if history.now.month in (5, 6) else 0.5)


BARS, _ = read_bars(made_up.bars(120, 2))
CLOSES = BARS.close


def reads_a_global(bars):
    return np.vstack([np.zeros((1, 2)), np.sign(np.diff(CLOSES, axis=0))]) / 2


@dataclasses.dataclass
class InADictionary:
    days: dict

    def decide(self, history):
        return self.days.get(history.now)


def closed_over(close):
    return lambda bars: np.vstack([np.zeros((1, 2)), np.sign(np.diff(close, axis=0))]) / 2


class OnlyItsNumber:
    """Draws its decisions from a seed that was found by trying."""

    def decide(self, history):
        return np.random.default_rng(len(history)).uniform(-1, 1, len(history.symbols))


@pytest.mark.parametrize(
    ("what", "blocks"),
    [
        (Holding(CLOSES), True),
        (Mixing(CLOSES), True),
        (Holding(BARS.close.tolist()), True),
        (functools.partial(lambda bars, close: np.sign(close - 50.0), close=CLOSES), True),
        (closed_over(CLOSES), True),
        (reads_a_global, True),
        (Holding(np.cumsum(tomorrow(BARS), axis=0)), False),
        (Table(tomorrow(BARS)), False),
        (InADictionary(dict(zip(BARS.times, tomorrow(BARS), strict=True))), False),
        (OnlyItsNumber(), False),
    ],
    ids=lambda what: getattr(what, "__name__", type(what).__name__),
)
def test_what_a_strategy_knows_by_itself_is_a_leak_or_could_not_be_audited(what, blocks):
    result = Backtest()(Job(BARS, Rule(what, "rule")))
    [found] = [each for each in result.findings if each.code == "LEAK.FUTURE"]
    assert found.severity == ("block" if blocks else "refer")
    assert ("could not be audited" in found.text) == (not blocks)
    assert found.fix
    assert result.decision.outcome == "refer"
    assert (result.payload is None) == blocks


@pytest.mark.parametrize(
    "what",
    [
        Bookkeeper(),
        Calendar(),
        Hold((0.5, 0.5)),
        MovingAverage(5, 10),
        WalkForward(lambda history: np.array([0.5, 0.5]), 20, 10),
        shifted,
    ],
    ids=lambda what: getattr(what, "__name__", type(what).__name__),
)
def test_a_strategy_that_knows_what_it_is_shown_passes_the_audit_and_is_left_as_it_was(what):
    result = Backtest()(Job(BARS, Rule(what, "rule")))
    assert [each.code for each in result.findings] == []
    assert result.payload is not None
    assert len(getattr(what, "seen", BARS.times)) == len(BARS), "asked once a bar, by the run alone"


def test_a_person_may_vouch_for_data_that_was_known_in_time(tmp_path):
    vouched = Override("LEAK.FUTURE", "analysts' ratings, each dated before its bar", "R. Viewer")
    job = Job(BARS, Rule(Table(tomorrow(BARS)), "ratings"))
    with AuditLog(tmp_path / "decisions.log") as log:
        [outcome] = Backtest().map([job], overrides=[vouched], audit=log)
    [found] = outcome.result.findings
    assert "analysts' ratings" in found.overridden
    assert outcome.result.decision is None
    assert outcome.result.payload is not None


# Bad input.


def test_two_closes_of_one_moment_stop_a_backtest():
    rows = made_up.bars(60, 2)
    for told in ([*rows, {**rows[5], "close": 2 * rows[5]["close"]}], [{**row, "symbol": None} for row in rows]):
        with pytest.raises(BadInput, match="of different closes"):
            Backtest()(told)


def test_what_fills_at_the_close_for_want_of_an_open_is_said():
    rows = [{name: value for name, value in row.items() if name != "open"} for row in made_up.bars(60, 1)]
    _, found = read_bars(rows)
    assert ["60 bars have no opening price" in each.text for each in found if each.field == "open"] == [True]
    assert not [each for each in read_bars(made_up.bars(60, 1))[1] if each.field == "open"]


def test_an_unsorted_gapped_panel_with_doubles_is_put_right_and_said():
    rows = made_up.bars(100, 2)
    del rows[50], rows[20:34]
    rows[3], rows[7] = rows[7], rows[3]
    rows.append(dict(rows[60]))
    rows.append({**rows[61], "time": "the day before"})
    rows.append({**rows[62], "close": -1})
    rows.append({name: value for name, value in rows[63].items() if name != "close"})
    bars, found = read_bars(rows)
    assert len(bars) == 100
    codes = [each.code for each in found]
    assert codes.count("INPUT.GAP") == 1
    assert {"INPUT.UNSORTED", "INPUT.DUPLICATE", "INPUT.UNREADABLE", "INPUT.MISSING_COLUMN"} <= set(codes)
    assert "S0 lacks 15 bars between its first and its last" in [each.text for each in found]
    assert all(each.fix and each.field for each in found)
    result = Backtest()(rows)
    assert result.payload.num_bars == 100
    assert set(codes) == {each.code for each in result.findings}


def test_a_bar_without_a_symbol_is_no_asset_of_its_own():
    rows = made_up.bars(60, 2)
    bars, found = read_bars([{**row, "symbol": row["symbol"] if at % 50 else math.nan} for at, row in enumerate(rows)])
    assert bars.symbols == ("S0", "S1")
    assert "3 bars have no symbol" in next(each.text for each in found if each.field == "symbol")
    assert read_bars([{**row, "currency": math.nan} for row in rows])[0].currency == ""
    alone = [{**row, "symbol": math.nan} for row in made_up.bars(60, 1)]
    assert read_bars(alone)[0].symbols == ("asset",)
    assert read_bars([{**row, "symbol": "NA"} for row in alone])[0].symbols == ("NA",)
    assert read_bars([{**row, "symbol": 700.0} for row in alone])[0].symbols == ("700",)


def test_a_hole_in_the_calendar_is_found():
    rows = [row for row in made_up.bars(200, 1) if not "2024-03-01" < row["time"] < "2024-04-10"]
    _, found = read_bars(rows)
    assert [each.text for each in found] == ["1 break in the calendar, the first after 2024-03-01"]


def test_mixed_currencies_are_refused_and_the_next_panel_goes_on():
    mixed = [{**row, "currency": "GBP" if row["symbol"] == "S1" else "EUR"} for row in made_up.bars(60, 2)]
    outcomes = list(Backtest().map([mixed, made_up.bars(60, 2), "a string", []]))
    assert [each.ok for each in outcomes] == [False, True, False, False]
    assert "UNITS.CURRENCY_MIXED" in outcomes[0].error.what
    assert "EUR (60 rows), GBP (60 rows)" in outcomes[0].error.why
    assert "one panel a currency" in outcomes[0].error.fix
    assert "there are no usable bars" in outcomes[3].error.what


def test_pence_among_pounds_and_a_split_that_was_not_adjusted_are_seen():
    rows = made_up.bars(100, 1)
    for row in rows[60:]:
        row.update({name: row[name] / 100 for name in ("open", "high", "low", "close")})
    _, [found] = read_bars(rows)
    assert found.code == "UNITS.MISMATCH"
    assert "moves by a factor of" in found.text
    rows = made_up.bars(100, 1)
    for row in rows[:60]:
        row["close"] /= 1.4  # adjusted, while the other prices are not
    assert "QUALITY.FORMAT" in [each.code for each in read_bars(rows)[1]]


@pytest.mark.parametrize(
    ("named", "cell", "said"),
    [
        ("Adj Close", lambda row, at: row["close"] * (0.98 if at < 60 else 1), "adjusted close of S0 grows otherwise"),
        ("adjusted_close", lambda row, at: str(row["close"] / (1 + at)), "adjusted close of S0 grows otherwise"),
        ("Dividends", lambda row, at: 0.5 * (at == 60), "dividends of S0 count in returns only if"),
        ("volume", lambda row, at: 0 if at in (7, 8) else 900, "S0 has 2 bars in which nothing was traded"),
        ("Adj Close", lambda row, at: round(row["close"] * 0.5, 3), ""),
        ("adj close", lambda row, at: None, ""),
        ("dividends", lambda row, at: "", ""),
        ("volume", lambda row, at: 0, ""),
    ],
)
def test_what_the_table_knows_of_dividends_and_halts_and_its_prices_do_not_is_said(named, cell, said):
    rows = [{**row, named: cell(row, at)} for at, row in enumerate(made_up.bars(100, 1))]
    found = read_bars(rows)[1]
    assert [each.text for each in found if said and said in each.text] == [each.text for each in found]
    assert bool(found) == bool(said)
    assert all(each.severity == "warn" for each in found)


def test_signals_of_the_wrong_shape_are_named():
    bars, _ = read_bars(made_up.bars(60, 2))
    with pytest.raises(BadInput, match=r"signals of shape \(59, 2\) do not fit bars of shape \(60, 2\)"):
        audit_signals(lambda panel: moving_average(panel)[1:], bars)


def test_a_file_is_one_panel_and_the_plan_is_json(tmp_path):
    import csv

    path = tmp_path / "prices.csv"
    rows = made_up.bars(600, 2)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    adapter = Backtest(artifacts={"plan": Plan(strategy="moving-average", num_trials=25)})
    loaded = Backtest.load(adapter.save(tmp_path / "plan"))
    [outcome] = loaded.map(loaded.read(path))
    payload = outcome.unwrap().payload
    assert payload.num_bars == 600
    assert payload.metrics["deflated_sharpe"] < payload.metrics["probabilistic_sharpe"]
    assert payload.var.method == "filtered-historical"
    assert payload.curve[0].equity == 1
    report = loaded.evaluate(loaded.read(path))
    assert report.split == "walk-forward within each panel"
    assert report.metrics["sharpe"] == payload.metrics["sharpe"]


def test_panels_too_short_for_a_volatility_are_refused_and_cost_no_other():
    rows = made_up.bars(60, 1)
    one, two, whole = Backtest().map([rows[:1], rows[:2], rows])
    assert one.error.what == "panel 0 has 1 bars"
    assert "3 are the least" in two.error.why
    assert whole.result.payload.num_bars == 60


def test_rows_that_are_infinite_of_another_zone_or_no_rows_are_left_out_and_said():
    rows = [dict(row) for row in made_up.bars(60, 1)]
    rows[9]["close"] = "inf"
    rows[20]["time"] = dt.datetime(2024, 1, 29, tzinfo=dt.UTC)
    result = Backtest()([*rows, "a line of text"])
    found = [(each.code, each.field, each.record) for each in result.findings if each.code == "INPUT.UNREADABLE"]
    assert found == [("INPUT.UNREADABLE", "close", "9"), ("INPUT.UNREADABLE", "time", "20"),
                     ("INPUT.UNREADABLE", "rows", "")]  # fmt: skip
    assert result.payload.num_bars == 58
    assert all(np.isfinite(value) for value in result.payload.metrics.values())


@pytest.mark.parametrize(
    "wrong", [{"every": 0}, {"window": -3}, {"fast": 30, "slow": 5}, {"num_trials": 0}, {"var_level": 1.5}]
)
def test_a_plan_that_cannot_be_carried_out_is_refused_by_the_name_of_its_field(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Plan(**wrong)
