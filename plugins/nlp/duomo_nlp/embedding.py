"""Texts as vectors, and what vectors are good for: likeness, search, labels given on the spot.

The encoder is any transformers encoder with a pooling on top (Reimers and Gurevych 2019, "Sentence-BERT").
all-MiniLM-L6-v2 is the one that comes with the starter pack: 6 layers, 384 numbers, trained to tell
a billion sentence pairs from other pairs of their batch by cosine (its model card).

A text of several windows (``long=window``) has the mean of their vectors, weighted by their tokens.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModel

from duomo import Text, WeightsRef
from duomo.errors import WeightsMismatch
from duomo.inputs import Comparison
from duomo.model import Features, In, R
from duomo.tasks.nlp.embedding import Similarity
from duomo.tasks.results import Classification, Embedding, Hit, SearchResult
from duomo_nlp.checkpoint import read_json
from duomo_nlp.encoders import packed, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.heads import first_states, hidden_states
from duomo_nlp.encoders.rows import Rows, by_length, by_row, pack

TEMPERATURE = 0.05
"""Cosines are divided by it before the softmax: the usual scale of 20 of sentence-transformers' contrastive losses."""
FITTING = 0.15
"""Under ``multi_label`` a label with this cosine scores 0.5. Of 39 sentences on 13 topics, MiniLM puts
87 % of the right labels above it and 97 % of the wrong ones below."""
TEXTS_AT_ONCE = 1024
"""Texts of a corpus are tokenized and embedded so many at a time."""

Batch = tuple[list[Rows], str]
"""What `SentenceEncoder.forward` reads: all windows of all texts, and how to pool them."""


class SentenceEncoder(Encoder[In, R]):
    """What the four models below share: texts to pooled vectors. Their features hold ``texts``: ids by text, window."""

    auto = AutoModel
    # Only hidden states are read: heads of other tasks are surplus, and a pooler may be missing.
    unused = ("pooler.",)

    def enable(self) -> None:
        packed.enable(self.network)

    def configure(self, weights: WeightsRef) -> None:
        self.pooling = _pooling_of(weights)
        self.embed_known = functools.lru_cache(maxsize=4)(self.embed)

    def read(self, groups: Sequence[Sequence[str]], long: str, pooling: str | None = None) -> list[Features]:
        """One features dict a group of texts."""
        cut = iter(windows.read(self.tokenizer, [text for group in groups for text in group], long))
        features = []
        for group in groups:
            texts = [next(cut) for _ in group]
            features.append(
                {
                    "texts": [[window.ids for window in text] for text in texts],
                    "truncated": any(windows.was_cut(text, long) for text in texts),
                    "windows": max(len(text) for text in texts),
                    "pooling": pooling or self.pooling,
                }
            )
        return features

    def collate(self, features: list[Features]) -> Batch:
        rows = [window for each in features for text in each["texts"] for window in text]
        return pack(rows), features[0]["pooling"]

    def forward(self, batch: Batch) -> torch.Tensor:
        """Pooled vectors, (windows, D), not normalised."""
        parts, pooling = batch
        return torch.cat([self._pooled(rows, pooling) for rows in parts])

    def _pooled(self, rows: Rows, pooling: str) -> torch.Tensor:
        """Token vectors to one a row, special tokens included as in Sentence-BERT."""
        if pooling == "cls":
            return first_states(self.network, rows)
        groups = by_length(hidden_states(self.network, rows), rows.groups)
        return by_row([group.amax(1) if pooling == "max" else group.mean(1) for group in groups], rows)

    def vectors(self, output: torch.Tensor, features: list[Features]) -> torch.Tensor:
        """One vector a text, (texts, D) in float32."""
        weights = [[len(window) for window in text] for each in features for text in each["texts"]]
        return windows.mean_by_text(output.float(), weights)

    def embed(self, texts: tuple[str, ...], long: str) -> torch.Tensor:
        """Normalised vectors of many texts, (texts, D), on the network's device."""
        parts = []
        for at in range(0, len(texts), TEXTS_AT_ONCE):
            features = self.read([[text] for text in texts[at : at + TEXTS_AT_ONCE]], long)
            # The worker never sees these, so they are moved here.
            rows, pooling = self.collate(features)
            output = self.forward(([each.to(self.network.device) for each in rows], pooling))
            parts.append(normalize(self.vectors(output, features)))
        return torch.cat(parts)


class FeatureExtraction(SentenceEncoder[Text, Embedding]):
    """A text as a vector."""

    def preprocess(self, items: Sequence[Text], options: Any) -> list[Features]:
        return self.read([[item] for item in items], options.long, options.pooling)

    def postprocess(self, output: torch.Tensor, features: list[Features], options: Any) -> list[Embedding]:
        vectors = self.vectors(output, features)
        if options.normalize:
            vectors = normalize(vectors)
        return [Embedding.model_construct(vector=vector) for vector in vectors.tolist()]


class SentenceSimilarity(SentenceEncoder[Comparison, Similarity]):
    """How alike a text and others are."""

    @staticmethod
    def estimate(item: Any) -> int:
        return sum(1 + len(text) // 5 for text in (item.source, *item.sentences))

    def preprocess(self, items: Sequence[Comparison], options: Any) -> list[Features]:
        return self.read([[item.source, *item.sentences] for item in items], options.long)

    def postprocess(self, output: torch.Tensor, features: list[Features], options: Any) -> list[Similarity]:
        vectors = normalize(self.vectors(output, features))
        groups = torch.split(vectors, [len(each["texts"]) for each in features])
        return [Similarity.model_construct(scores=(each[1:] @ each[0]).clamp(-1, 1).tolist()) for each in groups]


class SemanticSearch(SentenceEncoder[Text, SearchResult]):
    """Find the texts of a corpus nearest to a query; the last corpora are kept as vectors."""

    def preprocess(self, items: Sequence[Text], options: Any) -> list[Features]:
        features = self.read([[item] for item in items], options.long)
        return [{**each, "query": str(item)} for item, each in zip(items, features, strict=True)]

    def postprocess(self, output: torch.Tensor, features: list[Features], options: Any) -> list[SearchResult]:
        corpus = self.embed_known(options.corpus, options.long)
        scores = normalize(self.vectors(output, features)) @ corpus.T
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

    def preprocess(self, items: Sequence[Text], options: Any) -> list[Features]:
        return self.read([[item] for item in items], options.long)

    def postprocess(self, output: torch.Tensor, features: list[Features], options: Any) -> list[Classification]:
        labels = self.embed_known(tuple(options.template.replace("{}", name) for name in options.labels), options.long)
        cosines = normalize(self.vectors(output, features)) @ labels.T
        if options.multi_label:
            scores = torch.sigmoid((cosines - FITTING) / TEMPERATURE)
        else:
            scores = torch.softmax(cosines / TEMPERATURE, dim=-1)
        return [Classification.ranked(options.labels, each) for each in scores.tolist()]


def normalize(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors (B, D) scaled to length 1."""
    lengths: torch.Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / lengths


def _pooling_of(weights: WeightsRef) -> str:
    """The pooling that a sentence-transformers folder asks for; ``mean`` where it asks for none.

    Raises `WeightsMismatch` for steps after the encoder that are not written here: leaving
    them out would give other vectors than the checkpoint's own.
    """
    steps = {each["type"].rpartition(".")[2]: each["path"] for each in read_json(weights, "modules.json")}
    surplus = sorted(steps.keys() - {"Transformer", "Pooling", "Normalize"})
    config = read_json(weights, f"{steps['Pooling']}/config.json") if "Pooling" in steps else {}
    asked = {config[key] for key in ("pooling_mode",) if key in config}
    asked |= {key.removeprefix("pooling_mode_") for key, on in config.items() if on is True}
    asked -= {"include_prompt"}
    names = {"mean_tokens": "mean", "mean": "mean", "cls_token": "cls", "cls": "cls", "max_tokens": "max", "max": "max"}
    if surplus or len(asked) > 1 or not asked <= names.keys():
        raise WeightsMismatch(
            f"'{weights.folder}' makes its vectors in a way that duomo does not know",
            why=f"modules.json asks for {', '.join([*surplus, *sorted(asked)])}",
            fix="use a checkpoint with one pooling (mean, cls or max) and no layer after it",
        )
    return names[asked.pop()] if asked else "mean"
