"""How well texts and an image fit, by the matching head of BLIP: it reads a text while it looks at the image.

Li et al. 2022, https://arxiv.org/abs/2201.12086.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoTokenizer, BlipForImageTextRetrieval

from duomo import Model, WeightsRef
from duomo.errors import InputTooLong
from duomo.imaging import Preparation
from duomo.inputs import ImageCandidates
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.multimodal.matching import ImageTextRetrievalOptions
from duomo.tasks.results import Hit, SearchResult
from duomo.vocabulary import refuse_rowless
from duomo_multimodal import parallel

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

FITS = 1
"""The row of the matching head that says that they do."""


class TextMatcher(Model[ImageCandidates, SearchResult]):
    """An image is looked at once; then its texts are read together, padded and masked."""

    batch_size = 4

    def __init__(self, network: Network, processor: Processor, tokenizer: Processor) -> None:
        self.network = network
        self.prepared = Preparation(processor)
        self.tokenizer = tokenizer
        positions: int = network.config.text_config.max_position_embeddings
        self.max_tokens = min(positions, tokenizer.model_max_length)

    tensor_plan = staticmethod(parallel.caption_plan)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, image processor and tokenizer, whole."""
        network = load_network(BlipForImageTextRetrieval, weights, dtype=dtype).to(device)
        processor = load_processor(AutoImageProcessor, weights, "image processor")
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        refuse_rowless(network, tokenizer)
        return cls(network, processor, tokenizer)

    @staticmethod
    def estimate(item: ImageCandidates) -> int:
        return 10 + len(item.texts)

    def preprocess(self, items: Sequence[ImageCandidates], options: ImageTextRetrievalOptions) -> list[Features]:
        return [self._features(item, options.long) for item in items]

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[Tensor]:
        """The probability that each text fits its image."""
        device = self.network.device
        pixels = torch.cat([each["pixels"] for each in batch]).to(device, self.network.dtype)
        seen = self.network.vision_model(pixel_values=pixels).last_hidden_state
        return [self._scores(each, image[None], device) for each, image in zip(batch, seen, strict=True)]

    def postprocess(
        self, output: list[Tensor], features: list[Features], options: ImageTextRetrievalOptions
    ) -> list[SearchResult]:
        results = []
        for scores, each in zip(output, features, strict=True):
            texts, values = each["texts"], scores.tolist()
            order = sorted(range(len(texts)), key=lambda at: -values[at])[: options.top_k]
            hits = [Hit.model_construct(index=at, item=texts[at], score=values[at]) for at in order]
            results.append(SearchResult.model_construct(query=each["name"], hits=hits))
        return results

    def _scores(self, features: Features, seen: Tensor, device: torch.device) -> Tensor:
        tokens = {name: each.to(device) for name, each in features["tokens"].items()}
        seen = seen.expand(len(tokens["input_ids"]), -1, -1)
        read = self.network.text_encoder(
            **tokens,
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:-1], dtype=torch.long, device=device),
        ).last_hidden_state
        logits: Tensor = self.network.itm_head(read[:, 0]).float()
        return logits.softmax(-1)[:, FITS].cpu()

    def _features(self, item: ImageCandidates, long: str) -> Features:
        texts = [str(text) for text in item.texts]
        lengths = [len(each) for each in self.tokenizer(texts, verbose=False)["input_ids"]]
        is_long = max(lengths) > self.max_tokens
        if is_long and long == "error":
            worst = texts[lengths.index(max(lengths))]
            raise InputTooLong(
                f"a text of {max(lengths)} tokens is too long for this model: {worst[:39]!r}…",
                why=f"it reads {self.max_tokens}",
                fix="say it in fewer words, or long=truncate",
            )
        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt")
        return {
            "tokens": {name: tokens[name] for name in ("input_ids", "attention_mask")},
            "pixels": self.prepared([item.image])["pixel_values"],
            "texts": texts,
            "name": item.name,
            "truncated": is_long,
        }
