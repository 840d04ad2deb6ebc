"""Names and terms in a text: any transformers encoder with a head for tokens.

Labels are spans, ``{"start": 0, "end": 3, "label": "PER"}``, in characters. The first token of a span is ``B-``, the
others ``I-``; a piece inside a word has no loss, since in inference it follows the word's first piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from tokenizers import Encoding
from torch import Tensor
from transformers import AutoModelForTokenClassification

from duomo import Text, WeightsRef
from duomo.errors import BadInput
from duomo.model import Features
from duomo.training import IGNORED, Losses, Named, token_cross_entropy
from duomo_nlp.encoders import windows
from duomo_nlp.encoders.heads import hidden_states
from duomo_nlp.encoders.rows import Rows, batches, by_token
from duomo_nlp.entities import OUTSIDE, Token, is_later_piece, join, mark_of, split_tag
from duomo_nlp.training.encoders import EncoderTrainer, above

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tokens(EncoderTrainer[Text]):
    """Cross-entropy over the tags of tokens."""

    kind = "spans"
    auto = AutoModelForTokenClassification

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        tags = [OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in "BI")]
        return super().open(weights, labels=tags, device=device, dtype=dtype)

    def preprocess(self, items: Sequence[Text], options: object) -> list[Features]:
        return [
            {
                "ids": read[0].ids,
                "encoding": read[0],
                "text": str(item),
                "truncated": bool(read[0].overflowing),
                "unknown": self.is_unknown(read[0]),
            }
            for item, read in zip(items, windows.read(self.tokenizer, items, "truncate", offsets=True), strict=True)
        ]

    def targets(self, labels: Sequence[Any], features: Sequence[Features]) -> list[Tensor]:
        """(L,) for each row."""
        place = {tag: at for at, tag in enumerate(self.labels)}
        return [self._tags(spans, each, place) for spans, each in zip(labels, features, strict=True)]

    def is_cut_off(self, label: object, features: Features) -> bool:
        encoding, spans = features["encoding"], cast("list[dict[str, Any]]", label)
        if not encoding.overflowing:
            return False
        read = [
            place
            for place, is_special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
            if not is_special
        ]
        return any(span["start"] < read[0][0] or span["end"] > read[-1][1] for span in spans)

    def _tags(self, given: Iterable[dict[str, Any]], features: Features, place: dict[str, int]) -> Tensor:
        spans = list(enumerate(given))
        encoding: Encoding = features["encoding"]
        mark = mark_of(self.tokenizer)
        found = [place[OUTSIDE]] * len(encoding)
        covered, opened = 0, set[int]()
        for at, (start, end) in enumerate(encoding.offsets):
            is_inside = start < covered or is_later_piece(features["text"], encoding, at, mark)
            if encoding.special_tokens_mask[at] or is_inside:
                found[at] = IGNORED
                continue
            covered = end
            touched = [(number, span) for number, span in spans if start < span["end"] and end > span["start"]]
            if touched:
                number, span = touched[0]
                found[at] = _tag(span["label"], number in opened, place)
                opened.add(number)
        return torch.tensor(found)

    def logits(self, batch: list[Rows]) -> Tensor:
        """(N, tags), the tokens of all rows end to end."""
        return torch.cat([by_token(self._flat(rows), rows) for rows in batch])

    def _flat(self, rows: Rows) -> Tensor:
        if not self.is_packed:
            return torch.cat([self.network(**each).logits.flatten(0, 1) for each in batches(rows)])
        return self._head(hidden_states(self.base, rows))

    def logits_from(self, features: Sequence[Tensor] | Tensor, upper: int) -> Tensor:
        rows = list(features)
        if not upper:
            return self._head(torch.cat(rows))
        states, back = above(self.base, rows, upper, first_only=False)
        lengths = sorted(len(each) for each in rows)
        parts = torch.split(states, lengths)
        return self._head(torch.cat([parts[at] for at in back]))

    def _head(self, states: Tensor) -> Tensor:
        network = self.network
        if hasattr(network, "head"):  # ModernBERT
            return network.classifier(network.drop(network.head(states)))  # type: ignore[no-any-return]
        return network.classifier(network.dropout(states))  # type: ignore[no-any-return]

    def losses(self, output: Tensor, targets: Sequence[Tensor]) -> Losses:
        return token_cross_entropy(output, targets)

    def predictions(self, output: Tensor, targets: Sequence[Tensor]) -> list[Named]:
        """Labels of the tokens that have one, without their prefix, and entities by the places of those tokens."""
        rows = torch.split(output.argmax(-1).cpu(), [len(row) for row in targets])
        return [self._named(row[target != IGNORED]) for row, target in zip(rows, targets, strict=True)]

    def wanted(self, targets: Sequence[Tensor], labels: Sequence[Any]) -> list[Named]:
        return [self._named(target[target != IGNORED]) for target in targets]

    def _named(self, places: Tensor) -> Named:
        tags = [split_tag(self.labels[tag], self.labels) for tag in places.tolist()]
        tokens = [Token(*tag, 1.0, at, at + 1, False) for at, tag in enumerate(tags)]
        entities = {(group[0].start, group[-1].end, group[0].label) for group in join(tokens)}
        return Named([each.label for each in tokens], entities)


def _tag(label: str, is_open: bool, place: dict[str, int]) -> int:
    tag = f"{'I' if is_open else 'B'}-{label}"
    if tag not in place:
        raise BadInput(
            f"label {label!r} is unknown", why="it is not in the training part", fix="put a row with it there"
        )
    return place[tag]
