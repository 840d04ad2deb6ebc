"""How a series goes on, and what in it does not fit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from duomo.inputs import Series
from duomo.tasks.base import ListOf, Options, Result, Task

SEASON = "steps after which the series repeats itself, 12 for months of a year; 1: it does not"


class Quantile(Result):
    """Below these values the series is expected to be with this probability."""

    level: float
    values: list[float]


class Forecast(Result):
    """The steps that follow a series."""

    mean: list[float]
    quantiles: list[Quantile]
    """By rising level; none where the model knows none."""


class TimeSeriesForecastingOptions(Options):
    """Options of time-series forecasting."""

    horizon: int = Field(12, ge=1, le=10_000, description="how many steps ahead")
    season: int = Field(1, ge=1, description=SEASON)
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.1, 0.9), description="the quantiles to give, in (0, 1)"
    )


class TimeSeriesForecasting(Task[Series, TimeSeriesForecastingOptions, Forecast]):
    """How a series goes on."""

    name = "time-series-forecasting"


class Anomaly(Result):
    """A value that does not fit in."""

    index: int
    value: float
    expected: float
    score: float
    """Its distance from what is expected, in robust standard deviations."""


class Anomalies(ListOf[Anomaly]):
    """Values that do not fit in, in order, and the score of every value."""

    anomalies: list[Anomaly]
    scores: list[float]


class TimeSeriesAnomalyDetectionOptions(Options):
    """Options of time-series anomaly detection."""

    threshold: float = Field(5.0, gt=0, description="a value with a score above this does not fit in")
    season: int = Field(1, ge=1, description=SEASON)


class TimeSeriesAnomalyDetection(Task[Series, TimeSeriesAnomalyDetectionOptions, Anomalies]):
    """The values of a series that do not fit in."""

    name = "time-series-anomaly-detection"
