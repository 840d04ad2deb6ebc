"""Weights of evidence: a column cut into a few bins, each with the log odds that it lends to being good."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from duomo.adapters import expit, fit_logistic, pool_adjacent

Vector = NDArray[np.float64]

NUM_QUANTILES = 25
"""Cuts that are tried, of all values and again of the events. Bins that hardly differ are joined afterwards."""
MIN_EVENTS_TO_CUT = 10
MIN_SHARE_OF_NUMBER = 0.005
"""A smaller bin of a number is merged with its neighbour; the curve through all of them keeps small ones from noise."""
MIN_ROWS_OF_NUMBER = 10
MIN_SHARE = 0.03
"""A level that is rarer is merged with the other rare ones."""
PRIOR_EVENTS = 12.0
"""Events that the curve through a number counts for in each bin.

With it a plain logistic regression is ahead by at most .006 of AUC where it is the truth (4,000 rows, 1 to 30 %
defaults; by .004 to .029 without), and behind on credit_data, german, HMDA and lending_club.
"""
ALIKE = 0.05
"""Difference of log odds below which neighbouring bins are one."""
TAIL = 0.005
"""Share of values at either end that the curve takes as the value before them."""
PRIOR_ROWS = 10.0
"""A level, and what is missing, is drawn towards the overall rate as if it had this many more average rows."""
MISSING = "missing"
OTHER = "other"


class Bin(pydantic.BaseModel):
    """One bin: ``low < value <= high``, or these levels, or nothing given."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    woe: float
    """ln(share of all goods / share of all bads): above zero is better than average."""
    rows: int
    events: int
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()

    def describe(self) -> str:
        """The bin in a few words, such as ``12 to 18``."""
        if self.levels:
            return ", ".join(self.levels)
        if self.low is None and self.high is None:
            return "any value"
        if self.low is None:
            return f"up to {self.high:g}"
        return f"above {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"


class Bins(pydantic.BaseModel):
    """The bins of one column, in order; the last is for what is missing, or is unknown."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    numeric: bool
    bins: tuple[Bin, ...]
    rising: bool = False
    """For a number: whether a larger value is the better one."""

    @functools.cached_property
    def woe(self) -> Vector:
        """Weights of evidence, (bins,)."""
        return np.array([each.woe for each in self.bins])

    @functools.cached_property
    def _cuts(self) -> Vector:
        """For a number: the upper bound of each bin but the last."""
        return np.array([each.high for each in self.bins[:-2]], dtype=np.float64)

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        """For a category: the bin of each level."""
        return {level: i for i, each in enumerate(self.bins[:-1]) for level in each.levels}

    def index(self, values: Sequence[Any]) -> NDArray[np.intp]:
        """In which bin each value falls, (values,)."""
        last = len(self.bins) - 1
        if self.numeric:
            x = np.asarray(values, dtype=np.float64)
            return np.where(np.isnan(x), last, np.searchsorted(self._cuts, x, side="left"))
        other = self._places.get(OTHER, last)
        return np.array([last if value is None else self._places.get(value, other) for value in values], dtype=np.intp)

    def knows(self, level: str) -> bool:
        """Whether a level was seen when the bins were made."""
        return any(level in each.levels for each in self.bins)

    def transform(self, values: Sequence[Any]) -> Vector:
        """Weight of evidence of each value, (values,)."""
        return np.asarray(self.woe[self.index(values)])


def bin_number(values: Vector, events: Vector) -> Bins:
    """Cut a number into bins whose rate of events only rises, or only falls.

    It is cut at quantiles of all values and at those of the events, which may all lie in one tail. Each bin's rate is
    drawn towards a smooth curve through all of them, a logistic one, as if the curve had seen `PRIOR_EVENTS` events
    there: with many events the bins say what they hold, with few the curve decides. What is then out of order is pooled
    (the least-squares monotone fit, in the direction that fits better), so a scorecard never says that a little more
    income is worse and much more is better.
    """
    given = ~np.isnan(values)
    x, y = values[given], events[given]
    rate, total = float(events.mean()), float(events.sum())
    missing = _bin(rate, total, len(events), float(events[~given].sum()), int((~given).sum()))
    if not len(x):
        return Bins(numeric=True, bins=(_bin(rate, total, len(events), 0.0, 0), missing))
    cuts = _cuts(x, y)
    where = np.searchsorted(cuts, x, side="left")
    curve = _curve(x, y)
    counted: list[Vector] = [
        np.bincount(where, weights=each, minlength=len(cuts) + 1).astype(np.float64)
        for each in (np.ones(len(x)), y, curve)
    ]
    least = max(MIN_SHARE_OF_NUMBER * len(values), MIN_ROWS_OF_NUMBER)
    groups = _merge_small([(at, at + 1) for at in range(len(counted[0]))], counted[0], least)
    rows, bad, guess = (np.add.reduceat(each, [start for start, _ in groups]) for each in counted)
    prior = PRIOR_EVENTS / max(rate, 1 / len(events))
    weight: Vector = rows + prior
    drawn: Vector = bad + prior * guess / np.maximum(rows, 1.0)
    up, down = _pool(weight, drawn, 1.0), _pool(weight, drawn, -1.0)
    pools = up if _likelihood(up, weight, drawn) > _likelihood(down, weight, drawn) else down
    pools = _merge_alike(pools, weight, drawn)
    bins = []
    for start, end in pools:
        low, high = groups[start][0], groups[end - 1][1]
        share = float(drawn[start:end].sum() / weight[start:end].sum())
        bins.append(
            Bin(
                woe=float(np.log((1 - share) / share) - np.log((1 - rate) / rate)),
                rows=int(rows[start:end].sum()),
                events=int(bad[start:end].sum()),
                low=float(cuts[low - 1]) if low else None,
                high=float(cuts[high - 1]) if high <= len(cuts) else None,
            )
        )
    return Bins(numeric=True, bins=(*bins, missing), rising=bins[-1].woe > bins[0].woe)


def bin_category(values: Sequence[str | None], events: Vector) -> Bins:
    """One bin a level, with the rare ones together in `OTHER`, which later also takes levels never seen."""
    rate, total = float(events.mean()), events.sum()
    members: dict[str | None, list[int]] = {}
    for i, value in enumerate(values):
        members.setdefault(value, []).append(i)
    missing = members.pop(None, [])
    common = {level: at for level, at in members.items() if level and len(at) >= MIN_SHARE * len(values)}
    rare = [level for level in members if level and level not in common]
    bins = [
        _bin(rate, total, len(events), events[at].sum(), len(at)).model_copy(update={"levels": (str(level),)})
        for level, at in common.items()
    ]
    if rare:
        at = [i for level in rare for i in members[level]]
        made = _bin(rate, total, len(events), events[at].sum(), len(at))
        bins.append(made.model_copy(update={"levels": (OTHER, *sorted(map(str, rare)))}))
    bins.sort(key=lambda each: each.woe)
    lacking = _bin(rate, total, len(events), float(events[missing].sum()), len(missing))
    return Bins(numeric=False, bins=(*bins, lacking))


def _bin(rate: float, all_events: float, all_rows: int, events: float, rows: int) -> Bin:
    smooth = (events + PRIOR_ROWS * rate) / (rows + PRIOR_ROWS)
    overall = np.log((all_rows - all_events) / all_events)
    return Bin(woe=float(np.log((1 - smooth) / smooth) - overall), rows=rows, events=int(events))


def _cuts(x: Vector, y: Vector) -> Vector:
    inner = np.linspace(0, 1, NUM_QUANTILES + 1)[1:-1]
    cuts = np.quantile(x, inner)
    bad = x[y == 1]
    if len(bad) >= MIN_EVENTS_TO_CUT:
        # Values that are there: between two of them nothing is known of where the rate changes.
        cuts = np.concatenate([cuts, np.quantile(bad, inner, method="nearest")])
    return np.unique(cuts)


def _curve(x: Vector, y: Vector) -> Vector:
    """The rate of events at each value by a logistic curve, on the value or on its rank, whichever fits better."""
    best, likeliest = np.full(len(x), y.mean()), -np.inf
    order, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - counts / 2)[place] / len(x)
    for each in (np.clip(x, *np.quantile(x, (TAIL, 1 - TAIL))), np.log(rank / (1 - rank))):
        spread = float(each.std())
        if len(order) < 2 or not spread or not 0 < y.mean() < 1:
            continue
        design = np.column_stack([(each - each.mean()) / spread, np.ones(len(x))])
        rates = expit(fit_logistic(design, y, [1.0, 0.0]).log_odds(design))
        found = float(np.sum(y * np.log(rates) + (1 - y) * np.log1p(-rates)))
        if found > likeliest:
            best, likeliest = rates, found
    return best


def _pool(rows: Vector, bad: Vector, direction: float) -> list[tuple[int, int]]:
    """Half-open ranges of bins whose rates, times `direction`, rise."""
    rates = pool_adjacent(direction * bad / np.maximum(rows, 1.0), np.maximum(rows, 1e-9))
    edges = [0, *(np.flatnonzero(np.diff(rates)) + 1).tolist(), len(rates)]
    return list(itertools.pairwise(edges))


def _likelihood(groups: list[tuple[int, int]], rows: Vector, bad: Vector) -> float:
    total = 0.0
    for first, last in groups:
        n, b = rows[first:last].sum(), bad[first:last].sum()
        p = min(max(b / n if n else 0.5, 1e-9), 1 - 1e-9)
        total += float(b * np.log(p) + (n - b) * np.log1p(-p))
    return total


def _merge_alike(groups: list[tuple[int, int]], rows: Vector, bad: Vector) -> list[tuple[int, int]]:
    """Join neighbours whose log odds hardly differ: a bin more would be a line more to read and nothing else."""

    def log_odds(group: tuple[int, int]) -> float:
        share = bad[slice(*group)].sum() / rows[slice(*group)].sum()
        return float(np.log(share / (1 - share)))

    while len(groups) > 1:
        odds = [log_odds(each) for each in groups]
        gaps = [abs(after - before) for before, after in itertools.pairwise(odds)]
        at = int(np.argmin(gaps))
        if gaps[at] >= ALIKE:
            break
        groups = [*groups[:at], (groups[at][0], groups[at + 1][1]), *groups[at + 2 :]]
    return groups


def _merge_small(groups: list[tuple[int, int]], rows: Vector, least: float) -> list[tuple[int, int]]:
    """Join each group that is too small to the smaller of its neighbours; rates stay in order."""
    sizes = [float(rows[first:last].sum()) for first, last in groups]
    while len(groups) > 1 and min(sizes) < least:
        i = int(np.argmin(sizes))
        j = i - 1 if i == len(groups) - 1 or (i > 0 and sizes[i - 1] <= sizes[i + 1]) else i
        groups = [*groups[:j], (groups[j][0], groups[j + 1][1]), *groups[j + 2 :]]
        sizes = [*sizes[:j], sizes[j] + sizes[j + 1], *sizes[j + 2 :]]
    return groups
