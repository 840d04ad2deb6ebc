"""What a run was worth: return, risk, drawdown, and how likely its Sharpe ratio is luck."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from duomo_finance.engine import Run

Vector = NDArray[np.float64]
LEAST_YEARS = 0.25
"""The shortest run whose growth is told for a year."""
EULER = 0.5772156649015329
NORMAL = NormalDist()


def performance(run: Run, *, num_trials: int = 1) -> dict[str, float]:
    """The figures of a run; `num_trials` is how many strategies were tried before this one was shown.

    There is no ``cagr`` of a run shorter than `LEAST_YEARS`: as a power of 1 / years it says nothing.
    """
    returns = run.equity[1:] / run.equity[:-1] - 1
    per_year = bars_per_year(run.times)
    years = len(returns) / per_year
    sharpe = sharpe_ratio(returns)
    growth = float(run.equity[-1] / run.equity[0])
    return {
        "total_return": growth - 1,
        **({"cagr": growth ** (1 / years) - 1 if growth > 0 else -1.0} if years >= LEAST_YEARS else {}),
        "volatility": float(returns.std(ddof=1) * math.sqrt(per_year)),
        "sharpe": sharpe * math.sqrt(per_year),
        "probabilistic_sharpe": probabilistic_sharpe(returns),
        "deflated_sharpe": deflated_sharpe(returns, num_trials),
        "max_drawdown": max_drawdown(run.equity),
        "turnover_per_year": run.turnover,
        "costs": run.costs,
        "num_trades": float(len(run.trades)),
    }


def bars_per_year(times: Sequence[dt.datetime]) -> float:
    """How many bars a year has, from the bars themselves."""
    years = (times[-1] - times[0]).total_seconds() / (365.25 * 86400)
    return (len(times) - 1) / years if years > 0 else 252.0


def sharpe_ratio(returns: Vector) -> float:
    """Mean over deviation of one bar's return; not annualised."""
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    return float(returns.mean() / deviation) if deviation > 1e-15 else 0.0


def probabilistic_sharpe(returns: Vector, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio (of one bar) is above `benchmark`, given skew, tails and length.

    Bailey and López de Prado, The Sharpe ratio efficient frontier, Journal of Risk 15 (2012).
    """
    if len(returns) < 3 or returns.std() < 1e-15:
        return 0.5
    sharpe = sharpe_ratio(returns)
    z = (returns - returns.mean()) / returns.std()
    return chance_above(
        sharpe, benchmark, num_bars=len(returns), skew=float((z**3).mean()), kurtosis=float((z**4).mean())
    )


def deflated_sharpe(returns: Vector, num_trials: int) -> float:
    """Probability that the Sharpe ratio beats the best of `num_trials` strategies that are worth nothing.

    Bailey and López de Prado, The deflated Sharpe ratio, Journal of Portfolio Management 40 (2014). The spread of
    Sharpe ratios over trials is taken to be that of chance, 1 / sqrt(length).
    """
    if num_trials <= 1:
        return probabilistic_sharpe(returns)
    return probabilistic_sharpe(returns, best_of(num_trials, 1 / math.sqrt(max(len(returns) - 1, 1))))


def chance_above(sharpe: float, benchmark: float, *, num_bars: int, skew: float, kurtosis: float) -> float:
    """Probability that the true Sharpe ratio is above `benchmark`, given the estimated one; all of one bar."""
    variance = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    return NORMAL.cdf((sharpe - benchmark) * math.sqrt((num_bars - 1) / max(variance, 1e-12)))


def best_of(num_trials: int, spread: float) -> float:
    """Sharpe ratio to expect of the luckiest of strategies worth nothing, whose ratios have deviation `spread`."""
    low, high = NORMAL.inv_cdf(1 - 1 / num_trials), NORMAL.inv_cdf(1 - 1 / (num_trials * math.e))
    return spread * ((1 - EULER) * low + EULER * high)


def max_drawdown(equity: Vector) -> float:
    """The largest loss from a height to what followed, as a share."""
    return float((1 - equity / np.maximum.accumulate(equity)).max())
