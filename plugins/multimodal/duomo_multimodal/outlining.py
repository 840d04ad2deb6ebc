"""Masks of things that are named on the spot, by CLIPSeg: one map of probabilities for each name.

Lüddecke and Ecker 2022, https://arxiv.org/abs/2112.10003. An image is looked at once, whatever is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoImageProcessor, AutoTokenizer, CLIPSegForImageSegmentation

from duomo import Image, Model, WeightsRef
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.multimodal.matching import TextImageSegmentationOptions
from duomo.tasks.options import check_label_length
from duomo.tasks.vision.segmentation import Mask, Segmentation
from duomo.vocabulary import refuse_rowless

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


class Outliner(Model[Image, Segmentation]):
    """One mask a name; the maps are brought to the size of the image bilinearly."""

    batch_size = 4

    def __init__(self, network: Network, processor: Processor, tokenizer: Processor) -> None:
        self.network = network
        self.processor = processor
        self.tokenizer = tokenizer
        self.max_tokens: int = network.config.text_config.max_position_embeddings

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, image processor and tokenizer, whole."""
        network = load_network(CLIPSegForImageSegmentation, weights, dtype=dtype).to(device)
        processor = load_processor(AutoImageProcessor, weights, "image processor")
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        refuse_rowless(network.clip.text_model, tokenizer)
        return cls(network, processor, tokenizer)

    def check_options(self, options: TextImageSegmentationOptions) -> None:
        """Refuse names that are longer than the model reads."""
        self._tokens(options)

    def preprocess(self, items: Sequence[Image], options: TextImageSegmentationOptions) -> list[Features]:
        tokens = self._tokens(options)
        text = {name: tokens[name] for name in ("input_ids", "attention_mask")}
        return [self._features(item) | {"text": text} for item in items]

    def _tokens(self, options: TextImageSegmentationOptions) -> dict[str, Tensor]:
        tokens = self.tokenizer(list(options.labels), padding=True, return_tensors="pt")
        check_label_length(tokens["input_ids"].shape[1], self.max_tokens)
        return dict(tokens)

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[Tensor]:
        """For each image probabilities (names, h, w), in the size of the network."""
        text = {name: each.to(self.network.device) for name, each in batch[0]["text"].items()}
        asked = self.network.clip.get_text_features(**text).pooler_output
        return [self._maps(each["pixels"], asked) for each in batch]

    def postprocess(
        self, output: list[Tensor], features: list[Features], options: TextImageSegmentationOptions
    ) -> list[Segmentation]:
        results = []
        for maps, each in zip(output, features, strict=True):
            height, width = each["size"]
            large = F.interpolate(maps[None], (height, width), mode="bilinear", align_corners=False)[0]
            masks = (large >= options.threshold).cpu().numpy()
            segments = [Mask.of(label, mask) for label, mask in zip(options.labels, masks, strict=True)]
            results.append(Segmentation.model_construct(segments=segments, width=width, height=height))
        return results

    def _features(self, item: Image) -> Features:
        picture = item.pil()
        pixels = self.processor(images=[picture], return_tensors="pt")["pixel_values"]
        return {"pixels": pixels, "size": (picture.height, picture.width)}

    def _maps(self, pixels: Tensor, asked: Tensor) -> Tensor:
        pixels = pixels.to(self.network.device, self.network.dtype)
        seen = self.network.clip.vision_model(
            pixel_values=pixels, output_hidden_states=True, interpolate_pos_encoding=True
        ).hidden_states
        rows = len(asked)
        layers = [seen[at + 1].expand(rows, -1, -1) for at in self.network.extract_layers]
        logits: Tensor = self.network.decoder(layers, asked).logits.float()
        return logits.reshape(rows, *logits.shape[-2:]).sigmoid()
