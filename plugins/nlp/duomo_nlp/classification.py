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
from duomo.parallel import PipelinePlan, TensorPlan
from duomo.tasks.results import Classification
from duomo_nlp import parallel
from duomo_nlp.checkpoint import load_network, load_tokenizer, max_tokens
from duomo_nlp.encoders import heads, windows
from duomo_nlp.encoders.rows import BUDGET, Rows, pack


class TextClassification(Model[Text, Classification]):
    """Softmax over the labels; a sigmoid each for ``multi_label``, for a checkpoint trained so, or for one label.

    A text of several windows (``long=window``) has the mean of their probabilities.
    """

    batch_size = 256
    batch_budget = BUDGET
    packed = True

    def __init__(self, network: Any, tokenizer: Tokenizer) -> None:
        heads.enable(network)
        self.network = network
        self.tokenizer = tokenizer
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
        return cls(network, tokenizer)

    @classmethod
    def tensor_plan(cls, config: Any) -> TensorPlan | None:
        return parallel.tensor_plan(config)

    @classmethod
    def pipeline_split(cls, config: Any) -> PipelinePlan | None:
        return parallel.pipeline_split(config)

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

    def collate(self, features: list[Features]) -> list[Rows]:
        return pack([row for each in features for row in each["rows"]])

    def forward(self, batch: list[Rows]) -> torch.Tensor:
        """Logits, (windows, labels)."""
        return torch.cat([heads.sequence_logits(self.network, rows) for rows in batch])

    def postprocess(self, output: torch.Tensor, features: list[Features], options: Any) -> list[Classification]:
        logits = output.float()
        scores = logits.sigmoid() if options.multi_label or self.multi_label else logits.softmax(-1)
        means = windows.mean_by_text(scores, [[1] * len(each["rows"]) for each in features])
        return [Classification.ranked(self.labels, each, options.top_k) for each in means.tolist()]
