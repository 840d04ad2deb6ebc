"""Questions about pages."""

from __future__ import annotations

from duomo.inputs import PageQuestion
from duomo.tasks.base import Result, Task
from duomo.tasks.nlp.extraction import Answer, QuestionAnsweringOptions


class PageAnswer(Answer):
    """An answer, and where on the page its lines are; `start` and `end` count in the text of the page."""

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
    Input = PageQuestion
    Options = QuestionAnsweringOptions
    Result = PageAnswers
