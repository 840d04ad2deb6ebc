"""Questions about tables."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import TableQuestion
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.options import LongOrCut


class TableAnswer(Result):
    """The cells that answer a question."""

    answer: str
    """The cells, joined by commas; behind ``SUM > ``, ``AVERAGE > `` or ``COUNT > `` where that is to be taken."""
    cells: list[str]
    coordinates: list[tuple[int, int]]
    """Row and column of each cell, from 0; the header is not a row."""
    aggregator: str | None = None
    """What is to be done with the cells; nothing is computed here. None where the checkpoint knows none."""


class TableQuestionAnsweringOptions(Options):
    """Options of table question answering."""

    long: LongOrCut = Field(
        "error", description="for a table longer than the model reads: error, or truncate: its last rows are dropped"
    )


class TableQuestionAnswering(Task[TableQuestion, TableQuestionAnsweringOptions, TableAnswer]):
    """The cells of a table that answer a question."""

    name = "table-question-answering"
