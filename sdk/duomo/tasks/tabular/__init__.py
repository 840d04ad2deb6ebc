"""Tasks on rows of tables and series of numbers."""

from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.tasks.table import row

if TYPE_CHECKING:
    from duomo.tasks.results import (
        Classification as Classification,
        Number as Number,
    )
    from duomo.tasks.tabular.prediction import *
    from duomo.tasks.tabular.series import *

TASKS = (
    row(
        "tabular-classification",
        "tabular.prediction",
        "a label for a row of a table",
        item='{"age": 41, "city": "Oslo"}',
    ),
    row(
        "tabular-regression", "tabular.prediction", "a number for a row of a table", item='{"rooms": 3, "city": "Oslo"}'
    ),
    row(
        "time-series-forecasting",
        "tabular.series",
        "how a series goes on",
        arguments="-p horizon=3",
        item='{"values": [112, 118, 132, 129, 121, 135, 148, 148]}',
    ),
    row(
        "time-series-anomaly-detection",
        "tabular.series",
        "the values of a series that do not fit in",
        arguments="",
        item='{"values": [5, 5, 6, 5, 50, 6, 5, 5, 6, 5]}',
    ),
)

face(
    __name__,
    {
        "duomo.tasks.tabular.prediction": "TabularClassification TabularClassificationOptions TabularRegression"
        " TabularRegressionOptions",
        "duomo.tasks.tabular.series": "Anomalies Anomaly Forecast Quantile TimeSeriesAnomalyDetection"
        " TimeSeriesAnomalyDetectionOptions TimeSeriesForecasting TimeSeriesForecastingOptions",
        "duomo.tasks.results": "Classification Number",
    },
)
