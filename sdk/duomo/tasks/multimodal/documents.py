"""Questions about pages, and what kind of document they are."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Image, PageQuestion
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.nlp.extraction import QuestionAnsweringOptions
from duomo.tasks.options import CUT, LongOrCut
from duomo.tasks.results import Classification


class PageAnswer(Result):
    """An answer, and where on the page its lines are; a model that reads no print does not say where."""

    text: str
    score: float
    start: int | None
    """In characters of the text of the page, as `end`; None where no text was read."""
    end: int | None
    corners: list[list[tuple[float, float]]]
    """Four corners of each line that the answer touches: (x, y) in pixels, clockwise from the top left."""


class PageAnswers(Result):
    """Answers, the surest first; none where the page has none."""

    answers: list[PageAnswer]

    @property
    def top(self) -> PageAnswer | None:
        """The surest answer, or None."""
        return self.answers[0] if self.answers else None


class DocumentQuestionAnswering(Task[PageQuestion, QuestionAnsweringOptions, PageAnswers]):
    """What a page says to a question, and where."""

    name = "document-question-answering"


class DocumentClassificationOptions(Options):
    """Options of document classification."""

    top_k: int = Field(5, ge=1, description="how many labels to give, best first")
    long: LongOrCut = Field("truncate", description=CUT)


class DocumentClassification(Task[Image, DocumentClassificationOptions, Classification]):
    """What kind of document a page is: a letter, an invoice, a form."""

    name = "document-classification"
