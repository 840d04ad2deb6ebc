"""Questions about pages, what kind of document they are, and the fields of forms."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from duomo.inputs import Image, PageQuestion
from duomo.tasks.base import ListOf, Options, Result, Task
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


class PageAnswers(ListOf[PageAnswer]):
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

    top_k: int | None = Field(5, ge=1, description="how many labels to give, best first; None for all")
    long: LongOrCut = Field("truncate", description=CUT)


class DocumentClassification(Task[Image, DocumentClassificationOptions, Classification]):
    """What kind of document a page is: a letter, an invoice, a form."""

    name = "document-classification"


class DocumentParsingOptions(Options):
    """Options of document parsing."""

    prompt: str | None = Field(
        None,
        description="the mark that says what is to be read, such as <s_cord-v2>; the checkpoint's own when left out",
    )
    max_new_tokens: int | None = Field(
        None, ge=1, description="tokens that may be written; as many as the model has room for when left out"
    )


Tree = dict[str, Any] | list[Any] | str
"""Names with what stands there, lists of what comes more than once, and texts."""


class PageField(Result):
    """What stands in one field of a page."""

    path: list[str]
    """Names of the field and of what it is part of, outermost first; ``0``, ``1`` … count what comes more than once."""
    text: str


class ParsedPage(ListOf[PageField]):
    """The fields of a page, in the order in which they were written."""

    fields: list[PageField]
    score: float
    """The probability of all that was written: the product over its tokens; of words that were tagged, the mean."""
    finish_reason: Literal["stop", "length"]
    """``length``: there was no end within the bound, and fields may be missing."""

    @property
    def tree(self) -> Tree:
        """The fields as dicts and lists that hold each other."""
        root: dict[str, Any] = {}
        for each in self.fields:
            node = root
            for name in each.path[:-1]:
                node = node.setdefault(name, {})
            node[each.path[-1]] = each.text
        return _lists(root)


def _lists(node: Tree) -> Tree:
    """Dicts whose keys count from 0 as lists."""
    if not isinstance(node, dict):
        return node
    if node and list(node) == [str(at) for at in range(len(node))]:
        return [_lists(each) for each in node.values()]
    return {name: _lists(each) for name, each in node.items()}


class DocumentParsing(Task[Image, DocumentParsingOptions, ParsedPage]):
    """The fields of a receipt, an invoice or a form."""

    name = "document-parsing"
