"""Texts about images: captions and answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import Image, ImageQuestion
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.options import MOST_BEAMS


class Caption(Result):
    """What is to be seen, in words."""

    generated_text: str
    finish_reason: Literal["stop", "length"]
    """``stop``: the model ended; ``length``: it reached its bound."""
    num_new_tokens: int

    @property
    def text(self) -> str:
        """The same."""
        return self.generated_text


class ImageCaptioningOptions(Options):
    """Options of image captioning."""

    max_new_tokens: int | None = Field(
        None, ge=1, description="stop after this many tokens; the checkpoint's own bound when left out, else 64"
    )
    num_beams: int | None = Field(
        None, ge=1, le=MOST_BEAMS, description="beams of the search, 1 for greedy; the checkpoint's own when left out"
    )


class ImageCaptioning(Task[Image, ImageCaptioningOptions, Caption]):
    """What is to be seen in an image, in words."""

    name = "image-captioning"


class VisualAnswer(Result):
    """One answer, and how sure the model is, in [0, 1], of it alone."""

    answer: str
    score: float


class VisualAnswers(ListOf[VisualAnswer]):
    """Answers, the surest first."""

    answers: list[VisualAnswer]

    @property
    def top(self) -> VisualAnswer:
        """The surest answer."""
        return self.answers[0]


class VisualQuestionAnsweringOptions(Options):
    """Options of visual question answering."""

    top_k: int = Field(5, ge=1, description="how many answers to give, surest first")
    long: Literal["error", "truncate"] = Field("error", description="for a question longer than the model reads")


class VisualQuestionAnswering(Task[ImageQuestion, VisualQuestionAnsweringOptions, VisualAnswers]):
    """What an image says to a question."""

    name = "visual-question-answering"
