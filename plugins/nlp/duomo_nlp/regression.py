"""A number for a text, by any transformers encoder with a head of one output."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import AutoModelForSequenceClassification

from duomo import Text, WeightsRef
from duomo.errors import WrongTask
from duomo.model import Features
from duomo.tasks.nlp.regression import TextRegressionOptions
from duomo.tasks.results import Number
from duomo_nlp.encoders import heads, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.rows import Rows


class TextRegression(Encoder[Text, Number]):
    """The network's own number; a text of several windows (``long=window``) has their mean."""

    auto = AutoModelForSequenceClassification

    @classmethod
    def check(cls, weights: WeightsRef) -> None:
        config = weights.config()
        numbers = len(config.get("id2label") or {}) or config.get("num_labels", 2)
        if numbers != 1:
            raise WrongTask(
                f"'{weights.folder}' does not do text-regression",
                why=f"it gives a text {numbers} numbers, one for each label",
                fix="train one: duomo train text-regression",
            )

    def preprocess(self, items: Sequence[Text], options: TextRegressionOptions) -> list[Features]:
        return windows.features(windows.read(self.tokenizer, items, options.long), options.long)

    def forward(self, batch: list[Rows]) -> torch.Tensor:
        """(windows, 1)."""
        return torch.cat([heads.sequence_logits(self.network, rows) for rows in batch])

    def postprocess(
        self, output: torch.Tensor, features: list[Features], options: TextRegressionOptions
    ) -> list[Number]:
        means = windows.mean_by_text(output.double(), [[1] * len(each["encodings"]) for each in features])
        return [Number.model_construct(value=value) for value in means[:, 0].tolist()]
