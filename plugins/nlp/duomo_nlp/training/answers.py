"""The stretch of a text that answers a question: any transformers encoder with a head for question answering.

Two labels a row, the token where the answer starts and the one where it ends (Devlin et al. 2019, section 4.2); a
question without an answer points to the first token. A context that is too long is cut, and an answer that was cut off
with it counts as none. Rows are scored as the model answers them: with ``may_abstain`` where some have no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from tokenizers import Encoding
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForQuestionAnswering

from duomo.inputs import Question
from duomo.model import Features
from duomo.tasks.nlp import QuestionAnsweringOptions
from duomo.training import Losses
from duomo_nlp.answers import likeliest, none_place
from duomo_nlp.encoders import heads, windows
from duomo_nlp.encoders.rows import Rows
from duomo_nlp.training.encoders import EncoderTrainer

ABSTAINS = (
    "some rows have no answer: scores are with may_abstain=True, and the model answers all questions unless it is given"
)


class Answers(EncoderTrainer[Question]):
    """Cross-entropy over the tokens of each row, for start and end."""

    kind = "answer"
    numbers = 2
    cuts = "only_second"
    auto = AutoModelForQuestionAnswering
    abstains = False
    """Whether some of the rows that were read have no answer."""

    def preprocess(self, items: Sequence[Question], options: Any) -> list[Features]:
        pairs = [(str(item.question), str(item.context)) for item in items]
        read = windows.read(self.tokenizer, pairs, "truncate", offsets=True)
        return [
            {
                "ids": pair[0].ids,
                "types": pair[0].type_ids,
                "encoding": pair[0],
                "context": context,
                "truncated": bool(pair[0].overflowing),
                "unknown": self.is_unknown(pair[0]),
            }
            for pair, (_, context) in zip(read, pairs, strict=True)
        ]

    def targets(self, labels: Sequence[Any], features: Sequence[Features]) -> list[Any]:
        """(first token, last token, encoding, context) of each row."""
        if not self.abstains and not all(labels):
            self.abstains = True
            self.notes = [*self.notes, ABSTAINS]
        return [
            (*_place(answers, each["encoding"]), each["encoding"], each["context"])
            for answers, each in zip(labels, features, strict=True)
        ]

    def is_cut_off(self, label: object, features: Features) -> bool:
        encoding, answers = features["encoding"], cast("list[dict[str, Any]]", label)
        none = none_place(encoding)
        return bool(answers) and bool(encoding.overflowing) and _place(answers, encoding) == (none, none)

    def logits(self, batch: list[Rows]) -> Tensor:
        """(N, 2), the tokens of all rows end to end."""
        return torch.cat([heads.answer_logits(self.network, rows) for rows in batch])

    def has_trunk(self, upper: int) -> bool:
        return False

    def losses(self, output: Tensor, targets: Sequence[Any]) -> Losses:
        rows = []
        for logits, target in zip(self._by_row(output, targets), targets, strict=True):
            places = torch.tensor(target[:2], device=logits.device)
            rows.append(cross_entropy(logits.float().T, places, reduction="sum"))
        found = torch.stack(rows)
        return Losses(found, torch.full_like(found, 2.0))

    def predictions(self, output: Tensor, targets: Sequence[Any]) -> list[str]:
        """What the model answers; an empty text for none."""
        options = QuestionAnsweringOptions.parse({"may_abstain": self.abstains})
        found = []
        for logits, (_, _, encoding, context) in zip(self._by_row(output, targets), targets, strict=True):
            place = likeliest(context, encoding, logits.float(), options)
            found.append(context[place[0] : place[1]] if place else "")
        return found

    def wanted(self, targets: Sequence[Any], labels: Sequence[Any]) -> list[list[str]]:
        return [[answer["text"] for answer in answers] for answers in labels]

    @staticmethod
    def _by_row(output: Tensor, targets: Sequence[Any]) -> Sequence[Tensor]:
        return torch.split(output, [len(encoding) for _, _, encoding, _ in targets])


def _place(answers: list[dict[str, Any]], encoding: Encoding) -> tuple[int, int]:
    """First and last token of the first answer that the row has whole; the token that stands for none elsewhere."""
    context = [at for at, part in enumerate(encoding.sequence_ids) if part == 1]
    for answer in answers:
        # White space around an answer, and signs that a tokenizer leaves out, are in no token.
        end = answer["start"] + len(answer["text"].rstrip())
        inside = [
            at for at in context if encoding.offsets[at][1] > answer["start"] and encoding.offsets[at][0] < end
        ]  # fmt: skip
        if inside and (not encoding.overflowing or encoding.offsets[inside[-1]][1] >= end):
            return inside[0], inside[-1]
    return none_place(encoding), none_place(encoding)
