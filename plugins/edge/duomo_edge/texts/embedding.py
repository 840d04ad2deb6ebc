"""Texts as vectors, and what vectors are good for: likeness, search, labels given on the spot; without torch.

The graph gives one vector a token; pooling, prompts and likeness are what ``duomo.json`` took over from the folder of
the original.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import Field
from tokenizers import Encoding

from duomo import Text
from duomo.errors import BadOption, InputTooLong, WeightsMismatch
from duomo.inputs import Comparison
from duomo.model import Features, In, R
from duomo.tasks import (
    FeatureExtractionOptions,
    SemanticSearchOptions,
    SentenceSimilarityOptions,
    ZeroShotClassificationOptions,
)
from duomo.tasks.nlp.embedding import Similarity
from duomo.tasks.results import Classification, Embedding, Hit, SearchResult
from duomo_edge.activations import scores, unit
from duomo_edge.texts.encoder import TextReader, TextSettings
from duomo_edge.texts.pooling import LIKENESS, POOLED, cosine, pool
from duomo_edge.texts.windows import mean_by_text, read, was_cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

CORPUS = ("document", "passage", "corpus")
TEXTS_AT_ONCE = 256
TEMPERATURE, FITTING = 0.05, 0.15
"""How cosines become scores of labels; as in the original, `duomo-nlp`."""


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


class SentenceReader(TextReader[In, R]):
    """What the four readers below share: texts to pooled vectors."""

    kind = EncoderSettings

    def configure(self) -> None:
        known = self.settings
        unknown = [name for name in known.pooling if name not in POOLED]
        if unknown or known.similarity not in LIKENESS:
            raise WeightsMismatch(
                "duomo.json asks for something that is not known here",
                why=f"pooling {unknown}" if unknown else f"similarity {known.similarity}",
                fix=f"pooling: {', '.join(POOLED)}; similarity: {', '.join(LIKENESS)}",
            )
        self.special = frozenset(
            self.tokenizer.token_to_id(each.content)
            for each in self.tokenizer.get_added_tokens_decoder().values()
            if each.special
        )
        self.embed_known = functools.lru_cache(maxsize=4)(self.embed)

    def prompt(self, text: str | None, name: str | None, *, usual: tuple[str, ...] = ()) -> str:
        """What goes before a text: the caller's own, the one of that name, the first of `usual`, or the default."""
        prompts = self.settings.prompts
        if text is not None and name is not None:
            raise BadOption("prompt and prompt_name say two things", fix="pass one of them")
        if text is not None:
            return text
        if name is not None and name not in prompts:
            known = ", ".join(prompts) or "none"
            raise BadOption(
                f"this checkpoint has no prompt named '{name}'", why=f"it has: {known}", fix="pass the text: prompt=…"
            )
        names = (
            (name,)
            if name is not None
            else (*(each for each in usual if prompts.get(each)), self.settings.default_prompt)
        )
        return str(prompts.get(names[0] or "", ""))

    def read(
        self, groups: Sequence[Sequence[str]], long: str, prompt: str = "", pooling: str | None = None
    ) -> list[Features]:
        """One features dict a group of texts, each with `prompt` before it."""
        texts = [prompt + text if prompt else text for group in groups for text in group]
        cut = iter(read(self.tokenizer, texts, long))
        skip = 0 if self.settings.includes_prompt or not prompt else self._length_of(prompt)
        features = []
        for group in groups:
            found = [next(cut) for _ in group]
            features.append(
                {
                    "texts": found,
                    "truncated": any(was_cut(text, long) for text in found),
                    "windows": max(len(text) for text in found),
                    "pooling": tuple(self.settings.pooling) if pooling is None else (pooling,),
                    "skip": skip,
                }
            )
        return features

    def _length_of(self, prompt: str) -> int:
        """Tokens at the beginning of a text that are its prompt's, with the special ones before it."""
        ids = self.tokenizer.encode(prompt).ids
        return len(ids) - (bool(ids) and ids[-1] in self.special)

    def collate(self, features: list[Features]) -> Batch:
        rows = [window for each in features for text in each["texts"] for window in text]
        # A prompt is in the first window of its text.
        skips = [each["skip"] * (not at) for each in features for text in each["texts"] for at in range(len(text))]
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

    def read_given(self, texts: Sequence[str], long: str, prompt: str = "") -> list[Features]:
        """Read texts of the options. Raises `BadOption` for one that is too long."""
        try:
            return self.read([[text] for text in texts], long, prompt)
        except InputTooLong as error:  # no fault of the item
            what = f"a text to compare with is too long: {error.what}"
            raise BadOption(what, why=error.why, fix=error.fix) from None

    def embed(self, texts: tuple[str, ...], long: str, prompt: str = "") -> Vectors:
        """Comparable vectors of many texts, (texts, D)."""
        parts = []
        for at in range(0, len(texts), TEXTS_AT_ONCE):
            features = self.read_given(texts[at : at + TEXTS_AT_ONCE], long, prompt)
            parts.append(self.comparable(self.vectors(self.forward(self.collate(features)), features)))
        return np.concatenate(parts)


class FeatureExtraction(SentenceReader[Text, Embedding]):
    """A text as a vector."""

    def check_options(self, options: FeatureExtractionOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not."""
        self.prompt(options.prompt, options.prompt_name)

    def preprocess(self, items: Sequence[Text], options: FeatureExtractionOptions) -> list[Features]:
        prompt = self.prompt(options.prompt, options.prompt_name)
        return self.read([[item] for item in items], options.long, prompt, options.pooling)

    def postprocess(
        self, output: Vectors, features: list[Features], options: FeatureExtractionOptions
    ) -> list[Embedding]:
        vectors = self.vectors(output, features)
        vectors = unit(vectors) if options.normalize else vectors
        return [Embedding.model_construct(vector=vector) for vector in vectors]


class SentenceSimilarity(SentenceReader[Comparison, Similarity]):
    """How alike a text and others are."""

    def check_options(self, options: SentenceSimilarityOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not."""
        self.prompt(options.prompt, options.prompt_name)

    @staticmethod
    def estimate(item: Any) -> int:
        return sum(1 + len(text) // 5 for text in (item.source, *item.sentences))

    def preprocess(self, items: Sequence[Comparison], options: SentenceSimilarityOptions) -> list[Features]:
        prompt = self.prompt(options.prompt, options.prompt_name)
        return self.read([[item.source, *item.sentences] for item in items], options.long, prompt)

    def postprocess(
        self, output: Vectors, features: list[Features], options: SentenceSimilarityOptions
    ) -> list[Similarity]:
        vectors = self.comparable(self.vectors(output, features))
        groups = np.split(vectors, np.cumsum([len(each["texts"]) for each in features])[:-1])
        return [Similarity.model_construct(scores=self.alike(each[:1], each[1:])[0].tolist()) for each in groups]


class SemanticSearch(SentenceReader[Text, SearchResult]):
    """Find the texts of a corpus nearest to a query; the last corpora are kept as vectors."""

    def check_options(self, options: SemanticSearchOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not, and texts of the corpus that are too long."""
        self.prompt(options.prompt, options.prompt_name, usual=("query",))
        self.embed_known(options.corpus, options.long, self.prompt(None, None, usual=CORPUS))

    def preprocess(self, items: Sequence[Text], options: SemanticSearchOptions) -> list[Features]:
        prompt = self.prompt(options.prompt, options.prompt_name, usual=("query",))
        features = self.read([[item] for item in items], options.long, prompt)
        return [{**each, "query": str(item)} for item, each in zip(items, features, strict=True)]

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
        if options.multi_label:
            found = scores((cosines - FITTING) / TEMPERATURE, "sigmoid")
        else:
            found = scores(cosines / TEMPERATURE, "softmax")
        return [Classification.ranked(options.labels, each) for each in found.tolist()]
