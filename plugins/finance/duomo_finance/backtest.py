"""Backtests: a panel of prices and a plan in, what came of it out, with what makes it doubtful."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from duomo.adapters import Adapter, Artifact, AsFitted, Case, DomainResult, Finding, Payload, Record, SplitPolicy, find
from duomo.errors import BadInput, DuomoError, a_type
from duomo.tasks.base import Result
from duomo_finance import made_up
from duomo_finance.bars import Bars, check_bars, read_bars
from duomo_finance.engine import Costs, Fill, History, Run, Strategy, simulate
from duomo_finance.lookahead import audit_rule
from duomo_finance.performance import performance
from duomo_finance.plugin import BACKTEST
from duomo_finance.portfolio import Optimiser
from duomo_finance.strategies import Hold, Signals, Table, WalkForward, audit_signals
from duomo_finance.value_at_risk import VarTest, backtest_var

Vector = NDArray[np.float64]
MIN_BARS = 3
"""Two returns: fewer have no volatility."""
MIN_VAR_BARS = 500


class Plan(Artifact):
    """What is tried, and at what cost; kept as JSON beside its results."""

    kind: ClassVar[str] = "finance.backtest-plan/1"

    strategy: Literal["hold", "moving-average", "optimiser"] = "hold"
    fast: int = pydantic.Field(default=10, ge=1)
    slow: int = pydantic.Field(default=20, ge=2)
    """Bars of the two means of ``moving-average``."""
    optimiser: str = "min-variance"
    window: int = pydantic.Field(default=252, ge=2)
    every: int = pydantic.Field(default=60, ge=1)
    """Bars that ``optimiser`` fits on, and those between two fits."""
    commission_bps: float = 0.0
    spread_bps: float = 10.0
    slippage_bps: float = 0.0
    borrow_bps_per_year: float = 0.0
    fill: Fill = "open"
    num_trials: int = pydantic.Field(default=1, ge=1)
    """How many plans were tried until this one was shown; the deflated Sharpe ratio needs the truth."""
    var_method: str = "filtered-historical"
    var_level: float = pydantic.Field(default=0.01, gt=0, lt=0.5)

    @pydantic.model_validator(mode="after")
    def _fast_is_faster(self) -> Plan:
        if self.fast >= self.slow:
            raise ValueError(f"'fast' must be below 'slow', and {self.fast} bars are not fewer than {self.slow}")
        return self

    @property
    def costs(self) -> Costs:
        """What trading costs."""
        return Costs(self.commission_bps, self.spread_bps, self.slippage_bps, self.borrow_bps_per_year)

    def make(self, bars: Bars) -> Strategy:
        """The strategy for a panel."""
        if self.strategy == "moving-average":
            return MovingAverage(self.fast, self.slow)
        if self.strategy == "optimiser":
            return WalkForward(Optimiser(self.optimiser, self.window), self.window + 1, self.every)
        return Hold(tuple([1 / len(bars.symbols)] * len(bars.symbols)))


@dataclasses.dataclass(frozen=True)
class MovingAverage:
    """Hold an equal share of each symbol whose fast mean is above its slow one."""

    fast: int
    slow: int

    def decide(self, history: History) -> Vector | None:
        """Weights when the means of a symbol cross, None in between."""
        close = history.close
        if len(close) < self.slow:
            return None
        rising = self._rising(close)
        if len(close) > self.slow and np.array_equal(rising, self._rising(close[:-1])):
            return None
        return np.asarray(rising / len(history.symbols))

    def _rising(self, close: Vector) -> NDArray[np.bool_]:
        return np.asarray(close[-self.fast :].mean(axis=0) > close[-self.slow :].mean(axis=0))


class Rule:
    """A strategy or signals under a name, by which results and their ids know it."""

    def __init__(self, what: Strategy | Signals, name: str = "") -> None:
        self.what = what
        self.name = name or getattr(what, "__qualname__", "") or repr(what)

    def __str__(self) -> str:
        return self.name


@dataclasses.dataclass(frozen=True)
class Job:
    """One panel, and maybe a strategy of the caller's own."""

    bars: Bars
    rule: Rule | None = None


class Point(Result):
    """Equity at one close, 1 at the start."""

    time: dt.datetime
    equity: float


class Fills(Result):
    """One trade."""

    time: dt.datetime
    symbol: str
    shares: float
    price: float
    cost: float


class BacktestResult(Payload):
    """What came of it."""

    strategy: str
    fill: str
    start: dt.datetime
    end: dt.datetime
    num_bars: int
    symbols: list[str]
    metrics: dict[str, float]
    num_trials: int
    curve: list[Point]
    trades: list[Fills]
    var: VarTest | None
    """Test of the strategy's own returns; None for a history too short to test it."""


class Once(AsFitted):
    """Nothing is fitted on one panel and judged on another: each run walks forward through its own time."""

    def __repr__(self) -> str:
        return "walk-forward within each panel"


class Backtest(Adapter[Job, BacktestResult]):
    """Takes a list of rows, `Bars`, or a `Job`; the artefact ``plan`` says what to do with it (hold, when absent)."""

    spec = BACKTEST
    Output = BacktestResult
    batch_size = 1

    @property
    def plan(self) -> Plan:
        """What is tried."""
        found = self.artifacts.get("plan")
        return found if isinstance(found, Plan) else Plan()

    def read(self, source: str | os.PathLike[str]) -> Iterator[Any]:
        """A file is one panel."""
        rows = []
        for row in super().read(source):
            if isinstance(row, DuomoError):
                yield row
                return
            rows.append(row)
        yield rows

    def record(self, value: object, position: int = 0) -> Record[Job]:
        found: list[Finding] = []
        if isinstance(value, Job | Bars):
            job = value if isinstance(value, Job) else Job(value)
            found = check_bars(job.bars)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            rows = [row for row in value if isinstance(row, Mapping)]
            bars, found = read_bars(rows)
            if len(rows) < len(value):
                text = f"{len(value) - len(rows)} of {len(value)} rows are not dicts; they were left out"
                found.append(find("INPUT.UNREADABLE", text, field="rows", fix="one dict a bar and symbol"))
            job = Job(bars)
        else:
            raise BadInput(
                f"panel {position} is {a_type(value)}", why="a backtest needs a list of rows, Bars or a Job",
                fix="one row a bar and symbol: {'time': …, 'symbol': …, 'close': …}",
            )  # fmt: skip
        if len(job.bars) < MIN_BARS:
            raise BadInput(f"panel {position} has {len(job.bars)} bars", why=f"{MIN_BARS} are the least for a backtest",
                           fix="a longer history; look whether all rows have the same 'time'")  # fmt: skip
        # What a reader leaves out is gone; the rest of the panel is still worth running.
        mild = [each.model_copy(update={"severity": "warn"}) if each.severity == "block" else each for each in found]
        return Record(job, str(position), event_time=job.bars.times[-1], findings=tuple(mild))

    def guards(self, phase: str) -> Sequence[Callable[[Any], Any]]:
        return (_audit,) if phase == "input" else ()

    def score(self, prepared: Sequence[Record[Job]]) -> list[Run]:
        return [self._run(each.payload) for each in prepared]

    def result(self, case: Case[Job]) -> BacktestResult:
        run: Run = case.raw
        rule = case.record.payload.rule
        tested = self._value_at_risk(case, run)
        metrics = performance(run, num_trials=self.plan.num_trials)
        if "cagr" not in metrics:
            case.find(
                "CALIB.N_TOO_SMALL",
                "the bars span less than three months: growth is not told for a year, and volatility and Sharpe ratio "
                "are scaled to one",
                severity="warn",
                field="metrics",
                fix="a longer history; 'total_return' is of the whole span",
            )
        return BacktestResult(
            strategy=str(rule) if rule is not None else self.plan.strategy,
            fill=f"next {self.plan.fill}",
            start=run.times[0],
            end=run.times[-1],
            num_bars=len(run.times),
            symbols=list(run.symbols),
            metrics=metrics,
            num_trials=self.plan.num_trials,
            curve=[Point(time=at, equity=float(value)) for at, value in zip(run.times, run.equity, strict=True)],
            trades=[Fills(**dataclasses.asdict(each)) for each in run.trades],
            var=tested,
        )

    def split_policy(self, records: Sequence[Record[Job]]) -> SplitPolicy:
        return Once()

    def measure(self, judged: Sequence[tuple[Record[Job], DomainResult[BacktestResult]]]) -> dict[str, float]:
        done = [each.payload for _, each in judged if each.payload is not None]
        shared = [name for name in (done[0].metrics if done else ()) if all(name in each.metrics for each in done)]
        return {name: float(np.mean([each.metrics[name] for each in done])) for name in shared}

    @classmethod
    def example(cls) -> Self:
        return cls(artifacts={"plan": Plan(strategy="moving-average")})

    @classmethod
    def samples(cls) -> list[Any]:
        return [made_up.bars(60, 2, seed) for seed in range(3)]

    def _run(self, job: Job) -> Run:
        what = job.rule.what if job.rule is not None else self.plan.make(job.bars)
        strategy: Strategy = what if hasattr(what, "decide") else Table(np.nan_to_num(what(job.bars)))
        return simulate(job.bars, strategy, self.plan.costs, fill=self.plan.fill)

    def _value_at_risk(self, case: Case[Job], run: Run) -> VarTest | None:
        returns = run.equity[1:] / run.equity[:-1] - 1
        if len(returns) < MIN_VAR_BARS or not np.isfinite(returns).all() or returns.std() < 1e-12:
            return None
        tested = backtest_var(returns, len(returns) // 3, level=self.plan.var_level, method=self.plan.var_method)
        if not tested.passed:
            case.find(
                "CALIB.OFF",
                f"the {tested.level:.0%} VaR ({tested.method}) was breached in {tested.rate:.2%} of {tested.n} bars "
                f"(Kupiec p = {tested.kupiec_p:.4f})",
                field="var",
                fix="another var_method in the plan, such as gjr-garch-skewt",
            )
        return tested


def _audit(record: Record[Job]) -> Iterator[Finding]:
    """Look for the future in what the caller gave; the plan's own strategies decide by what they are shown."""
    rule = record.payload.rule
    if rule is None:
        return
    found = [] if hasattr(rule.what, "decide") else audit_signals(rule.what, record.payload.bars)
    yield from found or audit_rule(rule.what, record.payload.bars)


def signal(function: Signals, bars: Bars | Sequence[Mapping[str, Any]], name: str = "") -> Job:
    """A job from a function of all bars whose row t is held during bar t."""
    panel = bars if isinstance(bars, Bars) else read_bars(bars)[0]
    return Job(panel, Rule(function, name))
