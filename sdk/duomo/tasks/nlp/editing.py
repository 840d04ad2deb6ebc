"""What is in a text: its sentences, its key words, its central sentences, its misspelt words."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import Text
from duomo.tasks.base import ListOf, Options, Result, Task


class Sentence(Result):
    """One sentence; ``text[start:end]`` of the input is what it covers."""

    text: str
    start: int
    end: int


class Sentences(ListOf[Sentence]):
    """The sentences of a text, in order."""

    sentences: list[Sentence]


class SentenceSplittingOptions(Options):
    """Options of sentence splitting."""

    language: str = Field("en", description="English name or ISO 639-1 code of the text's language")


class SentenceSplitting(Task[Text, SentenceSplittingOptions, Sentences]):
    """The sentences of a text."""

    name = "sentence-splitting"


class Keyword(Result):
    """A word or a few, as they stand in the text where they first do."""

    text: str
    score: float
    """Cosine with the whole text."""
    start: int
    end: int


class Keywords(ListOf[Keyword]):
    """Keywords, the one nearest to the text first."""

    keywords: list[Keyword]


class KeywordExtractionOptions(Options):
    """Options of keyword extraction."""

    top_k: int = Field(5, ge=1, description="how many keywords to give")
    max_words: int = Field(2, ge=1, le=5, description="a keyword has this many words at most")
    diversity: float = Field(
        0.2, ge=0, le=1, description="0: the nearest to the text, however alike; 1: as unlike each other as can be"
    )


class KeywordExtraction(Task[Text, KeywordExtractionOptions, Keywords]):
    """The words that say what a text is about."""

    name = "keyword-extraction"


class CentralSentence(Sentence):
    """One sentence and how central it is: the mean of its cosines with the others."""

    score: float


class Extract(ListOf[CentralSentence]):
    """The central sentences of a text, word for word, in its order."""

    summary_text: str
    sentences: list[CentralSentence]
    method: Literal["extractive"] = "extractive"
    """Nothing is said in other words."""

    @property
    def text(self) -> str:
        """The same."""
        return self.summary_text


class ExtractiveSummarizationOptions(Options):
    """Options of extractive summarization."""

    num_sentences: int = Field(3, ge=1, description="how many sentences to keep")


class ExtractiveSummarization(Task[Text, ExtractiveSummarizationOptions, Extract]):
    """The sentences that say most of a text, word for word."""

    name = "extractive-summarization"


class Correction(Result):
    """One word that was changed; ``text[start:end]`` of the input is what it was."""

    before: str
    after: str
    start: int
    end: int


class Corrected(ListOf[Correction]):
    """A text with its misspelt words corrected."""

    text: str
    corrections: list[Correction]


class SpellingCorrectionOptions(Options):
    """Options of spelling correction."""

    max_edits: int = Field(2, ge=1, le=2, description="letters added, dropped, changed or swapped in a word, at most")
    keep: tuple[str, ...] = Field((), description="words that are right, such as names")


class SpellingCorrection(Task[Text, SpellingCorrectionOptions, Corrected]):
    """A text with its misspelt words corrected."""

    name = "spelling-correction"
