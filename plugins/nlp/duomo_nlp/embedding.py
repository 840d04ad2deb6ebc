"""Texts as vectors, and what vectors are good for: likeness, search, labels given on the spot.

The encoder is any transformers encoder with a pooling on top (Reimers and Gurevych 2019, "Sentence-BERT").
all-MiniLM-L6-v2 is the one that comes with the starter pack: 6 layers, 384 numbers, trained to tell
a billion sentence pairs from other pairs of their batch by cosine (its model card).

A text of several windows (``long=window``) has the mean of their vectors, weighted by their tokens.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from transformers import AutoModel, AutoModelForTextEncoding

from duomo import Text, WeightsRef
from duomo.errors import ExportRefused, WrongTask
from duomo.inputs import Comparison
from duomo.model import Features, In, Portable, R
from duomo.tasks.nlp import (
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
from duomo_nlp.encoders import packed, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.heads import adjust
from duomo_nlp.encoders.rows import Rows
from duomo_nlp.pooling import LIKENESS, cosine, normalize, pool
from duomo_nlp.portable import portable
from duomo_nlp.projections import read_projections
from duomo_nlp.sentences import lower_case, read_recipe

TEXTS_AT_ONCE = 1024
"""Texts of a corpus that are tokenized and embedded at a time."""
SPECIAL = 8
"""Tokens that a tokenizer puts around a text, and more."""


class Batch(NamedTuple):
    """All windows of all texts."""

    parts: list[Rows]
    pooling: tuple[str, ...]
    skips: list[int]
    """How many first tokens of each window are not pooled: those of a prompt that does not count."""

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Batch:
        """The same on another device."""
        return self._replace(parts=[rows.to(device, non_blocking=non_blocking) for rows in self.parts])


class SentenceEncoder(VectorReader, Encoder[In, R]):
    """What the four models below share: texts to pooled vectors."""

    auto = AutoModel
    # Only hidden states are read: heads of other tasks are surplus, and a pooler may be missing.
    unused = ("pooler.",)

    @classmethod
    def auto_of(cls, weights: WeightsRef) -> Any:
        # The encoder of an encoder-decoder, saved alone: sentence-t5 and its kin.
        alone = any(name.endswith("EncoderModel") for name in weights.config().get("architectures") or ())
        return AutoModelForTextEncoding if alone else cls.auto

    def enable(self) -> None:
        adjust(self.network)
        packed.enable(self.network)

    def configure(self, weights: WeightsRef) -> None:
        self.recipe = read_recipe(weights)
        config = self.network.config
        is_whole = config.is_encoder_decoder and not type(self.network).__name__.endswith("EncoderModel")
        if is_whole or (is_decoder(weights) and not self.recipe.is_described):
            raise WrongTask(
                f"'{weights.folder}' does not make vectors of texts",
                why="it is a decoder, and no file beside it says how the vectors of its tokens are pooled",
                fix="use an encoder, or a sentence-transformers folder, whose modules.json names a pooling",
            )
        config.use_cache = False  # a decoder's keys and values are not read again
        parameter = next(self.network.parameters())
        self.projections = read_projections(weights, self.recipe.after, device=parameter.device, dtype=parameter.dtype)
        lower_case(weights, self.tokenizer)
        own = weakref.proxy(self)  # a model that holds itself lives on when it is closed
        self.embed_known = functools.lru_cache(maxsize=4)(lambda *given: own.embed(*given))

    def collate(self, features: list[Features]) -> Batch:
        rows, skips = self.rows(features)
        return Batch(self.pack(rows), features[0]["pooling"], skips if any(skips) else [])

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pooled vectors as the steps behind the pooling leave them, (windows, D), not normalised."""
        skips = iter(batch.skips)
        pooled = torch.cat(
            [
                pool(self.network, rows, batch.pooling, [next(skips) for _ in rows.back] if batch.skips else None)
                for rows in batch.parts
            ]
        )
        return torch.as_tensor(self.projections(pooled))

    def vectors(self, output: torch.Tensor, features: list[Features]) -> torch.Tensor:
        """One vector a text, (texts, D) in float32."""
        weights = [[len(window) for window in text] for each in features for text in each["texts"]]
        return windows.mean_by_text(output.float(), weights)[:, : self.recipe.dims]

    def comparable(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors as `alike` takes them: of length 1, unless the checkpoint was trained for another likeness."""
        return normalize(vectors) if self.recipe.similarity == "cosine" else vectors

    def alike(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """How alike vectors (A, D) and (B, D) are, (A, B), as the checkpoint was trained for; more is more alike."""
        return LIKENESS[self.recipe.similarity](a, b)

    def check_texts(self, texts: Sequence[str], long: str, prompt: str = "") -> None:
        """Refuse texts of the options that are longer than the model reads."""
        if long != "error":
            return
        room = self.limit - len(prompt.encode()) - SPECIAL  # a token takes a byte at least
        far = [text for text in texts if len(text.encode()) > room]
        for at in range(0, len(far), TEXTS_AT_ONCE):
            self.read_given(far[at : at + TEXTS_AT_ONCE], long, prompt)

    def embed(self, texts: tuple[str, ...], long: str, prompt: str = "") -> torch.Tensor:
        """Comparable vectors of many texts, (texts, D), on the network's device."""
        parts = []
        for at in range(0, len(texts), TEXTS_AT_ONCE):
            features = self.read_given(texts[at : at + TEXTS_AT_ONCE], long, prompt)
            # The worker never sees these, so they are moved here.
            output = self.forward(self.collate(features).to(self.network.device))
            parts.append(self.comparable(self.vectors(output, features)))
        return torch.cat(parts)

    def portable(self) -> Portable:
        recipe = self.recipe
        if len(self.projections):
            raise ExportRefused(
                f"'{self.network.config.name_or_path}' cannot be exported",
                why="it has layers behind its pooling, which readers of graphs have not",
                fix="a checkpoint without a step Dense",
            )
        return portable(
            "edge/text-encoder",
            self.network,
            self.tokenizer,
            lambda output: output.last_hidden_state,
            with_types=self.types == "always",
            pooling=list(recipe.pooling),
            includes_prompt=recipe.includes_prompt,
            prompts=dict(recipe.prompts),
            default_prompt=recipe.default_prompt,
            dims=recipe.dims,
            similarity=recipe.similarity,
        )


class FeatureExtraction(TextVectors, SentenceEncoder[Text, Embedding]):
    """A text as a vector."""

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: FeatureExtractionOptions
    ) -> list[Embedding]:
        vectors = self.vectors(output, features)
        if options.normalize:
            vectors = normalize(vectors)
        return [Embedding.model_construct(vector=vector) for vector in vectors.float().numpy()]


class SentenceSimilarity(TextComparisons, SentenceEncoder[Comparison, Similarity]):
    """How alike a text and others are."""

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: SentenceSimilarityOptions
    ) -> list[Similarity]:
        vectors = self.comparable(self.vectors(output, features))
        groups = torch.split(vectors, [len(each["texts"]) for each in features])
        return [Similarity.model_construct(scores=self.alike(each[:1], each[1:])[0].tolist()) for each in groups]


class SemanticSearch(TextQueries, SentenceEncoder[Text, SearchResult]):
    """Find the texts of a corpus nearest to a query; the last corpora are kept as vectors."""

    def check_options(self, options: SemanticSearchOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not, and texts of the corpus that are too long."""
        self.prompt(options.prompt, options.prompt_name, usual=("query",))
        self.check_texts(options.corpus, options.long, self.prompt(None, None, usual=CORPUS))

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: SemanticSearchOptions
    ) -> list[SearchResult]:
        corpus = self.embed_known(options.corpus, options.long, self.prompt(None, None, usual=CORPUS))
        scores = self.alike(self.comparable(self.vectors(output, features)), corpus)
        best = scores.sort(descending=True, stable=True)  # equal texts in the order of the corpus, whatever top_k is
        results = []
        rows = (row[:, : options.top_k].tolist() for row in best)
        for each, values, places in zip(features, *rows, strict=True):
            hits = [
                Hit.model_construct(index=place, item=options.corpus[place], score=value)
                for value, place in zip(values, places, strict=True)
            ]
            results.append(SearchResult.model_construct(query=each["query"], hits=hits))
        return results


class ZeroShotClassification(SentenceEncoder[Text, Classification]):
    """Choose among labels by their cosine with the text; the last sets of labels are kept as vectors.

    Scores are a softmax over cosine / `TEMPERATURE`, or under ``multi_label``, and for one label alone, each label's
    own sigmoid of (cosine - `FITTING`) / `TEMPERATURE`. They rank well and are not calibrated.
    """

    def check_options(self, options: ZeroShotClassificationOptions) -> None:
        """Refuse labels that are longer than the model reads."""
        names = [options.template.replace("{}", name) for name in options.labels]
        self.check_texts(names, options.long, self.prompt(None, None))

    def preprocess(self, items: Sequence[Text], options: ZeroShotClassificationOptions) -> list[Features]:
        return self.read([[item] for item in items], options.long, self.prompt(None, None))

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: ZeroShotClassificationOptions
    ) -> list[Classification]:
        names = tuple(options.template.replace("{}", name) for name in options.labels)
        labels = self.embed_known(names, options.long, self.prompt(None, None))
        cosines = cosine(normalize(self.vectors(output, features)), normalize(labels))
        if options.multi_label or len(options.labels) == 1:
            scores = torch.sigmoid((cosines - FITTING) / TEMPERATURE)
        else:
            scores = torch.softmax(cosines / TEMPERATURE, dim=-1)
        return [Classification.ranked(options.labels, each) for each in scores.tolist()]


def is_decoder(weights: WeightsRef) -> bool:
    """Whether the folder holds a decoder, by the name of its architecture."""
    return any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in weights.config().get("architectures") or ())
