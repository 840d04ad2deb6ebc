"""The fields of a form, by LayoutLMv3 or LiLT: each word of its print gets a tag, by what it says and where it stands.

Huang et al. 2022, https://arxiv.org/abs/2204.08387; Wang et al. 2022, https://arxiv.org/abs/2202.13669. A word has the
tag of its first token, as such models are trained, and words of one tag that follow each other are a field. Of a long
page, windows share a quarter of their tokens, and a word counts where it stands furthest from an end.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AutoModelForTokenClassification

from duomo import Image, WeightsRef
from duomo.errors import BadOption
from duomo.model import Features
from duomo.pretrained import labels_of
from duomo.tasks.multimodal.documents import DocumentParsingOptions, PageField, ParsedPage
from duomo_multimodal import parallel
from duomo_multimodal.layout import LayoutModel, words_of

if TYPE_CHECKING:
    from transformers import BatchEncoding

    from duomo.tasks.vision.reading import Page

OUTSIDE = "O"
NOWHERE = [0, 0, 0, 0]
"""The box of a token that is part of no word."""
OVERLAP = 4
"""The share of a window, one of so many, that the next one has again."""


class FormReader(LayoutModel[Image, ParsedPage]):
    """The fields of each page, in the order of its print."""

    auto = AutoModelForTokenClassification

    def configure(self, weights: WeightsRef) -> None:
        names = labels_of(self.network.config)
        self.tags = [split_tag(name, names) for name in names]
        # That of XLM-RoBERTa, as LiLT may have it, does not.
        self.takes_boxes = "boxes" in inspect.signature(type(self.tokenizer).__call__).parameters

    pipeline_split = staticmethod(parallel.page_split)

    def check_options(self, options: DocumentParsingOptions) -> None:
        """Refuse what only a model that writes can do."""
        for name in ("prompt", "max_new_tokens"):
            if getattr(options, name) is not None:
                why = "it tags the words of the page, and writes none of its own"
                raise BadOption(f"option '{name}' has no effect on this checkpoint", why=why, fix="leave it out")

    def preprocess(self, items: Sequence[Image], options: DocumentParsingOptions) -> list[Features]:
        pages = [outcome.unwrap() for outcome in self.reader.map(items)]
        return [self._features(item, page) for item, page in zip(items, pages, strict=True)]

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Probability and index of the likeliest label of each token, (windows, tokens, 2)."""
        logits: Tensor = self.network(**batch).logits
        best = logits.float().softmax(-1).max(-1)
        return torch.stack([best.values, best.indices], dim=-1)

    def postprocess(
        self, output: Tensor, features: list[Features], options: DocumentParsingOptions
    ) -> list[ParsedPage]:
        windows = iter(output.tolist())
        return [self._parsed(each, [next(windows) for _ in each["rows"]]) for each in features]

    def _parsed(self, features: Features, windows: list[list[list[float]]]) -> ParsedPage:
        found: dict[int, tuple[int, float, int]] = {}
        for row, tags in zip(features["rows"], windows, strict=True):
            for word, at in row["first"].items():
                depth = min(at, len(row["input_ids"]) - at)
                found[word] = max(found.get(word, (-1, 0.0, 0)), (depth, tags[at][0], int(tags[at][1])))
        tagged = [(features["words"][word], *self.tags[label]) for word, (_, _, label) in sorted(found.items())]
        scores = [score for _, score, label in found.values() if self.tags[label][1] != OUTSIDE]
        mean = sum(scores) / len(scores) if scores else 0.0
        return ParsedPage.model_construct(fields=joined(tagged), score=mean, finish_reason="stop")

    def _features(self, item: Image, page: Page) -> Features:
        words, boxes = words_of(page)
        how: dict[str, Any] = {"boxes": boxes or [NOWHERE]} if self.takes_boxes else {"is_split_into_words": True}
        how |= {"truncation": True, "max_length": self.max_tokens, "stride": self.max_tokens // OVERLAP}
        read = self.tokenizer(words or [""], return_overflowing_tokens=True, **how)
        num = len(read["input_ids"])
        rows = [self._row(read, at, boxes) for at in range(num)]
        return {"rows": rows, "words": words, "pixels": self.pixels(item), "windows": num}

    def _row(self, read: BatchEncoding, at: int, boxes: list[list[int]]) -> Features:
        """One window, and where the first token of each of its words is."""
        words = read.word_ids(at) if boxes else [None] * len(read["input_ids"][at])
        places = read["bbox"][at] if self.takes_boxes else [NOWHERE if word is None else boxes[word] for word in words]
        row = {name: torch.tensor(read[name][at]) for name in ("input_ids", "attention_mask")}
        return row | {"bbox": torch.tensor(places), "first": firsts(words)}


def firsts(words: Sequence[int | None]) -> dict[int, int]:
    """Where the first token of each word is, of which word each token is part."""
    return {word: at for at, word in reversed([*enumerate(words)]) if word is not None}


def split_tag(tag: str, tags: Collection[str]) -> tuple[str, str]:
    """``B-TOTAL`` to ``("B", "TOTAL")``; what only looks like a prefix, as in ``E-MAIL``, is none."""
    prefix, dash, label = tag.partition("-")
    is_prefix = dash and prefix in [*"BIELSU"] and {f"B-{label}", f"I-{label}"} & {*tags}
    return (prefix, label) if is_prefix else ("", tag)


def joined(tagged: Sequence[tuple[str, str, str]]) -> list[PageField]:
    """Fields of words that follow each other with one label; each is a word, the prefix of its tag, and its label."""
    groups: list[tuple[str, list[str]]] = []
    last = ""
    for word, prefix, label in tagged:
        if label == last and prefix not in [*"BSU"]:
            groups[-1][1].append(word)
        elif label != OUTSIDE:
            groups.append((label, [word]))
        last = "" if label == OUTSIDE or prefix in [*"ELSU"] else label
    num, seen = Counter(label for label, _ in groups), Counter[str]()
    fields = []
    for label, words in groups:
        path = [label, str(seen[label])] if num[label] > 1 else [label]
        seen[label] += 1
        fields.append(PageField.model_construct(path=path, text=" ".join(words)))
    return fields
