"""What a page says to a question, by LayoutLM and LayoutLMv3: words of its print, which know where they stand.

Xu et al. 2019, https://arxiv.org/abs/1912.13318; Huang et al. 2022, https://arxiv.org/abs/2204.08387. Rows are those of
transformers' pipeline: the question stands nowhere, the ends of both in the last corner. A score is the start's
probability times the end's, over the words of all windows and the first token, which stands for "no answer".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AutoModelForDocumentQuestionAnswering

from duomo.errors import InputTooLong
from duomo.inputs import PageQuestion
from duomo.model import Features
from duomo.tasks.multimodal.documents import PageAnswer, PageAnswers
from duomo.tasks.nlp.extraction import QuestionAnsweringOptions
from duomo_multimodal.documents import check_print, touched
from duomo_multimodal.layout import THOUSAND, LayoutModel, words_of

if TYPE_CHECKING:
    from duomo.tasks.vision.reading import Page

OVERLAP = 256
"""Tokens of the page that two windows share, or half of a window."""
CANDIDATES = 20
"""Spans that are looked at in each window."""
ENDS = 4
"""Tokens around a question and a page at most."""


class PageExtractor(LayoutModel[PageQuestion, PageAnswers]):
    """Answers of each page, the surest first."""

    auto = AutoModelForDocumentQuestionAnswering
    inputs = (*LayoutModel.inputs, "token_type_ids")

    def preprocess(self, items: Sequence[PageQuestion], options: QuestionAnsweringOptions) -> list[Features]:
        pages = [outcome.unwrap() for outcome in self.reader.map([item.image for item in items])]
        return [self._features(item, page, options.long) for item, page in zip(items, pages, strict=True)]

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Logits of start and end of each token, (windows, tokens, 2); those of patches are left out."""
        output = self.network(**batch)
        logits = torch.stack([output.start_logits, output.end_logits], dim=-1)
        return logits[:, : batch["input_ids"].shape[1]].float()

    def postprocess(
        self, output: Tensor, features: list[Features], options: QuestionAnsweringOptions
    ) -> list[PageAnswers]:
        windows = iter(output.cpu())
        return [
            PageAnswers(answers=self._answers(each, [next(windows) for _ in each["rows"]], options))
            for each in features
        ]

    def _answers(
        self, features: Features, windows: list[Tensor], options: QuestionAnsweringOptions
    ) -> list[PageAnswer]:
        rows, page = features["rows"], features["page"]
        inside = [torch.tensor([word is not None for word in row["words"]]) for row in rows]
        counted = [
            window[: len(mask)][mask | (torch.arange(len(mask)) == 0)]
            for window, mask in zip(windows, inside, strict=True)
        ]
        norm = torch.cat(counted).logsumexp(0).sum()
        none = min(float((window[0].sum() - norm).exp()) for window in windows) if options.may_abstain else -1.0
        best: dict[tuple[int, int], float] = {}
        for row, window, mask in zip(rows, windows, inside, strict=True):
            start, end = (window[: len(mask), at].masked_fill(~mask, -torch.inf) for at in (0, 1))
            sums = start[:, None] + end[None]
            allowed = torch.ones_like(sums, dtype=torch.bool).triu().tril(options.max_answer_tokens - 1)
            values, places = sums.masked_fill(~allowed, -torch.inf).flatten().topk(min(CANDIDATES, sums.numel()))
            for value, place in zip(values.tolist(), places.tolist(), strict=True):
                if value > -torch.inf:
                    first, last = (row["words"][at] for at in divmod(place, len(mask)))
                    best[first, last] = max(best.get((first, last), 0.0), float((value - norm).exp()))
        spans = [match.span() for match in re.finditer(r"\S+", page.text)]
        found = sorted(((score, *words) for words, score in best.items() if score > none), key=lambda each: -each[0])
        answers = []
        for score, first, last in found[: options.top_k]:
            begin, finish = spans[first][0], spans[last][1]
            corners = touched(page, begin, finish)
            answers.append(
                PageAnswer(text=page.text[begin:finish], score=score, start=begin, end=finish, corners=corners)
            )
        return answers

    def _features(self, item: PageQuestion, page: Page, long: str) -> Features:
        check_print(page, item)
        words, boxes = words_of(page, apart=not self.prepared)
        question = str(item.question)
        room = self.max_tokens - len(self.tokenizer.tokenize(question)) - ENDS
        if room < 2:
            raise InputTooLong(
                f"this question is too long for a model that reads {self.max_tokens} tokens: {question[:39]!r}…",
                why="question and page share a row, and nothing is left for the page",
                fix="ask in fewer words",
            )
        how: dict[str, Any] = {"max_length": self.max_tokens, "truncation": "only_second"}
        how |= {"return_overflowing_tokens": True, "stride": min(room // 2, OVERLAP), "return_token_type_ids": True}
        if self.prepared:
            read = self.tokenizer([question], [words], boxes=[boxes], **how)
        else:
            read = self.tokenizer(question.split(), words, is_split_into_words=True, **how)
        is_long = len(read["input_ids"]) > 1
        if is_long and long == "error":
            raise InputTooLong(
                f"the page has more print than the {self.max_tokens} tokens that this model reads at once",
                why="cutting it silently would lose its end",
                fix="long=window reads all of it in parts, long=truncate the beginning",
            )
        kept = range(1 if long == "truncate" else len(read["input_ids"]))
        return {
            "rows": [self._row(read, at, boxes) for at in kept],
            "page": page,
            "pixels": self.pixels(item.image),
            "windows": len(kept),
            "truncated": is_long and long == "truncate",
        }

    def _row(self, read: Any, at: int, boxes: list[list[int]]) -> Features:
        """One window; of each token also the word of the page that it is part of, or None."""
        ids = read["input_ids"][at]
        parts = zip(read.sequence_ids(at), read.word_ids(at), strict=True)
        words = [word if part == 1 else None for part, word in parts]
        corner = {self.tokenizer.sep_token_id: [THOUSAND] * 4}
        places = [corner.get(id, [0] * 4) if word is None else boxes[word] for id, word in zip(ids, words, strict=True)]
        row = {name: torch.tensor(read[name][at]) for name in ("input_ids", "attention_mask", "token_type_ids")}
        return row | {"bbox": torch.tensor(read["bbox"][at] if self.prepared else places), "words": words}
