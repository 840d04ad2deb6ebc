"""What kind of document a page is, by LayoutLMv3: its image, its print, and where the print stands.

Huang et al. 2022, https://arxiv.org/abs/2204.08387. The words of a line share the box of the line, as in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from duomo import Image, WeightsRef
from duomo.errors import InputTooLong
from duomo.model import Features
from duomo.pretrained import is_multi_label, labels_of
from duomo.tasks.multimodal.documents import DocumentClassificationOptions
from duomo.tasks.results import Classification
from duomo_multimodal import parallel
from duomo_multimodal.layout import LayoutModel, words_of

if TYPE_CHECKING:
    from duomo.tasks.vision.reading import Page


class PageClassifier(LayoutModel[Image, Classification]):
    """Labels of a page; its print is read first, and a page without print is judged by its looks.

    Scores sum to 1, unless the checkpoint is multi-label or has one label.
    """

    auto = AutoModelForSequenceClassification

    def configure(self, weights: WeightsRef) -> None:
        self.multi_label = is_multi_label(weights, self.network.config, "document-classification")
        self.labels = labels_of(self.network.config)

    pipeline_split = staticmethod(parallel.page_split)

    def preprocess(self, items: Sequence[Image], options: DocumentClassificationOptions) -> list[Features]:
        pages = [outcome.unwrap() for outcome in self.reader.map(items)]
        return [self._features(item, page, options) for item, page in zip(items, pages, strict=True)]

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Probabilities (B, labels)."""
        logits: Tensor = self.network(**batch).logits.float()
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
        row = {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.ones(len(ids), dtype=torch.long),
            "bbox": torch.tensor(places),
        }
        return {"rows": [row], "pixels": self.pixels(item), "truncated": is_long}
