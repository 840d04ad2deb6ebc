"""What a text is about, by the vectors of its parts: keywords and central sentences.

keywords    words and runs of words near to the text, unlike each other: maximal marginal relevance (Carbonell and
            Goldstein 1998; Grootendorst's KeyBERT is the recipe)
sentences   those most like all others: degree centrality (Erkan and Radev 2004, LexRank, https://arxiv.org/abs/1109.2128)

A long text is read in windows, and its vector is their mean; nothing of it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import regex
import torch
from torch import Tensor

from duomo import Text
from duomo.errors import BadInput
from duomo.model import Features
from duomo.tasks.nlp.editing import (
    CentralSentence,
    Extract,
    ExtractiveSummarizationOptions,
    Keyword,
    KeywordExtractionOptions,
    Keywords,
)
from duomo_nlp.embedding import SentenceEncoder
from duomo_nlp.pooling import normalize
from duomo_nlp.splitting import rejoined, sentence_spans

WORD = regex.compile(r"\w[\w'’-]*")
"""By `regex`, to which accents and vowel signs that are characters of their own are inside a word; not so to `re`."""
BREAK = regex.compile(r"[^\w\s'’-]")
"""A keyword does not go across a mark."""
LETTER = regex.compile(r"[^\W\d]")
MOST = 500
"""Candidates that are read, those that are most frequent."""
STOP = frozenset(
    """a about above after again against all also am an and any are as at be because been before being below between
    both but by can could did do does doing down during each either else even ever every few for from further get go
    goes had has have having he her here hers him his how however i if in into is it its itself just like made make many
    may me might more most much must my neither no nor not now of off on once one only or other our out over own rather
    same say says see shall she should since so some such than that the their them then there these they this those
    through thus to too two under until up upon us very was we well were what when where which while who whom why will
    with within without would yet you your""".split()
)
"""English words that no keyword begins or ends with."""


class KeywordExtraction(SentenceEncoder[Text, Keywords]):
    """Candidates and the text in one space."""

    batch_size = 8

    def preprocess(self, items: Sequence[Text], options: KeywordExtractionOptions) -> list[Features]:
        found = [candidates(item, options.max_words) for item in items]
        for item, spans in zip(items, found, strict=True):
            if not spans:
                raise BadInput(
                    f"this text has no word that could be a keyword: {str(item)[:39]!r}",
                    why="a keyword begins and ends with a word that says something",
                    fix="a longer text",
                )
        groups = [
            [str(item), *(item[start:end] for start, end in spans)] for item, spans in zip(items, found, strict=True)
        ]
        features = self.read(groups, "window")
        return [
            {**each, "spans": spans, "item": item} for each, spans, item in zip(features, found, items, strict=True)
        ]

    def postprocess(
        self, output: Tensor, features: list[Features], options: KeywordExtractionOptions
    ) -> list[Keywords]:
        vectors = torch.split(normalize(self.vectors(output, features)), [len(each["texts"]) for each in features])
        results = []
        for each, own in zip(features, vectors, strict=True):
            scores, alike = own[1:] @ own[0], own[1:] @ own[1:].T
            chosen = diverse(scores, alike, options.top_k, options.diversity)
            keywords = [
                Keyword.model_construct(
                    text=each["item"][slice(*each["spans"][at])],
                    score=float(scores[at].clamp(-1, 1)),
                    start=each["spans"][at][0],
                    end=each["spans"][at][1],
                )
                for at in sorted(chosen, key=lambda at: -float(scores[at]))
            ]
            results.append(Keywords.model_construct(keywords=keywords))
        return results


class ExtractiveSummarization(SentenceEncoder[Text, Extract]):
    """The central sentences, in the order of the text."""

    batch_size = 8

    def preprocess(self, items: Sequence[Text], options: ExtractiveSummarizationOptions) -> list[Features]:
        spans = [sentence_spans(item) for item in items]
        groups = [[item[start:end] for start, end in each] for item, each in zip(items, spans, strict=True)]
        features = self.read(groups, "window")
        return [{**each, "spans": own, "item": item} for each, own, item in zip(features, spans, items, strict=True)]

    def postprocess(
        self, output: Tensor, features: list[Features], options: ExtractiveSummarizationOptions
    ) -> list[Extract]:
        vectors = torch.split(normalize(self.vectors(output, features)), [len(each["texts"]) for each in features])
        results = []
        for each, own in zip(features, vectors, strict=True):
            scores = centrality(own)
            best = sorted(range(len(scores)), key=lambda at: (-scores[at], at))[: options.num_sentences]
            sentences = [
                CentralSentence.model_construct(
                    text=each["item"][slice(*each["spans"][at])],
                    start=each["spans"][at][0],
                    end=each["spans"][at][1],
                    score=scores[at],
                )
                for at in sorted(best)
            ]
            results.append(
                Extract.model_construct(
                    summary_text=rejoined(sentence.text for sentence in sentences), sentences=sentences
                )
            )
        return results


def candidates(text: str, max_words: int) -> list[tuple[int, int]]:
    """Where words and runs of words that may be keywords first stand; each wording once, whatever its case."""
    words = [(match.start(), match.end(), match.group().lower()) for match in WORD.finditer(text)]
    is_end = {
        word: len(word) > 1 and word not in STOP and LETTER.search(word) is not None
        for word in {w for _, _, w in words}
    }
    gaps = [text[end:start] for (_, end, _), (start, _, _) in pairwise(words)]
    goes_on = [gap == " " or BREAK.search(gap) is None for gap in gaps]
    first: dict[str, tuple[int, int]] = {}
    count: dict[str, int] = {}
    for at, (start, _, word) in enumerate(words):
        if not is_end[word]:
            continue
        for last in range(at, min(at + max_words, len(words))):
            if last > at and not goes_on[last - 1]:
                break
            _, end, other = words[last]
            if is_end[other]:
                key = word if last == at else " ".join(text[start:end].lower().split())
                first.setdefault(key, (start, end))
                count[key] = count.get(key, 0) + 1
    kept = sorted(first, key=lambda key: (-count[key], first[key]))[:MOST]
    return sorted(first[key] for key in kept)


def diverse(scores: Tensor, alike: Tensor, top_k: int, diversity: float) -> list[int]:
    """The best, then each time the one that is near to the text and far from those that were taken."""
    chosen: list[int] = []
    while len(chosen) < min(top_k, len(scores)):
        nearest = alike[:, chosen].amax(1) if chosen else torch.zeros_like(scores)
        worth = (1 - diversity) * scores - diversity * nearest if chosen else scores.clone()
        worth[chosen] = -torch.inf
        chosen.append(int(worth.argmax()))
    return chosen


def centrality(vectors: Tensor) -> list[float]:
    """The mean of each unit vector's cosines with the others; 1 for one alone."""
    if len(vectors) == 1:
        return [1.0]
    total = vectors @ vectors.sum(0) - 1
    means: list[float] = (total / (len(vectors) - 1)).tolist()
    return means
