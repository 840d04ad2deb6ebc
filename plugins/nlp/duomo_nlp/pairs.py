"""Two texts judged together: a number, whether one goes on from the other, which choice goes with a text.

All three read both texts in one row. A row that is too long is an error, or loses the end of the longer text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import (
    AutoModelForMultipleChoice,
    AutoModelForNextSentencePrediction,
    AutoModelForSequenceClassification,
)

from duomo import WeightsRef
from duomo.errors import InputTooLong, WrongTask
from duomo.inputs import Choices, TextPair
from duomo.model import Features, In, R
from duomo.tasks.nlp.pairs import (
    Choice,
    MultipleChoiceOptions,
    NextSentencePredictionOptions,
    Succession,
    TextPairRegressionOptions,
)
from duomo.tasks.results import Number
from duomo_nlp.encoders import heads
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.rows import Rows, batches, by_row

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedConfig


class PairEncoder(Encoder[In, R]):
    """What the three share: pairs of texts as rows."""

    batch_size = 128

    def read(self, pairs: Sequence[tuple[str, str]], long: str) -> list[Encoding]:
        """One row a pair. Raises `InputTooLong` under the policy ``error``."""
        rows: list[Encoding] = self.tokenizer.encode_batch_fast(list(pairs))
        for row, (first, second) in zip(rows, pairs, strict=True):
            if row.overflowing and long == "error":
                raise InputTooLong(
                    f"these two texts are too long for a model that reads {self.limit:,} tokens: {first[:39]!r}…, "
                    f"{second[:39]!r}…",
                    why="both share a row, and the end of the longer one would be lost",
                    fix="cut them up, or long=truncate reads the beginnings",
                )
        return rows

    def collate(self, features: list[Features]) -> list[Rows]:
        return self.pack([row for each in features for row in each["encodings"]], pairs=True)

    def logits(self, batch: list[Rows]) -> Tensor:
        """(rows, labels) of networks for sequence classification."""
        return torch.cat([heads.sequence_logits(self.network, rows) for rows in batch])


class TextPairRegression(PairEncoder[TextPair, Number]):
    """The one number of a network with one label."""

    auto = AutoModelForSequenceClassification

    def configure(self, weights: WeightsRef) -> None:
        if self.network.config.num_labels != 1:
            raise WrongTask(
                f"'{weights.folder}' does not do text-pair-regression",
                why=f"it has {self.network.config.num_labels} labels, and a number needs one",
                fix="use text-pair-classification, or a checkpoint such as hf:cross-encoder/stsb-roberta-base",
            )

    @staticmethod
    def estimate(item: Any) -> int:
        return _length(item)

    def preprocess(self, items: Sequence[TextPair], options: TextPairRegressionOptions) -> list[Features]:
        return _features(self.read([(str(item.first), str(item.second)) for item in items], options.long))

    def forward(self, batch: list[Rows]) -> Tensor:
        """(pairs, 1)."""
        return self.logits(batch)

    def postprocess(self, output: Tensor, features: list[Features], options: TextPairRegressionOptions) -> list[Number]:
        return [Number.model_construct(value=value) for value in output.float()[:, 0].tolist()]


class GroupWise(PairEncoder[In, R]):
    """Heads that packed rows have none for: rows of one length share a pass, unpadded."""

    def enable(self) -> None:
        """Nothing is packed."""
        heads.adjust(self.network)

    @classmethod
    def pipeline_split(cls, config: PreTrainedConfig) -> None:
        """Cannot be spread over stages."""


class NextSentencePrediction(GroupWise[TextPair, Succession]):
    """BERT's second objective (Devlin et al. 2018): label 0 is that the second text goes on from the first."""

    auto = AutoModelForNextSentencePrediction

    @staticmethod
    def estimate(item: Any) -> int:
        return _length(item)

    def preprocess(self, items: Sequence[TextPair], options: NextSentencePredictionOptions) -> list[Features]:
        return _features(self.read([(str(item.first), str(item.second)) for item in items], options.long))

    def forward(self, batch: list[Rows]) -> Tensor:
        """Logits, (pairs, 2)."""
        return torch.cat([by_row([self.network(**each).logits for each in batches(rows)], rows) for rows in batch])

    def postprocess(
        self, output: Tensor, features: list[Features], options: NextSentencePredictionOptions
    ) -> list[Succession]:
        scores = output.float().softmax(-1)[:, 0].tolist()
        return [Succession.model_construct(follows=score > 0.5, score=score) for score in scores]


class MultipleChoice(GroupWise[Choices, Choice]):
    """One number a choice, a softmax over those of an item."""

    auto = AutoModelForMultipleChoice
    batch_size = 32

    @staticmethod
    def estimate(item: Any) -> int:
        return sum(1 + (len(item.question) + len(choice)) // 5 for choice in item.choices)

    def preprocess(self, items: Sequence[Choices], options: MultipleChoiceOptions) -> list[Features]:
        pairs = [(str(item.question), str(choice)) for item in items for choice in item.choices]
        rows = iter(self.read(pairs, options.long))
        features: list[Features] = []
        for item in items:
            found = [next(rows) for _ in item.choices]
            features.append(
                {"encodings": found, "choices": item.choices, "truncated": any(row.overflowing for row in found)}
            )
        return features

    def forward(self, batch: list[Rows]) -> Tensor:
        """Logits, (choices,)."""
        return torch.cat([by_row([self._scores(each) for each in batches(rows)], rows) for rows in batch])

    def postprocess(self, output: Tensor, features: list[Features], options: MultipleChoiceOptions) -> list[Choice]:
        parts = torch.split(output.float(), [len(each["choices"]) for each in features])
        results = []
        for logits, each in zip(parts, features, strict=True):
            scores = logits.softmax(-1).tolist()
            best = max(range(len(scores)), key=scores.__getitem__)
            results.append(Choice.model_construct(index=best, choice=str(each["choices"][best]), scores=scores))
        return results

    def _scores(self, batch: dict[str, Tensor]) -> Tensor:
        """(C,), each row an item with one choice."""
        logits: Tensor = self.network(**{name: each[:, None] for name, each in batch.items()}).logits
        return logits[:, 0]


def _length(item: TextPair) -> int:
    return 1 + (len(item.first) + len(item.second)) // 5


def _features(rows: Sequence[Encoding]) -> list[Features]:
    return [{"encodings": [row], "truncated": bool(row.overflowing)} for row in rows]
