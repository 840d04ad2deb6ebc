"""Tasks on text."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from duomo.inputs import Comparison, Prompt, Question, Text
from duomo.tasks.base import LongPolicy, Options, Result, Task
from duomo.tasks.results import Classification, Embedding, SearchResult

_LONG = "for a text longer than the model reads: error, truncate or window"


def _split_commas(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_split_commas), Field(min_length=1)]
"""A list of names; a str is split at commas."""


class TextClassificationOptions(Options):
    """Options of text classification."""

    top_k: int | None = Field(None, ge=1, description="how many labels to give, best first; all when left out")
    multi_label: bool = Field(False, description="score each label on its own (sigmoid) instead of against the others")
    long: LongPolicy = Field("error", description=_LONG)


class TextClassification(Task[Text, TextClassificationOptions, Classification]):
    """A label for a text."""

    name = "text-classification"
    Input = Text
    Options = TextClassificationOptions
    Result = Classification


class Span(Result):
    """One stretch of the text; ``text[start:end]`` is what it covers."""

    label: str
    score: float
    text: str
    start: int
    end: int


class Entities(Result):
    """Spans in the order of the text."""

    spans: list[Span]


class TokenClassificationOptions(Options):
    """Options of token classification."""

    aggregate: bool = Field(True, description="join the tokens of one name (B-, I-) into one span")
    threshold: float = Field(0.0, ge=0, le=1, description="leave out spans less sure than this")
    long: LongPolicy = Field("window", description=_LONG)


class TokenClassification(Task[Text, TokenClassificationOptions, Entities]):
    """Names and terms in a text."""

    name = "token-classification"
    Input = Text
    Options = TokenClassificationOptions
    Result = Entities


class Answer(Result):
    """One stretch of the context; ``context[start:end]`` is the answer."""

    text: str
    score: float
    start: int
    end: int


class Answers(Result):
    """Answers, the surest first; none where the context has none."""

    answers: list[Answer]

    @property
    def top(self) -> Answer | None:
        """The surest answer, or None."""
        return self.answers[0] if self.answers else None


class QuestionAnsweringOptions(Options):
    """Options of question answering."""

    top_k: int = Field(1, ge=1, description="how many answers to give, surest first")
    max_answer_tokens: int = Field(30, ge=1, description="an answer is no longer than so many tokens")
    may_abstain: bool = Field(
        False, description="give only answers surer than that there is none; for models that were trained to tell"
    )
    long: LongPolicy = Field("window", description=_LONG)


class QuestionAnswering(Task[Question, QuestionAnsweringOptions, Answers]):
    """The stretch of a text that answers a question."""

    name = "question-answering"
    Input = Question
    Options = QuestionAnsweringOptions
    Result = Answers


class ZeroShotClassificationOptions(Options):
    """Options of zero-shot classification."""

    labels: Names = Field(description="the labels to choose among, as a list or separated by commas")
    template: str = Field(
        "{}", pattern=r"\{\}", description="a sentence around each label, such as 'This text is about {}.'"
    )
    multi_label: bool = Field(False, description="score each label on its own instead of against the others")
    long: LongPolicy = Field("error", description=_LONG)


class ZeroShotClassification(Task[Text, ZeroShotClassificationOptions, Classification]):
    """Choose among labels given on the spot."""

    name = "zero-shot-classification"
    Input = Text
    Options = ZeroShotClassificationOptions
    Result = Classification


class LanguageIdentificationOptions(Options):
    """Options of language identification."""

    top_k: int = Field(3, ge=1, description="how many languages to give, best first")


class LanguageIdentification(Task[Text, LanguageIdentificationOptions, Classification]):
    """Which language a text is in, as ISO 639-1 codes."""

    name = "language-identification"
    Input = Text
    Options = LanguageIdentificationOptions
    Result = Classification


class FeatureExtractionOptions(Options):
    """Options of text feature extraction."""

    pooling: Literal["mean", "cls", "max"] | None = Field(
        None, description="how token vectors become one; the model's own way when left out"
    )
    normalize: bool = Field(True, description="scale the vector to length 1")
    long: LongPolicy = Field("error", description=_LONG)


class FeatureExtraction(Task[Text, FeatureExtractionOptions, Embedding]):
    """A text as a vector; near vectors are alike in meaning."""

    name = "feature-extraction"
    Input = Text
    Options = FeatureExtractionOptions
    Result = Embedding


class Similarity(Result):
    """Cosine with each sentence, in [-1, 1], in the order they were given."""

    scores: list[float]


class SentenceSimilarityOptions(Options):
    """Options of sentence similarity."""

    long: LongPolicy = Field("error", description=_LONG)


class SentenceSimilarity(Task[Comparison, SentenceSimilarityOptions, Similarity]):
    """How alike texts are in meaning."""

    name = "sentence-similarity"
    Input = Comparison
    Options = SentenceSimilarityOptions
    Result = Similarity


class SemanticSearchOptions(Options):
    """Options of semantic search."""

    corpus: tuple[str, ...] = Field(min_length=1, description="the texts to search, as a list")
    top_k: int = Field(5, ge=1, description="how many hits to give, best first")
    long: LongPolicy = Field("error", description=_LONG)


class SemanticSearch(Task[Text, SemanticSearchOptions, SearchResult]):
    """Find texts by meaning."""

    name = "semantic-search"
    Input = Text
    Options = SemanticSearchOptions
    Result = SearchResult


class Generation(Result):
    """What a language model wrote."""

    text: str
    finish_reason: Literal["stop", "length"]
    """``stop``: the model ended; ``length``: it reached ``max_new_tokens``."""
    num_prompt_tokens: int
    num_new_tokens: int


class TextChunk(Result):
    """One part of a stream; the texts of all parts joined are the text of the `Generation`."""

    text: str
    finish_reason: Literal["stop", "length"] | None = None
    """Set on the last part."""


class TextGenerationOptions(Options):
    """Options of text generation."""

    max_new_tokens: int = Field(128, ge=1, description="stop after so many tokens")
    temperature: float = Field(0.0, ge=0, description="0 takes the likeliest token; higher is more varied")
    top_p: float = Field(1.0, gt=0, le=1, description="sample among the likeliest tokens of this joint probability")
    seed: int | None = Field(None, description="makes sampling repeatable")
    stop: tuple[str, ...] = Field((), description="end at any of these texts, which are left out")
    chat: bool | None = Field(
        None, description="wrap the prompt in the model's chat template; when left out, if it has one"
    )
    long: Literal["error", "truncate"] = Field("error", description="for a prompt longer than the model reads")


class TextGeneration(Task[Prompt, TextGenerationOptions, Generation]):
    """Go on from a prompt or a chat."""

    name = "text-generation"
    Input = Prompt
    Options = TextGenerationOptions
    Result = Generation
