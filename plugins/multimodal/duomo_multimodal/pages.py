"""What kind of document a page is, by LayoutLMv3: its image, its print, and where the print stands.

Huang et al. 2022, https://arxiv.org/abs/2204.08387. The words of a line share the box of the line, as in training.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoImageProcessor, AutoModelForSequenceClassification, AutoTokenizer

import duomo
from duomo import Image, Model, Runner, WeightsRef
from duomo.errors import InputTooLong
from duomo.imaging import Preparation
from duomo.model import Features
from duomo.pretrained import is_multi_label, labels_of, load_network, load_processor
from duomo.tasks.multimodal.documents import DocumentClassificationOptions
from duomo.tasks.results import Classification
from duomo.vocabulary import refuse_rowless
from duomo_multimodal import parallel

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor
    from duomo.tasks.vision.reading import Page

THOUSAND = 1000
"""Places are given in thousandths of the page."""


class PageClassifier(Model[Image, Classification]):
    """Labels of a page; its print is read first, and a page without print is judged by its looks.

    Scores sum to 1, unless the checkpoint is multi-label or has one label.
    """

    batch_size = 4

    def __init__(
        self, network: Network, tokenizer: Processor, images: Processor, reader: Runner[Any], *, multi_label: bool
    ) -> None:
        self.network = network
        self.multi_label = multi_label
        self.tokenizer = tokenizer
        self.prepared = Preparation(images)
        self.reader = reader
        self.labels = labels_of(network.config)
        # Positions begin behind the one for padding, as in RoBERTa.
        reach = network.config.max_position_embeddings - network.config.pad_token_id - 1
        self.max_tokens = min(int(tokenizer.model_max_length), int(reach))

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, tokenizer and image processor, whole, and the model that reads."""
        network = load_network(AutoModelForSequenceClassification, weights, dtype=dtype).to(device)
        multi_label = is_multi_label(weights, network.config, "document-classification")
        images = load_processor(AutoImageProcessor, weights, "image processor")
        images.apply_ocr = False  # by a program that may not be here; ours reads
        [(task, reader)] = (use.split("=") for use in weights.spec.uses)
        place = {"device": str(device), "dtype": str(dtype).removeprefix("torch.")}
        tokenizer = load_processor(AutoTokenizer, weights, "tokenizer")
        refuse_rowless(network, tokenizer)
        read = duomo.load(task, reader, **place)  # type: ignore[call-overload]
        return cls(network, tokenizer, images, read, multi_label=multi_label)

    tensor_plan = staticmethod(parallel.page_plan)
    pipeline_split = staticmethod(parallel.page_split)

    def preprocess(self, items: Sequence[Image], options: DocumentClassificationOptions) -> list[Features]:
        pages = [outcome.unwrap() for outcome in self.reader.map(items)]
        return [self._features(item, page, options) for item, page in zip(items, pages, strict=True)]

    def collate(self, features: list[Features]) -> dict[str, Tensor]:
        """Tokens and their boxes, padded; images (B, 3, H, W)."""
        pads = {"input_ids": self.tokenizer.pad_token_id, "attention_mask": 0, "bbox": 0}
        padded = {
            name: pad_sequence([each[name] for each in features], batch_first=True, padding_value=float(pad)).long()
            for name, pad in pads.items()
        }
        return padded | {"pixel_values": torch.stack([each["pixel_values"] for each in features])}

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Probabilities (B, labels)."""
        pixels = batch["pixel_values"].to(self.network.dtype)
        logits: Tensor = self.network(**batch | {"pixel_values": pixels}).logits.float()
        return logits.sigmoid() if self.multi_label else logits.softmax(-1)

    def postprocess(
        self, output: Tensor, features: list[Features], options: DocumentClassificationOptions
    ) -> list[Classification]:
        return [Classification.ranked(self.labels, row, options.top_k) for row in output.tolist()]

    def _features(self, item: Image, page: Page, options: DocumentClassificationOptions) -> Features:
        words, boxes = words_of(page)
        tokens = self.tokenizer(words or [""], boxes=boxes or [[0, 0, 0, 0]])
        ids, places = tokens["input_ids"], tokens["bbox"]
        is_long = len(ids) > self.max_tokens
        if is_long and options.long == "error":
            raise InputTooLong(
                f"the page has {len(ids)} tokens of print",
                why=f"this model reads {self.max_tokens}",
                fix="long='truncate' reads the first of them",
            )
        if is_long:  # the last token says that the text has ended
            ids, places = [*ids[: self.max_tokens - 1], ids[-1]], [*places[: self.max_tokens - 1], places[-1]]
        [pixels] = self.prepared([item])["pixel_values"]
        return {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.ones(len(ids), dtype=torch.long),
            "bbox": torch.tensor(places),
            "pixel_values": pixels,
            "truncated": is_long,
        }


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
