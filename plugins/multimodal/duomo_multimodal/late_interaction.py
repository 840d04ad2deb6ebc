"""ColPali and its kin: pages found by a question, each word of which looks for the part of a page that fits it best.

Faysse et al. 2024, https://arxiv.org/abs/2407.01449. A page is some hundred vectors and a question one for each of its
tokens. The score is that of the processor's ``score_retrieval`` for one page: for each token of the question the
largest of its products with the vectors of the page, summed; it grows with the length of the question. (Of pages of
unlike lengths the processor fills the shorter up with zeros, so that their scores hang on who is beside them.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
import transformers
from torch import Tensor
from transformers import AutoProcessor

from duomo import Image, WeightsRef
from duomo.errors import InputTooLong
from duomo.pretrained import load_network, load_processor, narrow_images
from duomo.vocabulary import refuse_rowless
from duomo_multimodal.space import Search

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor


class PageSearch(Search):
    """Pages and questions go through the network one by one: none is padded, so that none changes another."""

    kept = 1000
    """A page takes as much memory as some hundred images of CLIP."""

    def __init__(self, network: Network, processor: Processor) -> None:
        self.network = network
        self.processor = processor
        self.context: int = network.config.vlm_config.get_text_config().max_position_embeddings

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and processor, whole, by their class: no Auto class has them."""
        named = getattr(transformers, weights.config()["architectures"][0])
        network = load_network(named, weights, dtype=dtype).to(device)
        processor = load_processor(AutoProcessor, weights, "processor")
        refuse_rowless(network, processor.tokenizer)
        return cls(network, processor)

    def prepare(self, images: Sequence[Image]) -> list[Any]:
        """What the processor makes of each page, as a batch of one."""
        prepared = []
        for image in images:
            page = image.pil()
            with narrow_images(*page.size):
                prepared.append(dict(self.processor.process_images(images=[page])))
        return prepared

    def embed_pictures(self, prepared: list[Any]) -> list[Tensor]:
        """For each page its vectors, (L, D), each of length 1."""
        return [self._vectors(each) for each in prepared]

    def embed_texts(self, texts: Sequence[str]) -> list[Tensor]:
        """For each text a vector of length 1 for each token, (L, D)."""
        return [self._vectors(dict(self.processor.process_queries(text=[text]))) for text in texts]

    def scores(self, queries: Iterable[Tensor], images: list[Tensor]) -> Tensor:
        """Sums over the vectors of a query, (queries, images)."""
        return torch.stack([torch.stack([(one @ page.T).amax(-1).sum() for page in images]) for one in queries])

    def _vectors(self, inputs: dict[str, Tensor]) -> Tensor:
        length = inputs["input_ids"].shape[1]
        if length > self.context:
            raise InputTooLong(
                f"a text or page of {length} tokens is too long for this model",
                why=f"it reads {self.context}",
                fix="ask in fewer words",
            )
        there = {name: each.to(self.network.device) for name, each in inputs.items() if name != "labels"}
        if "pixel_values" in there:
            there["pixel_values"] = there["pixel_values"].to(self.network.dtype)
        vectors: Tensor = self.network(**there).embeddings[0]
        return vectors.float().cpu()
