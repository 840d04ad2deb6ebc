"""Texts as vectors, and what vectors are good for: likeness, search, labels given on the spot; without torch.

The graph gives one vector a token; pooling, prompts and likeness are what ``duomo.json`` took over from the folder of
the original.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pydantic import Field
from tokenizers import Encoding

from duomo import Text
from duomo.errors import WeightsMismatch
from duomo.inputs import Comparison
from duomo.model import Features, In, R
from duomo.tasks import (
    FeatureExtractionOptions,
    SemanticSearchOptions,
    SentenceSimilarityOptions,
    ZeroShotClassificationOptions,
)
from duomo.tasks.nlp.embedding import Similarity
from duomo.tasks.nlp.vectors import (
    CORPUS,
    FITTING,
    TEMPERATURE,
    TextComparisons,
    TextQueries,
    TextVectors,
    VectorReader,
)
from duomo.tasks.results import Classification, Embedding, Hit, SearchResult
from duomo_edge.activations import scores, unit
from duomo_edge.texts.encoder import TextReader, TextSettings
from duomo_edge.texts.pooling import LIKENESS, POOLED, cosine, pool
from duomo_edge.texts.windows import mean_by_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

TEXTS_AT_ONCE = 256


class EncoderSettings(TextSettings):
    """What an encoder needs besides."""

    pooling: list[str] = Field(["mean"], min_length=1)
    includes_prompt: bool = True
    prompts: dict[str, str] = Field(default_factory=dict)
    default_prompt: str = ""
    dims: int | None = None
    similarity: str = "cosine"


class Batch(NamedTuple):
    """All windows of all texts."""

    rows: list[Encoding]
    pooling: tuple[str, ...]
    skips: list[int]


class SentenceReader(VectorReader, TextReader[In, R]):
    """What the four readers below share: texts to pooled vectors."""

    kind = EncoderSettings

    def configure(self) -> None:
        known = self.recipe = self.settings
        unknown = [name for name in known.pooling if name not in POOLED]
        if unknown or known.similarity not in LIKENESS:
            raise WeightsMismatch(
                "duomo.json asks for something that is not known here",
                why=f"pooling {unknown}" if unknown else f"similarity {known.similarity}",
                fix=f"pooling: {', '.join(POOLED)}; similarity: {', '.join(LIKENESS)}",
            )
        self.embed_known = functools.lru_cache(maxsize=4)(self.embed)

    def collate(self, features: list[Features]) -> Batch:
        rows, skips = self.rows(features)
        return Batch(rows, features[0]["pooling"], skips)

    def forward(self, batch: Batch) -> Vectors:
        """Pooled vectors, (windows, D), not of length 1."""
        found = self.run(batch.rows)
        return np.stack([pool(row, skip, batch.pooling) for row, skip in zip(found, batch.skips, strict=True)])

    def vectors(self, output: Vectors, features: list[Features]) -> Vectors:
        """One vector a text, (texts, D)."""
        weights = [[len(window) for window in text] for each in features for text in each["texts"]]
        return mean_by_text(output, weights)[:, : self.settings.dims]

    def comparable(self, vectors: Vectors) -> Vectors:
        """Vectors as `alike` takes them."""
        return unit(vectors) if self.settings.similarity == "cosine" else vectors

    def alike(self, a: Vectors, b: Vectors) -> Vectors:
        """How alike vectors (A, D) and (B, D) are, (A, B); more is more alike."""
        return LIKENESS[self.settings.similarity](a, b)

    def embed(self, texts: tuple[str, ...], long: str, prompt: str = "") -> Vectors:
        """Comparable vectors of many texts, (texts, D)."""
        parts = []
        for at in range(0, len(texts), TEXTS_AT_ONCE):
            features = self.read_given(texts[at : at + TEXTS_AT_ONCE], long, prompt)
            parts.append(self.comparable(self.vectors(self.forward(self.collate(features)), features)))
        return np.concatenate(parts)


class FeatureExtraction(TextVectors, SentenceReader[Text, Embedding]):
    """A text as a vector."""

    def postprocess(
        self, output: Vectors, features: list[Features], options: FeatureExtractionOptions
    ) -> list[Embedding]:
        vectors = self.vectors(output, features)
        vectors = unit(vectors) if options.normalize else vectors
        return [Embedding.model_construct(vector=vector) for vector in vectors]


class SentenceSimilarity(TextComparisons, SentenceReader[Comparison, Similarity]):
    """How alike a text and others are."""

    def postprocess(
        self, output: Vectors, features: list[Features], options: SentenceSimilarityOptions
    ) -> list[Similarity]:
        vectors = self.comparable(self.vectors(output, features))
        groups = np.split(vectors, np.cumsum([len(each["texts"]) for each in features])[:-1])
        return [Similarity.model_construct(scores=self.alike(each[:1], each[1:])[0].tolist()) for each in groups]


class SemanticSearch(TextQueries, SentenceReader[Text, SearchResult]):
    """Find the texts of a corpus nearest to a query; the last corpora are kept as vectors."""

    def check_options(self, options: SemanticSearchOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not, and texts of the corpus that are too long."""
        self.prompt(options.prompt, options.prompt_name, usual=("query",))
        self.embed_known(options.corpus, options.long, self.prompt(None, None, usual=CORPUS))

    def postprocess(
        self, output: Vectors, features: list[Features], options: SemanticSearchOptions
    ) -> list[SearchResult]:
        corpus = self.embed_known(options.corpus, options.long, self.prompt(None, None, usual=CORPUS))
        found = self.alike(self.comparable(self.vectors(output, features)), corpus)
        results = []
        for each, row in zip(features, found, strict=True):
            best = np.argsort(-row, kind="stable")[: options.top_k].tolist()
            hits = [Hit.model_construct(index=at, item=options.corpus[at], score=float(row[at])) for at in best]
            results.append(SearchResult.model_construct(query=each["query"], hits=hits))
        return results


class ZeroShotClassification(SentenceReader[Text, Classification]):
    """Choose among labels by their cosine with the text; the last sets of labels are kept as vectors."""

    def check_options(self, options: ZeroShotClassificationOptions) -> None:
        """Refuse labels that are longer than the model reads."""
        names = [options.template.replace("{}", name) for name in options.labels]
        self.read_given(names, options.long, self.prompt(None, None))

    def preprocess(self, items: Sequence[Text], options: ZeroShotClassificationOptions) -> list[Features]:
        return self.read([[item] for item in items], options.long, self.prompt(None, None))

    def postprocess(
        self, output: Vectors, features: list[Features], options: ZeroShotClassificationOptions
    ) -> list[Classification]:
        names = tuple(options.template.replace("{}", name) for name in options.labels)
        labels = self.embed_known(names, options.long, self.prompt(None, None))
        cosines = cosine(unit(self.vectors(output, features)), unit(labels))
        if options.multi_label or len(options.labels) == 1:
            found = scores((cosines - FITTING) / TEMPERATURE, "sigmoid")
        else:
            found = scores(cosines / TEMPERATURE, "softmax")
        return [Classification.ranked(options.labels, each) for each in found.tolist()]
