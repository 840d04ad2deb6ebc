"""pySBD: the sentences of a text by rules, in 23 languages.

Source: Sadvilkar and Neumann 2020, https://arxiv.org/abs/2010.09657 (MIT). Its time grows with the square of a text; a
line always ends a sentence, so that each is read by itself, and a long one in blocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import pysbd
from pysbd.languages import LANGUAGE_CODES

from duomo import Model, Text, WeightsRef
from duomo.errors import BadOption, did_you_mean
from duomo.model import Features
from duomo.tasks.languages import language_among
from duomo.tasks.nlp.editing import Sentence, Sentences, SentenceSplittingOptions

if TYPE_CHECKING:
    import torch

LINE = re.compile(r"\n")
CLOSING = re.compile("[”’」』）】》〉]+")
"""Marks that close, directly behind the end of a sentence."""
BLOCK = 2000
"""Characters of a line that are read at once."""
LONGEST = 2 * BLOCK
"""Characters of one sentence that are read at once; what is longer is read in such pieces, and stays one sentence."""


class PySbd(Model[Text, Sentences]):
    """One segmenter a language."""

    batch_size = 32

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        del weights, device, dtype  # rules alone
        return cls()

    @staticmethod
    def estimate(item: Text) -> int:
        return 1 + len(item) // 5

    def check_options(self, options: SentenceSplittingOptions) -> None:
        """Refuse a language without rules."""
        if language_among(options.language, LANGUAGE_CODES) not in LANGUAGE_CODES:
            raise BadOption(
                f"option 'language' cannot be '{options.language}'",
                why=did_you_mean(options.language, LANGUAGE_CODES) or "its rules are not known",
                fix=f"one of {', '.join(sorted(LANGUAGE_CODES))}",
            )

    def preprocess(self, items: Sequence[Text], options: SentenceSplittingOptions) -> list[Features]:
        segmenter = pysbd.Segmenter(
            language=language_among(options.language, LANGUAGE_CODES), clean=False, char_span=True
        )
        return [{"text": item, "segmenter": segmenter} for item in items]

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[list[tuple[int, int]]]:
        """Where the sentences of each text are."""
        return [_spans(each["segmenter"], each["text"]) for each in batch]

    def postprocess(
        self, output: list[list[tuple[int, int]]], features: list[Features], options: SentenceSplittingOptions
    ) -> list[Sentences]:
        return [
            Sentences.model_construct(
                sentences=[
                    Sentence.model_construct(text=each["text"][start:end], start=start, end=end) for start, end in spans
                ]
            )
            for spans, each in zip(output, features, strict=True)
        ]


def _spans(segmenter: pysbd.Segmenter, text: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    edges = [0, *(match.end() for match in LINE.finditer(text)), len(text)]
    for start, last in pairwise(edges):
        line: list[tuple[int, int]] = []
        size, goes_on = BLOCK, False
        while start < last:
            here = _sentences(segmenter, text, start, min(start + size, last))
            if start + size < last and len(here) == 1 and size < LONGEST:
                size *= 2
                continue
            if goes_on and here:  # behind a piece of a long sentence its next one
                here[0] = (line.pop()[0], here[0][1])
            at_end = start + size >= last
            goes_on = not at_end and len(here) == 1
            if at_end or len(here) < 2:
                line += here
                start = last if at_end else _between_words(text, start, start + size)
            else:  # the last one may go on behind the block, and is read again
                line += here[:-1]
                start = here[-1][0]
            size = BLOCK
        found += line
    return found


def _between_words(text: str, start: int, end: int) -> int:
    """Find the last place before `end` where no word is cut, or else `end`."""
    space = text.rfind(" ", start + 1, end)
    return end if space < 0 else space + 1


def _sentences(segmenter: pysbd.Segmenter, text: str, at: int, last: int) -> list[tuple[int, int]]:
    """Find where the sentences of a part of `text` are."""
    found: list[tuple[int, int]] = []
    if text[at:last].isspace():
        return found
    for span in segmenter.segment(text[at:last]):
        bare = span.sent.strip()
        start = text.find(bare, at, last) if bare else -1  # its own offsets are wrong for some repeated sentences
        if start >= 0:
            closed = CLOSING.match(text, start) if found and found[-1][1] == start else None
            if closed:  # of what is quoted: its rules for Chinese leave it to the next sentence
                found[-1] = (found[-1][0], closed.end())
            found += [*_bare(text, at, start), *_bare(text, closed.end() if closed else start, start + len(bare))]
            at = start + len(bare)
    return found + _bare(text, at, last)


def _bare(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Find what pySBD handed out changed, as one sentence: it loses signs such as ☝ and ♭, its marks."""
    part = text[start:end]
    first = start + len(part) - len(part.lstrip())
    return [(first, first + len(part.strip()))] if part.strip() else []
