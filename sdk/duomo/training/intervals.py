"""A score and the interval of 95 % around it.

shares        Wilson's interval (Wilson 1927, "Probable inference")
macro F1      Poisson resamples of the counts (Chamandy et al. 2012, "Estimating uncertainty for massive data streams")
others        ratios of sums over rows, interval from the spread of the rows (delta method)

Where all rows are right, or all wrong, they have no spread, and shares have Wilson's interval instead. Of other numbers
one row alone has none: NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

Z95 = 1.96
RESAMPLES, CELLS = 1000, 20_000_000
"""Resamples of counts, and the most numbers that all of them may have together."""


class Interval(NamedTuple):
    """A score and the interval in which it lies with 95 % confidence, were other rows held out; NaN if not known."""

    value: float
    low: float
    high: float
    num_rows: int
    """Rows or tokens it is from."""

    @property
    def shown(self) -> str:
        """The score as a person reads it."""
        return f"{self.value:.4f}" if math.isfinite(self.value) else "not known"

    @property
    def bounds(self) -> str:
        """The interval as a person reads it."""
        known = math.isfinite(self.low) and math.isfinite(self.high)
        return f"{self.low:.4f} to {self.high:.4f}" if known else "interval not known"


def ratio(rows: Sequence[tuple[float, float]]) -> Interval:
    """A sum over another, with the interval of such a ratio over rows; not below 0 where no sum is."""
    count = sum(count for _, count in rows)
    if not count:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = sum(total for total, _ in rows) / count
    spread = math.sqrt(sum((total - mean * n) ** 2 for total, n in rows)) / count if len(rows) > 1 else math.nan
    least = 0.0 if all(total >= 0 for total, _ in rows) else -math.inf
    return Interval(mean, not_below(least, mean - Z95 * spread), mean + Z95 * spread, len(rows))


def share(rows: Sequence[tuple[float, float]]) -> Interval:
    """As `ratio`, of shares: Wilson's interval over the rows that count, where all of them are right or all wrong."""
    found = ratio(rows)
    counted = sum(count > 0 for _, count in rows)
    alike = found.value in (0.0, 1.0) and all(total == found.value * count for total, count in rows)
    return wilson(int(found.value) * counted, counted)._replace(num_rows=len(rows)) if alike else found


def not_below(least: float, number: float) -> float:
    """The larger of two numbers; NaN stays NaN."""
    return number if math.isnan(number) else max(least, number)


def wilson(right: int, total: int) -> Interval:
    """A share and Wilson's interval around it."""
    if not total:
        return Interval(math.nan, math.nan, math.nan, 0)
    share, z2 = right / total, Z95 * Z95
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), total)


def resampled(counts: Tensor, score: Callable[[Tensor], Tensor]) -> tuple[float, float]:
    """The interval of a score of counts (…), which is computed of many resamples (draws, …) at once."""
    import torch

    draws = max(20, min(RESAMPLES, CELLS // counts.numel()))
    found = score(torch.poisson(counts.expand(draws, *counts.shape), generator=torch.Generator().manual_seed(0)))
    low, high = found.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high
