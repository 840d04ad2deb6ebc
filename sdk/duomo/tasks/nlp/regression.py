"""Numbers for texts."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Text
from duomo.tasks.base import LongPolicy, Options, Task
from duomo.tasks.options import LONG
from duomo.tasks.results import Number


class TextRegressionOptions(Options):
    """Options of text regression."""

    long: LongPolicy = Field("error", description=LONG)


class TextRegression(Task[Text, TextRegressionOptions, Number]):
    """A number for a text: a grade, a price, a length of stay."""

    name = "text-regression"
