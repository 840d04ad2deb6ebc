"""Stretches of a text: entities and answers."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Question, Text
from duomo.tasks.base import ListOf, LongPolicy, Options, Result, Task
from duomo.tasks.options import LONG


class Span(Result):
    """One stretch of the text; ``text[start:end]`` is what it covers."""

    label: str
    score: float
    text: str
    start: int
    end: int


class Entities(ListOf[Span]):
    """Spans in the order of the text."""

    spans: list[Span]


class TokenClassificationOptions(Options):
    """Options of token classification."""

    aggregate: bool = Field(True, description="join the tokens of one name (B-, I-) into one span")
    threshold: float = Field(0.0, ge=0, le=1, description="leave out spans less sure than this")
    long: LongPolicy = Field("window", description=LONG)


class TokenClassification(Task[Text, TokenClassificationOptions, Entities]):
    """Names and terms in a text."""

    name = "token-classification"


class Answer(Result):
    """One stretch of the context; ``context[start:end]`` is the answer."""

    text: str
    score: float
    start: int
    end: int


class Answers(ListOf[Answer]):
    """Answers, the surest first; none where the context has none."""

    answers: list[Answer]

    @property
    def top(self) -> Answer | None:
        """The surest answer, or None."""
        return self.answers[0] if self.answers else None


class QuestionAnsweringOptions(Options):
    """Options of question answering."""

    top_k: int = Field(1, ge=1, description="how many answers to give, surest first")
    max_answer_tokens: int = Field(30, ge=1, description="an answer is no longer than this many tokens")
    may_abstain: bool = Field(
        False, description="give only answers surer than that there is none; for models that were trained to tell"
    )
    long: LongPolicy = Field("window", description=LONG)


class QuestionAnswering(Task[Question, QuestionAnsweringOptions, Answers]):
    """The stretch of a text that answers a question."""

    name = "question-answering"
