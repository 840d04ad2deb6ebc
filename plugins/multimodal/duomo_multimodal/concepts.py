"""Masks of things that are named on the spot, by SAM 3: one map of probabilities for each name.

Carion et al. 2025, https://arxiv.org/abs/2511.16719. The map is that of the head for semantic segmentation. What is
published (`Sam3VideoModel`) has beside this network one that follows things through a video, which is not loaded.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoTokenizer, Sam3Model
from transformers.modeling_outputs import BaseModelOutputWithPooling

from duomo import WeightsRef
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.multimodal.matching import TextImageSegmentationOptions
from duomo.tasks.options import check_label_length
from duomo.vocabulary import refuse_rowless
from duomo_multimodal.outlining import Outliner


class ConceptOutliner(Outliner):
    """An image is looked at once, and then together with each name."""

    batch_size = 1

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, image processor and tokenizer, whole."""
        network = load_network(Sam3Model, weights, dtype=dtype).to(device)
        processor = load_processor(AutoImageProcessor, weights, "image processor")
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        refuse_rowless(network.text_encoder, tokenizer)
        return cls(network, processor, tokenizer)

    def _tokens(self, options: TextImageSegmentationOptions) -> dict[str, Tensor]:
        tokens = self.tokenizer(
            list(options.labels), padding="max_length", max_length=self.max_tokens, return_tensors="pt"
        )
        check_label_length(tokens["input_ids"].shape[1], self.max_tokens)
        return dict(tokens)

    def forward(self, batch: list[Features]) -> list[Tensor]:
        """For each image probabilities (names, h, w), in the size of the network."""
        text = {name: each.to(self.network.device) for name, each in batch[0]["text"].items()}
        asked = self.network.get_text_features(**text).pooler_output
        names = list(zip(asked.split(1), text["attention_mask"].split(1), strict=True))
        found = []
        for each in batch:
            seen = self.network.get_vision_features(each["pixels"].to(self.network.device, self.network.dtype))
            maps = [self._map(seen, name, mask) for name, mask in names]
            found.append(torch.stack(maps))
        return found

    def _map(self, seen: object, name: Tensor, mask: Tensor) -> Tensor:
        """Probabilities (h, w) of one name, whose states are (1, tokens, width)."""
        output = self.network(
            vision_embeds=seen, text_embeds=BaseModelOutputWithPooling(pooler_output=name), attention_mask=mask
        )
        logits: Tensor = output.semantic_seg[0, 0].float()
        return logits.sigmoid()
