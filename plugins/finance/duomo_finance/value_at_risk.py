"""Value at risk that is fitted again as time goes on, and the tests of whether it held."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from duomo.errors import BadInput, RequirementMissing
from duomo.tasks.base import Result

Vector = NDArray[np.float64]
Forecast = Callable[[Vector, int, float], Vector]
"""All returns, the first bar to forecast, and the level, to the forecast of each bar from there on: a return that
is undercut with that probability. The forecast of bar t may use returns before t only."""
DECAY = 0.94
"""RiskMetrics' decay of daily variance."""


class VarTest(Result):
    """How often a forecast was breached, and whether that is chance."""

    method: str
    level: float
    n: int
    breaches: int
    rate: float
    kupiec_p: float
    """Chance of this many breaches or a rarer number (Kupiec 1995)."""
    independence_p: float
    """That a breach does not call the next one (Christoffersen 1998)."""
    conditional_p: float
    """Chance of both together."""

    @property
    def passed(self) -> bool:
        """Whether Kupiec's test does not reject at 5 %."""
        return self.kupiec_p > 0.05


def historical(returns: Vector, start: int, level: float, window: int = 250) -> Vector:
    """The quantile of the last `window` returns: slow to see that times have changed."""
    return np.array([np.quantile(returns[max(0, t - window) : t], level) for t in range(start, len(returns))])


def filtered_historical(returns: Vector, start: int, level: float, window: int = 1000) -> Vector:
    """Quantiles of past returns, each divided by its day's volatility, times the next day's (Hull and White 1998).

    Volatility is exponentially weighted with `DECAY`, so nothing has to be fitted and nothing but numpy is needed.
    """
    variance = np.empty(len(returns) + 1)
    variance[0] = returns[: min(50, start)].var()
    for t, each in enumerate(returns):
        variance[t + 1] = DECAY * variance[t] + (1 - DECAY) * each**2
    scaled = returns / np.sqrt(np.maximum(variance[:-1], 1e-18))
    return np.array(
        [
            math.sqrt(variance[t]) * np.quantile(scaled[max(0, t - window) : t], level)
            for t in range(start, len(returns))
        ]
    )


def garch(
    *, asymmetric: bool = True, dist: Literal["normal", "t", "skewt"] = "skewt", refit_every: int | None = 60
) -> Forecast:
    """A GARCH(1,1) forecast by the library arch, fitted again every few bars.

    Args:
        asymmetric: Losses raise volatility more than gains (GJR). On S&P 500 2008-2018 this and the skewed
            t-distribution are what makes the 1 % VaR hold; a symmetric GARCH-t fails however often it is fitted.
        dist: ``normal``, ``t`` or ``skewt``.
        refit_every: Bars between two fits; None fits once, before the first forecast, which does not last.
    """

    def forecast(returns: Vector, start: int, level: float) -> Vector:
        try:
            from arch import arch_model  # the extra: imports pandas and statsmodels
        except ImportError:
            raise RequirementMissing("GARCH forecasts are made by arch", why="it is not installed",
                                     fix="pip install 'duomo-finance[var]'") from None  # fmt: skip
        percent, out, step = returns * 100, [], refit_every or len(returns)
        for begin in range(start, len(returns), step):
            end = min(begin + step, len(returns))
            model = arch_model(percent[:end], mean="Constant", vol="GARCH", o=int(asymmetric), dist=dist)
            fitted = model.fit(disp="off", last_obs=begin, show_warning=False)
            ahead = fitted.forecast(horizon=1, start=begin - 1, reindex=False)
            shape = [fitted.params[name] for name in model.distribution.parameter_names()]
            quantile = float(np.ravel(model.distribution.ppf(level, np.array(shape)))[0])
            mean, variance = np.ravel(ahead.mean), np.ravel(ahead.variance)
            out.append((mean + np.sqrt(variance) * quantile)[: end - begin])
        return np.concatenate(out) / 100

    return forecast


METHODS: dict[str, Forecast] = {
    "historical": historical,
    "filtered-historical": filtered_historical,
    "gjr-garch-skewt": garch(),
    "garch-t": garch(asymmetric=False, dist="t"),
    "garch-t-frozen": garch(asymmetric=False, dist="t", refit_every=None),
}
"""By name; the last two are here to be compared with, not to be used."""


def backtest_var(
    returns: ArrayLike, start: int, *, level: float = 0.01, method: str = "filtered-historical"
) -> VarTest:
    """Forecast each return from bar `start` on out of those before it, and test the breaches.

    Args:
        returns: Of one asset or portfolio, (bars,).
        start: First bar to forecast.
        level: Probability of a breach.
        method: One of `METHODS`.
    """
    values = np.asarray(returns, dtype=np.float64)
    if method not in METHODS:
        raise BadInput(f"no VaR method '{method}'", why="it is not known", fix=f"one of {', '.join(METHODS)}")
    if start < 100 or len(values) - start < 100 or not np.isfinite(values).all():
        raise BadInput(
            f"{start} returns before the first forecast and {max(len(values) - start, 0)} after it",
            why="a quantile of fewer than 100 returns, or a test on fewer than 100, says nothing; none may be missing",
            fix="a longer history without gaps",
        )
    return var_test(values[start:] < METHODS[method](values, start, level), level, method)


def var_test(breached: ArrayLike, level: float, method: str = "given") -> VarTest:
    """Kupiec's and Christoffersen's likelihood-ratio tests of a series of breaches, (bars,) of bool."""
    hits = np.asarray(breached, dtype=bool)
    n, x = len(hits), int(hits.sum())
    coverage = -2 * (_likelihood(level, n - x, x) - _likelihood(x / n, n - x, x))
    pairs = [[int(((hits[:-1] == a) & (hits[1:] == b)).sum()) for b in (False, True)] for a in (False, True)]
    (n00, n01), (n10, n11) = pairs
    free = _likelihood(n01 / max(n00 + n01, 1), n00, n01) + _likelihood(n11 / max(n10 + n11, 1), n10, n11)
    tied = _likelihood((n01 + n11) / max(n - 1, 1), n00 + n10, n01 + n11)
    independence = max(-2 * (tied - free), 0.0)
    return VarTest(
        method=method,
        level=level,
        n=n,
        breaches=x,
        rate=x / n,
        kupiec_p=math.erfc(math.sqrt(max(coverage, 0.0) / 2)),
        independence_p=math.erfc(math.sqrt(independence / 2)),
        conditional_p=math.exp(-(max(coverage, 0.0) + independence) / 2),
    )


def _likelihood(p: float, misses: int, hits: int) -> float:
    """Log likelihood of this many misses and hits, with 0 log 0 = 0."""
    return (misses * math.log1p(-p) if misses and p < 1 else 0.0) + (hits * math.log(p) if hits and p > 0 else 0.0)
