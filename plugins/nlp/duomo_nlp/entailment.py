"""Labels given on the spot, by any transformers checkpoint that was trained to tell entailment.

Each label becomes a hypothesis, "This example is {label}.", and the text is its premise (Yin et al. 2019,
https://arxiv.org/abs/1909.00161). A text costs one pass of the network for each label; `embedding.py`
has a model that reads the labels once.
"""

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

TEMPLATE = "This example is {}."
"""Stands in for the task's bare "{}": a word alone is no hypothesis."""


class ZeroShotClassification(Model[Text, Classification]):
    """A softmax of the labels' entailment; under ``multi_label`` each label's own against its contradiction.

    A text of several windows (``long=window``) has the mean of their logits.
    """

    batch_size = 32
    batch_budget = BUDGET
    packed = True

    def __init__(self, network: Any, tokenizer: Tokenizer, entailed: int, denied: int, has_types: bool) -> None:
        heads.enable(network)
        self.network = network
        self.tokenizer = tokenizer
        self.entailed = entailed
        self.denied = denied
        self.has_types = has_types

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        network = load_network(AutoModelForSequenceClassification, weights, device, dtype)
        names = {index: name.lower() for index, name in network.config.id2label.items()}
        entailed = [index for index, name in names.items() if name.startswith("entail")]
        denied = [index for index, name in names.items() if name.startswith(("contra", "not"))]
        if not (entailed and denied):
            raise WrongTask(
                f"'{weights.folder}' does not do zero-shot-classification",
                why=f"it does not tell entailment from contradiction: its labels are {', '.join(names.values())}",
                fix="use a checkpoint that was trained on natural language inference, or nlp/minilm",
            )
        wrapper, tokenizer = load_tokenizer(weights)
        tokenizer.enable_truncation(max_tokens(network, wrapper, weights), strategy="only_first")
        has_types = "token_type_ids" in wrapper.model_input_names and getattr(network.config, "type_vocab_size", 0) > 1
        return cls(network, tokenizer, entailed[0], denied[0], has_types)

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
        template = TEMPLATE if options.template == "{}" else options.template
        hypotheses = [template.replace("{}", label) for label in options.labels]
        pairs = [(text, hypothesis) for text in items for hypothesis in hypotheses]
        cut = iter(windows.read(self.tokenizer, pairs, options.long))
        features = []
        for _ in items:
            read = [next(cut) for _ in hypotheses]
            features.append(
                {
                    "pairs": read,
                    "windows": max(len(pair) for pair in read),
                    "truncated": any(windows.was_cut(pair, options.long) for pair in read),
                }
            )
        return features

    def collate(self, features: list[Features]) -> list[Rows]:
        rows = [window for each in features for pair in each["pairs"] for window in pair]
        return pack([row.ids for row in rows], [row.type_ids for row in rows] if self.has_types else None)

    def forward(self, batch: list[Rows]) -> torch.Tensor:
        """Logits, (windows of pairs, labels of the network)."""
        return torch.cat([heads.sequence_logits(self.network, rows) for rows in batch])

    def postprocess(self, output: torch.Tensor, features: list[Features], options: Any) -> list[Classification]:
        logits = windows.mean_by_text(output.float(), [[1] * len(pair) for each in features for pair in each["pairs"]])
        if options.multi_label or len(options.labels) == 1:
            scores = logits[:, [self.denied, self.entailed]].softmax(-1)[:, 1].view(len(features), -1)
        else:
            scores = logits[:, self.entailed].view(len(features), -1).softmax(-1)
        return [Classification.ranked(options.labels, each) for each in scores.tolist()]
