"""Labels for texts."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Text, TextPair
from duomo.tasks.base import LongPolicy, Options, Task
from duomo.tasks.options import LONG, Names, Words
from duomo.tasks.results import Classification


class TextClassificationOptions(Options):
    """Options of text classification."""

    top_k: int | None = Field(None, ge=1, description="how many labels to give, best first; all when left out")
    multi_label: bool = Field(False, description="score each label on its own (sigmoid) instead of against the others")
    long: LongPolicy = Field("error", description=LONG)


class TextClassification(Task[Text, TextClassificationOptions, Classification]):
    """A label for a text."""

    name = "text-classification"


class TextPairClassification(Task[TextPair, TextClassificationOptions, Classification]):
    """A label for two texts: whether one follows from the other, whether both ask the same."""

    name = "text-pair-classification"


class ZeroShotClassificationOptions(Options):
    """Options of zero-shot classification."""

    labels: Names = Field(description="the labels to choose among, as a list or separated by commas")
    template: Words = Field(
        "{}", pattern=r"\{\}", description="a sentence around each label, such as 'This text is about {}.'"
    )
    multi_label: bool = Field(False, description="score each label on its own instead of against the others")
    long: LongPolicy = Field("error", description=LONG)


class ZeroShotClassification(Task[Text, ZeroShotClassificationOptions, Classification]):
    """Choose among labels given on the spot."""

    name = "zero-shot-classification"


class LanguageIdentificationOptions(Options):
    """Options of language identification."""

    top_k: int | None = Field(3, ge=1, description="how many languages to give, best first; None for all")


class LanguageIdentification(Task[Text, LanguageIdentificationOptions, Classification]):
    """Which language a text is in, as ISO 639-1 codes."""

    name = "language-identification"
