"""CLIP, SigLIP and their kin in transformers format: one space of texts and images, learned from pairs.

CLIP: Radford et al. 2021, https://arxiv.org/abs/2103.00020. A softmax over the labels, as it was trained; so have
ALIGN, AltCLIP, Chinese CLIP and MetaCLIP 2.
SigLIP: Zhai et al. 2023, https://arxiv.org/abs/2303.15343. A sigmoid for each label on its own, so that the
scores need not sum to 1; its texts are always padded to the full length, as in training.
SigLIP 2: Tschannen et al. 2025, https://arxiv.org/abs/2502.14786. The same, on texts without capitals, which those of a
fixed size say in tokenizer_config.json to a class that takes no notice (big_vision#166); others take patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch.nn import functional as F
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from duomo import Image, WeightsRef
from duomo.errors import InputTooLong
from duomo.imaging import Preparation
from duomo.pretrained import load_network, load_processor
from duomo.vocabulary import refuse_rowless
from duomo_multimodal import parallel
from duomo_multimodal.space import Embed, Search, Space, ZeroShot

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


class DualEncoder(Space[Any, Any]):
    """The space: a text encoder and an image encoder that end in the same projection."""

    template = "This is a photo of {}."

    def __init__(self, network: Network, tokenizer: Processor, image_processor: Processor) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.prepared = Preparation(image_processor)
        self.is_siglip = network.config.model_type in ("siglip", "siglip2")
        self.is_lower = self.is_siglip and bool(tokenizer.init_kwargs.get("do_lower_case"))
        text = network.config.text_config
        unused = text.pad_token_id + 1 if network.config.model_type == "altclip" else 0  # XLM-R counts from there
        self.max_tokens: int = text.max_position_embeddings - unused

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        network = load_network(AutoModel, weights, dtype=dtype)
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        tokenizer.padding_side = "right"
        refuse_rowless(network.text_model, tokenizer)
        image_processor = load_processor(AutoImageProcessor, weights, "image processor")
        return cls(network.to(device), tokenizer, image_processor)

    tensor_plan = staticmethod(parallel.tensor_plan)

    def prepare(self, images: Sequence[Image]) -> list[Any]:
        """What the image processor makes of each image: pixels, or patches with their mask and arrangement."""
        if not images:
            return []
        inputs = self.prepared(images)
        return [{name: tensor[row] for name, tensor in inputs.items()} for row in range(len(images))]

    def embed_pictures(self, prepared: list[Any]) -> torch.Tensor:
        inputs = {name: torch.stack([each[name] for each in prepared]).to(self.network.device) for name in prepared[0]}
        inputs["pixel_values"] = inputs["pixel_values"].to(self.network.dtype)
        return _unit(self.network.get_image_features(**inputs))

    def embed_texts(self, texts: Sequence[str]) -> torch.Tensor:
        padding = "max_length" if self.is_siglip else "longest"
        read = [text.lower() for text in texts] if self.is_lower else list(texts)
        tokens = self.tokenizer(read, padding=padding, max_length=self.max_tokens, return_tensors="pt")
        if tokens["input_ids"].shape[1] > self.max_tokens:
            raise InputTooLong(
                f"a text of {tokens['input_ids'].shape[1]} tokens is too long for this model",
                why=f"it reads {self.max_tokens}",
                fix="say it in fewer words",
            )
        if self.is_siglip:
            tokens.pop("attention_mask", None)  # padding was attended to in training
        return _unit(self.network.get_text_features(**tokens.to(self.network.device)))

    def probabilities(self, cosines: torch.Tensor) -> torch.Tensor:
        is_align = self.network.config.model_type == "align"
        scale = 1 / self.network.temperature if is_align else self.network.logit_scale.float().exp()
        logits: torch.Tensor = cosines * scale.float().cpu()
        if self.is_siglip:
            return torch.sigmoid(logits + self.network.logit_bias.float().cpu())
        return logits.softmax(dim=-1)


class DualEncoderZeroShot(DualEncoder, ZeroShot):
    """CLIP, SigLIP or their kin for zero-shot-image-classification."""


class DualEncoderEmbed(DualEncoder, Embed):
    """CLIP, SigLIP or their kin for multimodal-embedding."""


class DualEncoderSearch(DualEncoder, Search):
    """CLIP, SigLIP or their kin for image-search."""


def _unit(features: Any) -> torch.Tensor:
    return F.normalize(features.pooler_output.float(), dim=-1).cpu()
