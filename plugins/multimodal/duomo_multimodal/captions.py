"""Texts that image models write: what is to be seen, and what a line of handwriting says (TrOCR)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self

import torch
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer, GenerationConfig

from duomo import Image, Model, WeightsRef
from duomo.errors import BadOption
from duomo.generating import FROM_PIXELS, refuse
from duomo.imaging import Preparation
from duomo.model import Features, R
from duomo.pretrained import load_network, load_processor
from duomo.tasks.multimodal.captioning import Caption, ImageCaptioningOptions
from duomo.tasks.vision.reading import Handwriting, HandwritingRecognitionOptions
from duomo_multimodal import parallel

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

BOUND = 64
"""New tokens, where neither the caller nor the checkpoint says."""
UNREAD = ("encoder.pooler.",)
"""Tensors that a decoder never sees, and that checkpoints leave out."""


WritingOptions = ImageCaptioningOptions | HandwritingRecognitionOptions
Reason = Literal["stop", "length"]


class Batch(NamedTuple):
    """Images of one size, and how they are written about."""

    pixels: Tensor
    """(B, 3, H, W); of Pix2Struct patches in a row."""
    options: WritingOptions

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Batch:
        """The same on another device."""
        return self._replace(pixels=self.pixels.to(device, non_blocking=non_blocking))


class Writer(Model[Image, R]):
    """Greedy or beam search, as the checkpoint's generation config says; sampling is refused."""

    batch_size = 8
    looks_at: ClassVar[str] = "pixel_values"
    """What the image processor makes of an image."""

    def __init__(self, network: Network, processor: Processor, tokenizer: Processor) -> None:
        self.network = network
        self.prepared = Preparation(processor)
        self.tokenizer = tokenizer
        config = network.config
        self.shown: int = config.num_query_tokens if getattr(config, "use_decoder_only_language_model", False) else 0
        """Tokens that stand for the image before those that are written: of BLIP-2."""
        places = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
        self.room: int | None = places and places - max(1, self.shown)
        """Tokens that can be written; None where positions have no bound."""

    tensor_plan = staticmethod(parallel.caption_plan)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, image processor and tokenizer, whole; refuses one that samples and the like."""
        network = load_network(AutoModelForImageTextToText, weights, dtype=dtype, may_miss=UNREAD).to(device)
        refuse(network.generation_config, FROM_PIXELS, weights.folder)
        processor = load_processor(AutoImageProcessor, weights, "image processor")
        cls.check_processor(processor, weights)
        return cls(network, processor, load_processor(AutoTokenizer, weights, "tokenizer"))

    @classmethod
    def check_processor(cls, processor: Processor, weights: WeightsRef) -> None:
        """Raise `WrongTask` for a checkpoint whose images are prepared for something else."""

    def check_options(self, options: WritingOptions) -> None:
        """Refuse more tokens than the decoder has positions for. Raises `BadOption`."""
        if self.room is not None and (options.max_new_tokens or 0) > self.room:
            raise BadOption(
                f"option 'max_new_tokens' cannot be {options.max_new_tokens}",
                why="the decoder has fewer positions",
                fix=f"max_new_tokens={self.room} at most",
            )

    def preprocess(self, items: Sequence[Image], options: WritingOptions) -> list[Features]:
        prepared = [self.prepared([item])[self.looks_at][0] for item in items]
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
            bound = BOUND if self.room is None else min(BOUND, self.room)
        if bound is not None:
            config.max_new_tokens, config.max_length = bound, None
        pixels = batch.pixels.to(self.network.dtype)
        tokens: Tensor = self.network.generate(**self.inputs(pixels), generation_config=config)
        return tokens[:, self.shown :].tolist()

    def inputs(self, pixels: Tensor) -> dict[str, Tensor]:
        """What the network takes of prepared images."""
        return {self.looks_at: pixels}

    def postprocess(self, output: list[list[int]], features: list[Features], options: WritingOptions) -> list[R]:
        texts = self.tokenizer.batch_decode(output, skip_special_tokens=True)
        return [self.result(text.strip(), *self._end(tokens)) for tokens, text in zip(output, texts, strict=True)]

    @abstractmethod
    def result(self, text: str, reason: Reason, num_new_tokens: int) -> R:
        """Make the result of one image."""

    def _end(self, tokens: list[int]) -> tuple[Reason, int]:
        """Why writing ended, and after how many tokens."""
        text_config = self.network.config.get_text_config(decoder=True)
        ends = self.network.generation_config.eos_token_id
        for name in ("sep_token_id", "eos_token_id"):  # BLIP ends with the separator of its texts
            ends = getattr(text_config, name, None) if ends is None else ends
        known = {*ends} if isinstance(ends, list) else {ends}
        last = next((at for at, token in enumerate(tokens) if at and token in known), None)
        return ("length", len(tokens) - 1) if last is None else ("stop", last)


class Captioner(Writer[Caption]):
    """BLIP and BLIP-2, GIT, or an encoder-decoder of an image and a text."""

    def result(self, text: str, reason: Reason, num_new_tokens: int) -> Caption:
        return Caption.model_construct(generated_text=text, finish_reason=reason, num_new_tokens=num_new_tokens)


class LineReader(Writer[Handwriting]):
    """TrOCR, on the image of one line."""

    def result(self, text: str, reason: Reason, num_new_tokens: int) -> Handwriting:
        return Handwriting.model_construct(text=text, finish_reason=reason, num_new_tokens=num_new_tokens)
