"""Tasks on rows of tables."""

from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.tasks.table import row

if TYPE_CHECKING:
    from duomo.tasks.results import Classification as Classification, Number as Number
    from duomo.tasks.tabular.prediction import (
        TabularClassification as TabularClassification,
        TabularClassificationOptions as TabularClassificationOptions,
        TabularRegression as TabularRegression,
        TabularRegressionOptions as TabularRegressionOptions,
    )

TASKS = (
    row(
        "tabular-classification",
        "tabular.prediction:TabularClassification",
        "a label for a row of a table",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"age": 41, "city": "Oslo"}'""",
    ),
    row(
        "tabular-regression",
        "tabular.prediction:TabularRegression",
        "a number for a row of a table",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"rooms": 3, "city": "Oslo"}'""",
    ),
)

face(
    __name__,
    {
        "duomo.tasks.tabular.prediction": "TabularClassification TabularClassificationOptions TabularRegression"
        " TabularRegressionOptions",
        "duomo.tasks.results": "Classification Number",
    },
)
