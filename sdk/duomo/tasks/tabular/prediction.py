"""Labels and numbers for rows of tables."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import TableRow
from duomo.tasks.base import Options, Task
from duomo.tasks.results import Classification, Number


class TabularClassificationOptions(Options):
    """Options of tabular classification."""

    top_k: int | None = Field(None, ge=1, description="how many labels to give, best first; all when left out")


class TabularClassification(Task[TableRow, TabularClassificationOptions, Classification]):
    """A label for a row of a table."""

    name = "tabular-classification"


class TabularRegressionOptions(Options):
    """Options of tabular regression: none."""


class TabularRegression(Task[TableRow, TabularRegressionOptions, Number]):
    """A number for a row of a table."""

    name = "tabular-regression"
