"""Which values of a series do not fit in: those far from a robust trend and season.

season     STL with robust weights (Cleveland et al. 1990), by statsmodels
no season  the running median of the values around each (Hampel's filter), or a straight line through them (Siegel's
           repeated medians), whichever fits them better; a line through those on one side where it fits far better
growth     where a series grows and its roughness with it, all of this of roots or logarithms, whichever is evener
score      distance from it over a standard deviation that is read off the inner distances, and without a season off
           second differences, too
"""

from __future__ import annotations

import math

import numpy as np
from statsmodels.tsa.seasonal import STL

from duomo.model import Features
from duomo.tasks.tabular import Anomalies, Anomaly, TimeSeriesAnomalyDetectionOptions
from duomo_tabular.series.single import Single

AROUND = 5
"""Values on each side of the running median."""
ONE_SIDED = 0.5
"""How much nearer to its values a line through one side must be, to be taken at a step or a bend."""
GROWN = 3.0
"""How many times its own level a series must have been, to be one that grows."""
UNEVEN = 2.0
"""How many times as large distances must be in the half of higher levels, to be taken of the logarithms."""
EVEN = 1e-12
"""Share of the middle value below which a distance is rounding: the largest may stand for no value, as 3e38 does."""
TINY = 1e-300
"""What a distance of 1 is divided by at the least: by less, it is not a number any more."""
EXACT = 0.7
"""Share of values that are those of their place in the season to the digit, from which the season is that."""
SHARES = ((0.5, 1.4826), (0.9, 0.6080))
"""What turns the distance below which this share of values lies into a standard deviation, under a normal law. The
larger of both counts: STL's weights draw most distances near to 0, and up to a tenth of the values may be far off."""


class Residuals(Single[Anomalies]):
    """Nothing is learned: each series by itself."""

    least, seasons, purpose = 8, 3, "to tell what fits in"

    def forward(self, batch: list[Features]) -> list[tuple[np.ndarray, np.ndarray]]:
        """What is expected at each step, and the score of the value."""
        return [usual_and_scores(each["values"], each["options"].season) for each in batch]

    def postprocess(
        self,
        output: list[tuple[np.ndarray, np.ndarray]],
        features: list[Features],
        options: TimeSeriesAnomalyDetectionOptions,
    ) -> list[Anomalies]:
        results = []
        for (usual, found), each in zip(output, features, strict=True):
            values, scores = each["values"], found.tolist()
            anomalies = [
                Anomaly.model_construct(index=at, value=float(values[at]), expected=float(usual[at]), score=score)
                for at, score in enumerate(scores)
                if score > options.threshold
            ]
            results.append(Anomalies.model_construct(anomalies=anomalies, scores=scores))
        return results


def usual_and_scores(values: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray]:
    """What is expected of (n,) values, and their distances from it in robust standard deviations.

    Distances are those of roots or logarithms where a series grows, and its roughness with it.
    """
    peak = float(np.abs(values).max()) or 1.0  # squares of numbers such as 1e300 are not numbers
    scaled = values / peak
    usual, scores, best = _judged(scaled, season, np.abs(scaled))
    sign = 1.0 if scaled.min() >= 0 else -1.0 if scaled.max() <= 0 else 0.0
    if sign and len(values) >= 4 * AROUND and best > UNEVEN and _has_grown(np.abs(usual)):
        sizes = np.abs(scaled)
        least = float(sizes[sizes > 0].min()) if (sizes == 0).any() else 0.0  # counts that begin with nothing
        for change, back in ((np.sqrt, np.square), (np.log, np.exp)):
            wanted, found, uneven = _judged(change(sizes + least), season, sizes)
            if max(uneven, 1 / uneven) < best:
                best, usual, scores = max(uneven, 1 / uneven), sign * (back(wanted) - least), found
    return usual * peak, scores


def _judged(values: np.ndarray, season: int, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """What is expected, the scores, and how many times as rough the values are in the half of higher levels."""
    usual = expected(values, season)
    distances = np.abs(values - usual)
    rounding = max(EVEN * (float(np.median(np.abs(values))) or 1.0), TINY)
    if season > 1:
        return usual, scores_of(distances, 0.0, rounding), _unevenness(distances, levels)
    # Where values go up or down each is the median of those around it, and its distance says nothing of the noise.
    bends = np.abs(np.diff(values, 2)) / math.sqrt(6)
    floor = SHARES[0][1] * float(np.quantile(bends, SHARES[0][0], method="lower"))
    return usual, scores_of(distances, floor, rounding), _unevenness(bends, levels[1:-1])


def _has_grown(levels: np.ndarray) -> bool:
    low, high = np.quantile(levels, (0.1, 0.9))
    return bool(high > GROWN * low)


def _unevenness(sizes: np.ndarray, levels: np.ndarray) -> float:
    """How many times as large sizes are where levels are high as where they are low; 1 where all levels are alike."""
    is_high = levels > np.median(levels)
    if not is_high.any():
        return 1.0
    low, high = (float(np.quantile(sizes[part], 0.75)) for part in (~is_high, is_high))
    return max(high, EVEN) / max(low, EVEN)


def expected(values: np.ndarray, season: int) -> np.ndarray:
    """Trend and season of (n,) values that single ones hardly move."""
    if season > 1:
        # Of a series that goes on to the digit STL finds no spread to weigh by, and follows what is far off.
        lines = _lines_of_places(values, season)
        if np.mean(np.abs(values - lines) <= EVEN * np.abs(values).max()) > EXACT:
            return lines
        found = STL(values, period=season, robust=True).fit()
        smooth: np.ndarray = np.asarray(found.trend) + np.asarray(found.seasonal)
        return smooth
    padded = np.pad(values, AROUND, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1)
    usual: np.ndarray = np.median(around, axis=1)
    fit = np.median(np.abs(around - usual[:, None]), axis=1)
    lines, fits = _lines(values)
    steps, last = np.arange(len(values)), len(lines) - 1
    middle = np.clip(steps - AROUND, 0, last)
    is_better = fits[middle] < fit
    usual = np.where(is_better, lines[middle, steps - middle], usual)
    fit = np.where(is_better, fits[middle], fit)
    for first in (steps - 2 * AROUND, steps):
        window = np.clip(first, 0, last)
        line = lines[window, steps - window]
        is_nearer = (fits[window] < ONE_SIDED * fit) & (np.abs(values - line) < np.abs(values - usual))
        usual = np.where(is_nearer, line, usual)
    return usual


def _lines_of_places(values: np.ndarray, season: int) -> np.ndarray:
    """A straight line for each place in the season, through most of its values."""
    usual = np.empty(len(values))
    for at in range(season):
        place = values[at::season]
        slope = np.median(np.diff(place))
        steps = np.arange(len(place))
        usual[at::season] = np.median(place - slope * steps) + slope * steps
    return usual


def _lines(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Siegel's line through each window of values, (windows, values of one), and its median distance from them."""
    width = min(2 * AROUND + 1, len(values))
    around = np.lib.stride_tricks.sliding_window_view(values, width)
    steps = np.arange(width)
    slope = np.median(
        [np.median(np.delete(around - around[:, [i]], i, 1) / np.delete(steps - i, i), axis=1) for i in steps], axis=0
    )
    lines: np.ndarray = slope[:, None] * steps
    lines += np.median(around - lines, axis=1)[:, None]
    return lines, np.median(np.abs(around - lines), axis=1)


def scores_of(sizes: np.ndarray, floor: float, rounding: float) -> np.ndarray:
    """Distances in robust standard deviations, at least `floor`; where nearly all are 0, their mean size stands in."""
    scale = max(floor, *(factor * float(np.quantile(sizes, share, method="lower")) for share, factor in SHARES))
    scale = max(scale if scale > rounding else float(sizes.mean()), rounding)
    return sizes / scale
