"""Which values of a series do not fit in: those far from a robust trend and season.

season     STL with robust weights (Cleveland et al. 1990), by statsmodels
no season  the running median of the values around each (Hampel's filter)
score      distance from it over a standard deviation that is read off the inner distances
"""

from __future__ import annotations

import numpy as np
from statsmodels.tsa.seasonal import STL

from duomo.model import Features
from duomo.tasks.tabular import Anomalies, Anomaly, TimeSeriesAnomalyDetectionOptions
from duomo_tabular.series.single import Single

AROUND = 5
"""Values on each side of the running median."""
EXACT = 0.7
"""Share of values that are those of their place in the season to the digit, from which the season is that."""
SHARES = ((0.5, 1.4826), (0.9, 0.6080))
"""What turns the distance below which this share of values lies into a standard deviation, under a normal law. The
larger of both counts: STL's weights draw most distances near to 0, and up to a tenth of the values may be far off."""


class Residuals(Single[Anomalies]):
    """Nothing is learned: each series by itself."""

    least, seasons, purpose = 8, 3, "to tell what fits in"

    def forward(self, batch: list[Features]) -> list[np.ndarray]:
        """What is expected at each step."""
        return [expected(each["values"], each["options"].season) for each in batch]

    def postprocess(
        self, output: list[np.ndarray], features: list[Features], options: TimeSeriesAnomalyDetectionOptions
    ) -> list[Anomalies]:
        results = []
        for usual, each in zip(output, features, strict=True):
            values = each["values"]
            scores = scores_of(values - usual).tolist()
            anomalies = [
                Anomaly.model_construct(index=at, value=float(values[at]), expected=float(usual[at]), score=score)
                for at, score in enumerate(scores)
                if score > options.threshold
            ]
            results.append(Anomalies.model_construct(anomalies=anomalies, scores=scores))
        return results


def expected(values: np.ndarray, season: int) -> np.ndarray:
    """Trend and season of (n,) values that single ones hardly move."""
    if season > 1:
        # Of a series that repeats itself to the digit STL finds no spread to weigh by, and follows what is far off.
        usual = np.array([np.median(values[at % season :: season]) for at in range(season)])[
            np.arange(len(values)) % season
        ]
        if np.mean(values == usual) > EXACT:
            return usual
        found = STL(values, period=season, robust=True).fit()
        smooth: np.ndarray = np.asarray(found.trend) + np.asarray(found.seasonal)
        return smooth
    padded = np.pad(values, AROUND, mode="reflect")
    middle: np.ndarray = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1), axis=1)
    return middle


def scores_of(distances: np.ndarray) -> np.ndarray:
    """Distances in robust standard deviations; where nearly all are 0, their mean size stands in."""
    sizes = np.abs(distances)
    scale = max(factor * float(np.quantile(sizes, share)) for share, factor in SHARES) or float(sizes.mean())
    scores: np.ndarray = sizes / scale if scale else np.zeros_like(sizes)
    return scores
