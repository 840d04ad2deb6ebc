"""Two texts, or a text and its choices, judged together; labels for pairs are in `classification`."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Choices, TextPair
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.options import CUT, LongOrCut
from duomo.tasks.results import Number


class TextPairRegressionOptions(Options):
    """Options of text-pair regression."""

    long: LongOrCut = Field("error", description=CUT)


class TextPairRegression(Task[TextPair, TextPairRegressionOptions, Number]):
    """A number for two texts, such as how near they are in meaning on a scale of people's."""

    name = "text-pair-regression"


class Succession(Result):
    """Whether a text goes on from another."""

    follows: bool
    score: float
    """How sure the model is that it does, in [0, 1]."""


class NextSentencePredictionOptions(Options):
    """Options of next-sentence prediction."""

    long: LongOrCut = Field("error", description=CUT)


class NextSentencePrediction(Task[TextPair, NextSentencePredictionOptions, Succession]):
    """Whether the second text goes on from the first."""

    name = "next-sentence-prediction"


class Choice(Result):
    """The likeliest of the choices."""

    index: int
    choice: str
    scores: list[float]
    """Scores of all choices in their order; they sum to 1."""


class MultipleChoiceOptions(Options):
    """Options of multiple choice."""

    long: LongOrCut = Field("error", description=CUT)


class MultipleChoice(Task[Choices, MultipleChoiceOptions, Choice]):
    """Which of several texts goes with a text: the answer to a question, the end of a story."""

    name = "multiple-choice"
