"""The stretch of a text that answers a question, by any transformers checkpoint for extractive question answering.

pair      question and context in one row; a long context is read in windows that share a quarter of their tokens
logits    for each token, whether the answer starts or ends there (Devlin et al. 2019, section 4.2)
score     the start's probability times the end's, over all tokens of the context and the row's first token (in XLNet
          the last), which stands for "no answer"; all windows of a context share one normalisation (Clark and Gardner
          2018, https://arxiv.org/abs/1710.10723), so that scores of different windows can be compared
answer    widened to whole words, without white space around it; text is context[start:end]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Encoding
from torch import Tensor
from transformers import AutoModelForQuestionAnswering

from duomo import WeightsRef
from duomo.errors import WrongTask
from duomo.inputs import Question
from duomo.model import Features
from duomo.tasks.nlp import QuestionAnsweringOptions
from duomo.tasks.nlp.extraction import Answer, Answers
from duomo_nlp.encoders import heads, windows
from duomo_nlp.encoders.encoder import Encoder
from duomo_nlp.encoders.rows import Rows
from duomo_nlp.words import UNSPACED, whole_letters

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

CANDIDATES = 20
"""Starts and ends that are joined in each window, as in BERT's own evaluation."""


class QuestionAnswering(Encoder[Question, Answers]):
    """Answers out of the context, the surest first."""

    auto = AutoModelForQuestionAnswering
    cuts = "only_second"
    overlap = 4

    @classmethod
    def check(cls, weights: WeightsRef) -> None:
        if "max_2d_position_embeddings" in weights.config():
            raise WrongTask(
                f"'{weights.folder}' does not do question-answering",
                why="it reads where words stand on a page, beside the words",
                fix="use a checkpoint that was trained on text alone",
            )

    @classmethod
    def pipeline_split(cls, config: PreTrainedConfig) -> None:
        """Cannot be spread over stages: its two outputs a token are not gathered from them."""

    @staticmethod
    def estimate(item: Any) -> int:
        return 2 + (len(item.question) + len(item.context)) // 5

    def preprocess(self, items: Sequence[Question], options: QuestionAnsweringOptions) -> list[Features]:
        for item in items:
            windows.check_half(self.tokenizer, item.question, self.limit, "question", "context")
        pairs = [(str(item.question), str(item.context)) for item in items]
        return [
            {
                "context": context,
                "encodings": encodings,
                "windows": len(encodings),
                "truncated": windows.was_cut(encodings, options.long),
            }
            for (_, context), encodings in zip(
                pairs, windows.read(self.tokenizer, pairs, options.long, offsets=True), strict=True
            )
        ]

    def collate(self, features: list[Features]) -> list[Rows]:
        return self.pack([window for each in features for window in each["encodings"]], pairs=True)

    def forward(self, batch: list[Rows]) -> Tensor:
        """Logits of start and end of each token, all windows end to end, (N, 2)."""
        return torch.cat([heads.answer_logits(self.network, rows) for rows in batch])

    def postprocess(self, output: Tensor, features: list[Features], options: QuestionAnsweringOptions) -> list[Answers]:
        rows = iter(torch.split(output.float(), [len(row) for each in features for row in each["encodings"]]))
        results = []
        for each in features:
            found = self._best(each, [next(rows) for _ in each["encodings"]], options)
            answers = [
                Answer.model_construct(text=each["context"][start:end], score=score, start=start, end=end)
                for score, start, end in found[: options.top_k]
            ]
            results.append(Answers.model_construct(answers=answers))
        return results

    def _best(
        self, features: Features, rows: list[Tensor], options: QuestionAnsweringOptions
    ) -> list[tuple[float, int, int]]:
        """(score, start, end) of distinct answers in characters of the context, the surest first."""
        encodings: list[Encoding] = features["encodings"]
        totals = torch.cat([row[_may_hold(encoding)] for encoding, row in zip(encodings, rows, strict=True)])
        norm = totals.logsumexp(0).sum()
        # A text has no answer where its windows agree on that: the least sure of them decides.
        least = min(
            float((row[none_place(each)].sum() - norm).exp()) for each, row in zip(encodings, rows, strict=True)
        )
        none = least if options.may_abstain else -1.0
        best: dict[tuple[int, int], float] = {}
        for encoding, row in zip(encodings, rows, strict=True):
            for score, first, last in _spans(encoding, row, options.max_answer_tokens):
                place = _trimmed(features["context"], *_in_words(features["context"], encoding, first, last))
                if place[0] == place[1]:
                    continue  # white space is not an answer
                best[place] = max(best.get(place, 0.0), float((score - norm).exp()))
        return sorted(((score, *place) for place, score in best.items() if score > none), key=lambda each: -each[0])


def likeliest(
    context: str, encoding: Encoding, row: Tensor, options: QuestionAnsweringOptions
) -> tuple[int, int] | None:
    """Start and end of the answer that the model would give, in characters of a context of one window; None for none.

    Args:
        context: that may hold the answer.
        encoding: (L,) of question and context.
        row: (L, 2), logits of start and end.
        options: of the task.
    """
    best = next(_spans(encoding, row, options.max_answer_tokens), None)
    if best is None or (options.may_abstain and best[0] <= row[none_place(encoding)].sum()):
        return None
    return _in_words(context, encoding, *best[1:])


def none_place(encoding: Encoding) -> int:
    """The place of the token that stands for "no answer": XLNet puts it last, and gives it a type of its own."""
    return len(encoding) - 1 if encoding.type_ids[-1] > 1 else 0


def _may_hold(encoding: Encoding) -> Tensor:
    """Which tokens count: those of the context, and the one that stands for "no answer"."""
    none = none_place(encoding)
    return torch.tensor([at == none or part == 1 for at, part in enumerate(encoding.sequence_ids)])


def _spans(encoding: Encoding, row: Tensor, longest: int) -> Iterator[tuple[Tensor, int, int]]:
    """Sum of both logits, first and last token of the likeliest answers within one window."""
    context = [at for at, part in enumerate(encoding.sequence_ids) if part == 1]
    if not context:
        return
    start, end = context[0], context[-1] + 1
    sums = row[start:end, 0][:, None] + row[start:end, 1][None]
    sums = sums.masked_fill(~torch.ones_like(sums, dtype=torch.bool).triu().tril(longest - 1), -torch.inf)
    values, places = sums.flatten().topk(min(CANDIDATES, sums.numel()))
    for value, place in zip(values, places.tolist(), strict=True):
        if value == -torch.inf:
            return
        first, last = divmod(place, end - start)
        yield value, start + first, start + last


def _in_words(context: str, encoding: Encoding, first: int, last: int) -> tuple[int, int]:
    """Characters of the context from the start of the first token's word to the end of the last one's."""
    begin, finish = encoding.offsets[first][0], encoding.offsets[last][1]
    least, most = (_word(encoding, at) or encoding.offsets[at] for at in (first, last))
    # To SentencePiece all that stands between two spaces is a word: in Chinese a sentence, or the whole context.
    while begin > least[0] and not UNSPACED.search(context[begin - 1 : begin + 1]):
        begin -= 1
    while finish < most[1] and not UNSPACED.search(context[finish - 1 : finish + 1]):
        finish += 1
    return whole_letters(context, begin, finish)


def _trimmed(context: str, start: int, end: int) -> tuple[int, int]:
    """The same stretch without white space around it: to some tokenizers a tab or an end of line is a token."""
    text = context[start:end]
    start += len(text) - len(text.lstrip())
    return start, start + len(text.strip())


def _word(encoding: Encoding, at: int) -> tuple[int, int] | None:
    """The characters of the word that a token of the context belongs to, if it belongs to one."""
    word = encoding.word_ids[at]
    return None if word is None else encoding.word_to_chars(word, 1)
