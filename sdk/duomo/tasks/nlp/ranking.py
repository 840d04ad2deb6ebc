"""Texts in the order in which they answer a query."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Candidates
from duomo.tasks.base import LongPolicy, Options, Task
from duomo.tasks.options import LONG
from duomo.tasks.results import SearchResult


class TextRankingOptions(Options):
    """Options of text ranking."""

    top_k: int | None = Field(None, ge=1, description="how many texts to give, best first; all when left out")
    long: LongPolicy = Field("error", description=LONG)


class TextRanking(Task[Candidates, TextRankingOptions, SearchResult]):
    """Texts in the order in which they answer a query."""

    name = "text-ranking"
