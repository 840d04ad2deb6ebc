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
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import AutoModel, AutoModelForTextEncoding

from duomo import Text, WeightsRef
from duomo.errors import BadOption, ExportRefused, InputTooLong, WrongTask
from duomo.inputs import Comparison
from duomo.model import Features, In, Portable, R
from duomo.tasks.nlp import (
    FeatureExtractionOptions,
    SemanticSearchOptions,
    SentenceSimilarityOptions,
    ZeroShotClassificationOptions,
)
from duomo.tasks.nlp.embedding import Similarity
from duomo.tasks.results import Classification, Embedding, Hit, SearchResult
from duomo_nlp.encoders import packed, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.heads import adjust
from duomo_nlp.encoders.rows import Rows
from duomo_nlp.pooling import LIKENESS, cosine, normalize, pool
from duomo_nlp.portable import portable
from duomo_nlp.projections import read_projections
from duomo_nlp.sentences import CORPUS, lower_case, read_recipe

if TYPE_CHECKING:
    pass

TEMPERATURE = 0.05
"""Cosines are divided by it before the softmax: the usual scale of 20 of sentence-transformers' contrastive losses."""
FITTING = 0.15
"""Under ``multi_label`` a label with this cosine scores 0.5. Of 39 sentences on 13 topics, MiniLM puts
87 % of the right labels above it and 97 % of the wrong ones below."""
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


class SentenceEncoder(Encoder[In, R]):
    """What the four models below share: texts to pooled vectors. Their features hold ``texts``: windows by text."""

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
                why="it is a decoder, and no file beside it says which of its vectors stands for a text",
                fix="use an encoder, or a sentence-transformers folder",
            )
        config.use_cache = False  # a decoder's keys and values are not read again
        parameter = next(self.network.parameters())
        self.projections = read_projections(weights, self.recipe.after, device=parameter.device, dtype=parameter.dtype)
        lower_case(weights, self.tokenizer)
        self.special = frozenset(
            self.tokenizer.token_to_id(each.content)
            for each in self.tokenizer.get_added_tokens_decoder().values()
            if each.special
        )
        own = weakref.proxy(self)  # a model that holds itself lives on when it is closed
        self.embed_known = functools.lru_cache(maxsize=4)(lambda *given: own.embed(*given))

    def read(
        self, groups: Sequence[Sequence[str]], long: str, prompt: str = "", pooling: str | None = None
    ) -> list[Features]:
        """One features dict a group of texts, each with `prompt` before it."""
        texts = [prompt + text if prompt else text for group in groups for text in group]
        cut = iter(windows.read(self.tokenizer, texts, long))
        skip = 0 if self.recipe.includes_prompt or not prompt else self._length_of(prompt)
        features = []
        for group in groups:
            found = [next(cut) for _ in group]
            features.append(
                {
                    "texts": found,
                    "truncated": any(windows.was_cut(text, long) for text in found),
                    "windows": max(len(text) for text in found),
                    "pooling": self.recipe.pooling if pooling is None else (pooling,),
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
            self._read_given(far[at : at + TEXTS_AT_ONCE], long, prompt)

    def _read_given(self, texts: Sequence[str], long: str, prompt: str) -> list[Features]:
        try:
            return self.read([[text] for text in texts], long, prompt)
        except InputTooLong as error:  # a text of the options, and no fault of the item
            raise BadOption(f"a text to compare with is too long: {error.what}", why=error.why, fix=error.fix) from None

    def embed(self, texts: tuple[str, ...], long: str, prompt: str = "") -> torch.Tensor:
        """Comparable vectors of many texts, (texts, D), on the network's device."""
        parts = []
        for at in range(0, len(texts), TEXTS_AT_ONCE):
            features = self._read_given(texts[at : at + TEXTS_AT_ONCE], long, prompt)
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


class FeatureExtraction(SentenceEncoder[Text, Embedding]):
    """A text as a vector."""

    def check_options(self, options: FeatureExtractionOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not."""
        self.recipe.prompt(options.prompt, options.prompt_name)

    def preprocess(self, items: Sequence[Text], options: FeatureExtractionOptions) -> list[Features]:
        prompt = self.recipe.prompt(options.prompt, options.prompt_name)
        return self.read([[item] for item in items], options.long, prompt, options.pooling)

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: FeatureExtractionOptions
    ) -> list[Embedding]:
        vectors = self.vectors(output, features)
        if options.normalize:
            vectors = normalize(vectors)
        return [Embedding.model_construct(vector=vector) for vector in vectors.float().numpy()]


class SentenceSimilarity(SentenceEncoder[Comparison, Similarity]):
    """How alike a text and others are."""

    def check_options(self, options: SentenceSimilarityOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not."""
        self.recipe.prompt(options.prompt, options.prompt_name)

    @staticmethod
    def estimate(item: Any) -> int:
        return sum(1 + len(text) // 5 for text in (item.source, *item.sentences))

    def preprocess(self, items: Sequence[Comparison], options: SentenceSimilarityOptions) -> list[Features]:
        prompt = self.recipe.prompt(options.prompt, options.prompt_name)
        return self.read([[item.source, *item.sentences] for item in items], options.long, prompt)

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: SentenceSimilarityOptions
    ) -> list[Similarity]:
        vectors = self.comparable(self.vectors(output, features))
        groups = torch.split(vectors, [len(each["texts"]) for each in features])
        return [Similarity.model_construct(scores=self.alike(each[:1], each[1:])[0].tolist()) for each in groups]


class SemanticSearch(SentenceEncoder[Text, SearchResult]):
    """Find the texts of a corpus nearest to a query; the last corpora are kept as vectors."""

    def check_options(self, options: SemanticSearchOptions) -> None:
        """Refuse a prompt by a name that the checkpoint has not, and texts of the corpus that are too long."""
        self.recipe.prompt(options.prompt, options.prompt_name, usual=("query",))
        self.check_texts(options.corpus, options.long, self.recipe.prompt(None, None, usual=CORPUS))

    def preprocess(self, items: Sequence[Text], options: SemanticSearchOptions) -> list[Features]:
        prompt = self.recipe.prompt(options.prompt, options.prompt_name, usual=("query",))
        features = self.read([[item] for item in items], options.long, prompt)
        return [{**each, "query": str(item)} for item, each in zip(items, features, strict=True)]

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: SemanticSearchOptions
    ) -> list[SearchResult]:
        corpus = self.embed_known(options.corpus, options.long, self.recipe.prompt(None, None, usual=CORPUS))
        scores = self.alike(self.comparable(self.vectors(output, features)), corpus)
        best = scores.topk(min(options.top_k, len(options.corpus)))
        results = []
        for each, values, places in zip(features, best.values.tolist(), best.indices.tolist(), strict=True):
            hits = [
                Hit.model_construct(index=place, item=options.corpus[place], score=value)
                for value, place in zip(values, places, strict=True)
            ]
            results.append(SearchResult.model_construct(query=each["query"], hits=hits))
        return results


class ZeroShotClassification(SentenceEncoder[Text, Classification]):
    """Choose among labels by their cosine with the text; the last sets of labels are kept as vectors.

    Scores are a softmax over cosine / `TEMPERATURE`, or under ``multi_label`` each label's own
    sigmoid of (cosine - `FITTING`) / `TEMPERATURE`. They rank well and are not calibrated.
    """

    def check_options(self, options: ZeroShotClassificationOptions) -> None:
        """Refuse labels that are longer than the model reads."""
        self.check_texts([options.template.replace("{}", name) for name in options.labels], options.long)

    def preprocess(self, items: Sequence[Text], options: ZeroShotClassificationOptions) -> list[Features]:
        return self.read([[item] for item in items], options.long)

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: ZeroShotClassificationOptions
    ) -> list[Classification]:
        labels = self.embed_known(tuple(options.template.replace("{}", name) for name in options.labels), options.long)
        cosines = cosine(normalize(self.vectors(output, features)), normalize(labels))
        if options.multi_label:
            scores = torch.sigmoid((cosines - FITTING) / TEMPERATURE)
        else:
            scores = torch.softmax(cosines / TEMPERATURE, dim=-1)
        return [Classification.ranked(options.labels, each) for each in scores.tolist()]


def is_decoder(weights: WeightsRef) -> bool:
    """Whether the folder holds a decoder, by the name of its architecture."""
    return any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in weights.config().get("architectures") or ())
