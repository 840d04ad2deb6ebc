"""A label for a text or for a pair of texts, or a number: any transformers encoder with a head for sequences.

From the vectors that a head reads to logits: what each architecture's own ``forward`` does, dropout included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoModelForSequenceClassification

from duomo import Text, WeightsRef
from duomo.errors import BadInput
from duomo.inputs import TextPair
from duomo.model import Features
from duomo.training import Losses, mean_and_spread, squared_error
from duomo_nlp.encoders import windows
from duomo_nlp.encoders.heads import first_states, hidden_states
from duomo_nlp.encoders.packed import LIKE_BERT
from duomo_nlp.encoders.rows import Rows, batches, by_length, by_row
from duomo_nlp.training.encoders import EncoderTrainer, above

if TYPE_CHECKING:
    from duomo.pretrained import Network
    from duomo.tasks.nlp import TextClassificationOptions

HEADS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "bert": lambda network, first: network.classifier(network.dropout(network.bert.pooler(first))),
    **dict.fromkeys(
        ("camembert", "electra", "roberta", "xlm-roberta"), lambda network, first: network.classifier(first)
    ),
    "distilbert": lambda network, first: network.classifier(
        network.dropout(network.pre_classifier(first[:, 0]).relu())
    ),
    "modernbert": lambda network, pooled: network.classifier(network.drop(network.head(pooled[:, 0]))),
}
"""From (R, 1, H) to (R, labels); heads without a ``dropout`` here have it inside."""
SCALE = "duomo_scale"
"""Where ``config.json`` has mean and spread of the numbers that were learned."""
SEVERAL = "multi_label_classification"
"""The ``problem_type`` of a checkpoint whose labels have a sigmoid each."""
FINE = 1e-3
"""Steps of a number of 32 bits are no larger a part of what numbers that are learned differ by."""


class Sequences(EncoderTrainer[Text]):
    """Cross-entropy over the labels of texts."""

    auto = AutoModelForSequenceClassification

    def preprocess(self, items: Sequence[Text], options: TextClassificationOptions) -> list[Features]:
        return [
            {
                "ids": text[0].ids,
                "truncated": windows.was_cut(text, options.long),
                "unknown": self.is_unknown(text[0]),
            }
            for text in windows.read(self.tokenizer, items, options.long)
        ]

    def logits(self, batch: list[Rows]) -> Tensor:
        """(R, labels)."""
        return torch.cat([self._logits(rows) for rows in batch])

    def _logits(self, rows: Rows) -> Tensor:
        if not self.has_trunk(0):
            return by_row([self.network(**each).logits for each in batches(rows)], rows)
        return self._head(self._read(rows))

    def has_trunk(self, upper: int) -> bool:
        return super().has_trunk(upper) and self.network.config.model_type in HEADS

    def features(self, batch: list[Rows], upper: int) -> list[Tensor]:
        """The one vector (H,) that the head reads; where upper layers are trained, all states (L, H) below them."""
        if upper:
            return super().features(batch, upper)
        return [row for rows in batch for row in self._read(rows)]

    def logits_from(self, features: Sequence[Tensor] | Tensor, upper: int) -> Tensor:
        if not upper:
            return self._head(features if isinstance(features, Tensor) else torch.stack(list(features)))
        states, back = above(self.base, list(features), upper, first_only=True)
        return self._head(states[back])

    def _head(self, read: Tensor) -> Tensor:
        return HEADS[self.network.config.model_type](self.network, read[:, None])

    def _read(self, rows: Rows) -> Tensor:
        """What the head reads of each row, (R, H)."""
        if getattr(self.network.config, "classifier_pooling", "cls") == "mean":
            groups = by_length(hidden_states(self.base, rows), rows.groups)
            return by_row([group.mean(1) for group in groups], rows)
        assert self.network.config.model_type in LIKE_BERT or self.is_packed
        return first_states(self.base, rows)


class Pairs(Sequences):
    """Cross-entropy over the labels of pairs of texts."""

    def preprocess(self, items: Sequence[TextPair], options: Any) -> list[Features]:  # type: ignore[override]
        read = windows.read(self.tokenizer, [(str(item.first), str(item.second)) for item in items], options.long)
        return [
            {
                "ids": pair[0].ids,
                "types": pair[0].type_ids,
                "truncated": windows.was_cut(pair, options.long),
                "unknown": self.is_unknown(pair[0]),
            }
            for pair in read
        ]


class Several(Sequences):
    """Binary cross-entropy of each label, where a row may have several or none; one above .5 is said."""

    kind = "names"

    @staticmethod
    def settle(network: Network) -> list[str]:
        network.config.problem_type = SEVERAL
        return []

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        model = super().open(weights, labels=labels, device=device, dtype=dtype)
        if weights.config().get("problem_type") != SEVERAL:
            model.has_new_head = True  # as it is read
        return model

    def targets(self, labels: Sequence[Sequence[str]], features: Sequence[Features]) -> list[Tensor]:
        places = [super(Several, self).targets(names, features) for names in labels]
        return [torch.zeros(len(self.labels)).index_fill(0, torch.tensor(each, dtype=torch.long), 1) for each in places]

    def losses(self, output: Tensor, targets: Sequence[Tensor]) -> Losses:
        wanted = torch.stack(list(targets)).to(output.device)
        rows = binary_cross_entropy_with_logits(output.float(), wanted, reduction="none").sum(-1)
        return Losses(rows, torch.full_like(rows, len(self.labels)))

    def predictions(self, output: Tensor, targets: Sequence[Tensor]) -> list[tuple[str, ...]]:
        return [
            tuple(name for name, is_said in zip(self.labels, row, strict=True) if is_said)
            for row in (output > 0).tolist()
        ]


class SeveralOfPairs(Several, Pairs):
    """The same of pairs of texts."""


Sequences.several, Pairs.several = Several, SeveralOfPairs


class Regression(Sequences):
    """Squared error of a number; numbers are learned with mean 0 and spread 1, and saved as they are in the data."""

    kind = "number"
    numbers = 1
    mean, spread = 0.0, 1.0

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        """Undo what `save` did to the last layer, so that losses are in spreads again."""
        model = super().open(weights, labels=labels, device=device, dtype=dtype)
        found = getattr(model.network.config, SCALE, None)
        if found and not model.has_new_head:
            model.mean, model.spread = found
            last = model._last()
            with torch.no_grad():
                last.bias.sub_(model.mean).div_(model.spread)
                last.weight.div_(model.spread)
        return model

    def fit_statistics(self, items: Sequence[Text], labels: Sequence[float]) -> None:
        self.mean, self.spread = mean_and_spread(labels)
        _check_writable(labels, self.spread)

    def targets(self, labels: Sequence[float], features: Sequence[Features]) -> list[float]:
        return [(label - self.mean) / self.spread for label in labels]

    def losses(self, output: Tensor, targets: Sequence[float]) -> Losses:
        return squared_error(output, targets)

    def predictions(self, output: Tensor, targets: Sequence[float]) -> list[float]:
        return [number * self.spread + self.mean for number in output.double().reshape(-1).tolist()]

    def save(self, folder: Path) -> None:
        """Write the folder; mean and spread become part of the last layer."""
        last = self._last()
        with torch.no_grad():
            last.weight.mul_(self.spread)
            last.bias.mul_(self.spread).add_(self.mean)
        setattr(self.network.config, SCALE, (self.mean, self.spread))
        self.mean, self.spread = 0.0, 1.0
        super().save(folder)

    def _last(self) -> nn.Linear:
        return [each for each in self.network.modules() if isinstance(each, nn.Linear) and each.out_features == 1][-1]


def _check_writable(numbers: Sequence[float], spread: float) -> None:
    """Raise `BadInput` for numbers that the last layer of a checkpoint, of 32 bits, does not tell apart."""
    limits = torch.finfo(torch.float32)
    apart = max(map(abs, numbers)) * limits.eps
    if apart > FINE * spread or spread < limits.tiny:
        raise BadInput(
            f"numbers from {min(numbers):g} to {max(numbers):g} cannot be learned",
            why=f"a checkpoint's last layer has numbers of 32 bits, {max(apart, limits.tiny):.2g} apart there",
            fix="subtract what they have in common" if apart > FINE * spread else "use a smaller unit",
        )
