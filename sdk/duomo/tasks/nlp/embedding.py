"""Texts as vectors, and what is done with the vectors."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import Comparison, Text
from duomo.tasks.base import ListOf, LongPolicy, Options, Task
from duomo.tasks.options import LONG, Wording, Words
from duomo.tasks.results import Embedding, SearchResult

PROMPT = "a text before each text; what the checkpoint says when left out, and nothing when empty"
PROMPT_NAME = "the name of one of the checkpoint's prompts, instead of `prompt`"


class FeatureExtractionOptions(Options):
    """Options of text feature extraction."""

    pooling: Literal["mean", "cls", "max"] | None = Field(
        None, description="how token vectors become one; the model's own way when left out"
    )
    normalize: bool = Field(True, description="scale the vector to length 1")
    prompt: Words | None = Field(None, description=PROMPT)
    prompt_name: str | None = Field(None, description=PROMPT_NAME)
    long: LongPolicy = Field("error", description=LONG)


class FeatureExtraction(Task[Text, FeatureExtractionOptions, Embedding]):
    """A text as a vector; near vectors are alike in meaning."""

    name = "feature-extraction"


class Similarity(ListOf[float]):
    """Likeness of each sentence, in the order they were given: cosine, in [-1, 1].

    A checkpoint that was trained for a dot product or a distance gives that; a distance is below zero.
    """

    scores: list[float]


class SentenceSimilarityOptions(Options):
    """Options of sentence similarity."""

    prompt: Words | None = Field(None, description=PROMPT)
    prompt_name: str | None = Field(None, description=PROMPT_NAME)
    long: LongPolicy = Field("error", description=LONG)


class SentenceSimilarity(Task[Comparison, SentenceSimilarityOptions, Similarity]):
    """How alike texts are in meaning."""

    name = "sentence-similarity"


class SemanticSearchOptions(Options):
    """Options of semantic search."""

    corpus: tuple[Wording, ...] = Field(min_length=1, description="the texts to search, as a list")
    top_k: int = Field(5, ge=1, description="how many hits to give, best first")
    prompt: Words | None = Field(None, description=PROMPT.replace("each text", "what is searched for"))
    prompt_name: str | None = Field(None, description=PROMPT_NAME)
    long: LongPolicy = Field("error", description=LONG)


class SemanticSearch(Task[Text, SemanticSearchOptions, SearchResult]):
    """Find texts by meaning."""

    name = "semantic-search"
