"""What LayoutLM and its kin share: a page is read first, and its words have places; LayoutLMv3 takes its image, too.

Xu et al. 2019, https://arxiv.org/abs/1912.13318; Huang et al. 2022, https://arxiv.org/abs/2204.08387. A family adds
what its rows hold, and what their output means.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoImageProcessor, AutoTokenizer

import duomo
from duomo import Image, Model, Runner, WeightsRef
from duomo.imaging import Preparation
from duomo.model import Features, In, R
from duomo.pretrained import load_network, load_processor
from duomo.vocabulary import refuse_rowless
from duomo_multimodal import parallel

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor
    from duomo.tasks.vision.reading import Page

THOUSAND = 1000
"""Places are given in thousandths of the page."""


class LayoutModel(Model[In, R]):
    """A network on the words of a page; LayoutLMv3 looks at the page, too.

    Features are ``rows``, each with the `inputs` of one pass, and ``pixels``.
    """

    auto: ClassVar[Any]
    """The Auto class that builds the network."""
    inputs: ClassVar[tuple[str, ...]] = ("input_ids", "attention_mask", "bbox")
    """What a row gives the network for each token."""
    batch_size = 4

    def __init__(self, network: Network, tokenizer: Processor, images: Processor | None, reader: Runner[Any]) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.prepared = images and Preparation(images)
        self.reader = reader
        config = network.config
        # Positions begin behind the one for padding, as in RoBERTa; those of LayoutLM as in BERT.
        unused = 0 if config.model_type == "layoutlm" else config.pad_token_id + 1
        self.max_tokens = min(int(tokenizer.model_max_length), config.max_position_embeddings - unused)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, tokenizer and, where it looks, image processor, whole, and the model that reads."""
        network = load_network(cls.auto, weights, dtype=dtype).to(device)
        images = None
        if network.config.model_type == "layoutlmv3":
            images = load_processor(AutoImageProcessor, weights, "image processor")
            images.apply_ocr = False  # by a program that may not be here; ours reads
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        refuse_rowless(network, tokenizer)
        [(task, reader)] = (use.split("=") for use in weights.spec.uses)
        place: dict[str, Any] = {"device": str(device), "dtype": str(dtype).removeprefix("torch.")}
        made = cls(network, tokenizer, images, duomo.load(task, reader, **place))
        made.configure(weights)
        return made

    def configure(self, weights: WeightsRef) -> None:
        """Take from the checkpoint what else this family needs; raise where it is not there."""

    tensor_plan = staticmethod(parallel.page_plan)

    def pixels(self, image: Image) -> Tensor | None:
        """(3, H, W), or None where the network does not look."""
        if self.prepared is None:
            return None
        [pixels] = self.prepared([image])["pixel_values"]
        return pixels  # type: ignore[no-any-return]  # of a library without types

    def collate(self, features: list[Features]) -> dict[str, Tensor]:
        """The rows of all pages, padded, each (B, tokens, …); images (B, 3, H, W)."""
        rows = [row for each in features for row in each["rows"]]
        pads = {"input_ids": float(self.tokenizer.pad_token_id)}
        batch = {
            name: pad_sequence([row[name] for row in rows], batch_first=True, padding_value=pads.get(name, 0.0)).long()
            for name in self.inputs
        }
        if self.prepared is not None:
            pixels = torch.stack([each["pixels"] for each in features for _ in each["rows"]])
            batch["pixel_values"] = pixels.to(self.network.dtype)
        return batch


def words_of(page: Page, *, apart: bool = False) -> tuple[list[str], list[list[int]]]:
    """The words of a page, and for each the box of its line in thousandths of the page.

    With `apart` each has a box of its own, the share of its letters in the line: no reader says where a word stands.
    """
    words, boxes = [], []
    for line in page.lines:
        across = [round(THOUSAND * x / page.width) for x, _ in line.corners]
        down = [round(THOUSAND * y / page.height) for _, y in line.corners]
        box = [min(max(each, 0), THOUSAND) for each in (min(across), min(down), max(across), max(down))]
        step = (box[2] - box[0]) / len(line.text) if apart else 0
        for match in re.finditer(r"\S+", line.text):
            words.append(match.group())
            left, right = (round(box[0] + step * at) for at in match.span())
            boxes.append([left, box[1], right, box[3]] if apart else box)
    return words, boxes
