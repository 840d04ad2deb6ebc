"""A label for a text, by any transformers checkpoint made for sequence classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification

from duomo import Model, Text, WeightsRef
from duomo.errors import WrongTask
from duomo.model import Features
from duomo.tasks.results import Classification
from duomo_nlp import windows
from duomo_nlp.checkpoint import load_network, load_tokenizer, max_tokens


class TextClassification(Model[Text, Classification]):
    """Softmax over the labels; a sigmoid each for ``multi_label``, for a checkpoint trained so, or for one label.

    A text of several windows (``long=window``) has the mean of their probabilities.
    """

    batch_size = 8

    def __init__(self, network: Any, tokenizer: Tokenizer, pad_id: int) -> None:
        self.network = network
        self.device = network.device
        self.tokenizer = tokenizer
        self.pad_id = pad_id
        config = network.config
        self.labels = [config.id2label[i] for i in range(config.num_labels)]
        self.multi_label = config.problem_type == "multi_label_classification" or len(self.labels) == 1

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        network = load_network(AutoModelForSequenceClassification, weights, device, dtype)
        if network.config.problem_type == "regression":
            raise WrongTask(
                f"'{weights.folder}' does not do text-classification",
                why="it was trained for regression: it gives a number, not labels",
                fix="use a checkpoint that was trained on labels",
            )
        wrapper, tokenizer = load_tokenizer(weights)
        tokenizer.enable_truncation(max_tokens(network, wrapper, weights))
        if network.config.pad_token_id is None:
            # Decoders classify by the last token that is not padding, and must know which is.
            network.config.pad_token_id = wrapper.pad_token_id
        return cls(network, tokenizer, network.config.pad_token_id or 0)

    @staticmethod
    def estimate(item: Any) -> int:
        return 1 + len(item) // 5

    def preprocess(self, items: Sequence[Text], options: Any) -> list[Features]:
        return [
            {
                "rows": [window.ids for window in text],
                "windows": len(text),
                "truncated": windows.was_cut(text, options.long),
            }
            for text in windows.read(self.tokenizer, items, options.long)
        ]

    def collate(self, features: list[Features]) -> windows.Padded:
        return windows.pad([row for each in features for row in each["rows"]], self.pad_id)

    def to_device(self, batch: windows.Padded) -> windows.Padded:
        return batch.to(self.device)

    def forward(self, batch: windows.Padded) -> torch.Tensor:
        """Logits, (windows, labels)."""
        return torch.cat([self.network(input_ids=ids, attention_mask=mask).logits for ids, mask in batch.passes()])

    def postprocess(self, output: torch.Tensor, features: list[Features], options: Any) -> list[Classification]:
        logits = output.float()
        scores = logits.sigmoid() if options.multi_label or self.multi_label else logits.softmax(-1)
        means = windows.mean_by_text(scores, [[1] * len(each["rows"]) for each in features])
        return [Classification.ranked(self.labels, each, options.top_k) for each in means.tolist()]
