"""A label for a text, by any transformers checkpoint made for sequence classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from duomo import Text, WeightsRef
from duomo.inputs import TextPair
from duomo.model import Features, In, Portable
from duomo.pretrained import is_multi_label, labels_of
from duomo.tasks.nlp import TextClassificationOptions
from duomo.tasks.results import Classification
from duomo_nlp.encoders import heads, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.rows import Rows
from duomo_nlp.portable import portable


class Classifier(Encoder[In, Classification]):
    """Softmax over the labels; a sigmoid each for ``multi_label``, for a checkpoint trained so, or for one label.

    A text of several windows (``long=window``) has the mean of their probabilities.
    """

    auto = AutoModelForSequenceClassification

    def configure(self, weights: WeightsRef) -> None:
        config = self.network.config
        self.labels = labels_of(config)
        self.multi_label = is_multi_label(weights, config, "text-classification")

    def forward(self, batch: list[Rows]) -> torch.Tensor:
        """Logits, (windows, labels)."""
        return torch.cat([heads.sequence_logits(self.network, rows) for rows in batch])

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: TextClassificationOptions
    ) -> list[Classification]:
        many = options.multi_label or self.multi_label
        scores = output.float().sigmoid() if many else output.softmax(-1, dtype=torch.float32)
        means = windows.mean_by_text(scores, [[1] * len(each["encodings"]) for each in features])
        return [Classification.ranked(self.labels, each, options.top_k) for each in means.tolist()]


class TextClassification(Classifier[Text]):
    """A label for a text."""

    def preprocess(self, items: Sequence[Text], options: TextClassificationOptions) -> list[Features]:
        return windows.features(windows.read(self.tokenizer, items, options.long), options.long)

    def portable(self) -> Portable:
        return portable(
            "edge/text-classifier",
            self.network,
            self.tokenizer,
            lambda output: output.logits,
            with_types=self.types == "always",
            labels=self.labels,
            activation="sigmoid" if self.multi_label else "softmax",
        )


class TextPairClassification(Classifier[TextPair]):
    """A label for two texts in one row; a pair that is too long is cut or read in windows as a text is."""

    @staticmethod
    def estimate(item: Any) -> int:
        return 2 + (len(item.first) + len(item.second)) // 5

    def preprocess(self, items: Sequence[TextPair], options: TextClassificationOptions) -> list[Features]:
        pairs = [(str(item.first), str(item.second)) for item in items]
        return windows.features(windows.read(self.tokenizer, pairs, options.long), options.long)

    def collate(self, features: list[Features]) -> list[Rows]:
        return self.pack([window for each in features for window in each["encodings"]], pairs=True)
