"""What is to be seen in an image, in words, by BLIP and by encoder-decoders of an image and a text.

TrOCR is one of the latter: on the image of one line it writes down what the line says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer, GenerationConfig

from duomo import Image, Model, WeightsRef
from duomo.errors import WeightsProblem
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.multimodal.captioning import Caption, ImageCaptioningOptions

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

BOUND = 64
"""New tokens, where neither the caller nor the checkpoint says."""
UNREAD = ("encoder.pooler.",)
"""Tensors that a decoder never sees, and that checkpoints leave out."""


class Batch(NamedTuple):
    """Images of one size, and how they are written about."""

    pixels: Tensor
    """(B, 3, H, W)."""
    options: ImageCaptioningOptions

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Batch:
        """The same on another device."""
        return self._replace(pixels=self.pixels.to(device, non_blocking=non_blocking))


class Captioner(Model[Image, Caption]):
    """Greedy or beam search, as the checkpoint's generation config says; sampling is refused."""

    batch_size = 8

    def __init__(self, network: Network, processor: Processor, tokenizer: Processor) -> None:
        self.network = network
        self.processor = processor
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, image processor and tokenizer, whole; raises `WeightsProblem` for one that samples."""
        network = load_network(AutoModelForImageTextToText, weights, dtype=dtype, may_miss=UNREAD).to(device)
        if network.generation_config.do_sample:
            raise WeightsProblem(
                f"'{weights.folder}' asks for do_sample=True, which cannot be honoured here",
                why="captions are written greedily or by beam search: a picture has the same caption in any batch",
                fix="take do_sample out of its generation_config.json",
            )
        processor = load_processor(AutoImageProcessor, weights, "image processor")
        return cls(network, processor, load_processor(AutoTokenizer, weights, "tokenizer"))

    def preprocess(self, items: Sequence[Image], options: ImageCaptioningOptions) -> list[Features]:
        prepared = [self.processor(images=[item.pil()], return_tensors="pt")["pixel_values"][0] for item in items]
        return [{"pixels": each, "options": options} for each in prepared]

    def collate(self, features: list[Features]) -> Batch:
        return Batch(torch.stack([each["pixels"] for each in features]), features[0]["options"])

    def forward(self, batch: Batch) -> list[list[int]]:
        """Tokens for each image, from the one that the decoder starts with."""
        config = GenerationConfig.from_dict(self.network.generation_config.to_dict())
        if batch.options.num_beams is not None:
            config.num_beams = batch.options.num_beams
        bound = batch.options.max_new_tokens
        if bound is None and config.max_new_tokens is None and config.max_length is None:
            bound = BOUND
        if bound is not None:
            config.max_new_tokens, config.max_length = bound, None
        pixels = batch.pixels.to(self.network.dtype)
        tokens: list[list[int]] = self.network.generate(pixel_values=pixels, generation_config=config).tolist()
        return tokens

    def postprocess(
        self, output: list[list[int]], features: list[Features], options: ImageCaptioningOptions
    ) -> list[Caption]:
        texts = self.tokenizer.batch_decode(output, skip_special_tokens=True)
        return [self._caption(tokens, text.strip()) for tokens, text in zip(output, texts, strict=True)]

    def _caption(self, tokens: list[int], text: str) -> Caption:
        text_config = self.network.config.get_text_config(decoder=True)
        ends = self.network.generation_config.eos_token_id
        for name in ("sep_token_id", "eos_token_id"):  # BLIP ends with the separator of its texts
            ends = getattr(text_config, name, None) if ends is None else ends
        known = {*ends} if isinstance(ends, list) else {ends}
        last = next((at for at, token in enumerate(tokens) if at and token in known), None)
        count = (len(tokens) if last is None else last + 1) - 1
        return Caption.model_construct(
            generated_text=text, finish_reason="length" if last is None else "stop", num_new_tokens=count
        )
