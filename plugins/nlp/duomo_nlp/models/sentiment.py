"""Whether a text is glad or sad of something: VADER, a lexicon with rules (Hutto and Gilbert, ICWSM 2014)."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Self

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from duomo import Model, Text, WeightsRef
from duomo.errors import InputTooLong
from duomo.model import Features
from duomo.tasks.nlp import TextClassificationOptions
from duomo.tasks.results import Classification

LABELS = ("positive", "neutral", "negative")
THRESHOLD = 0.05
"""VADER's README: positive from compound >= 0.05, negative from compound <= -0.05, neutral between."""
SHARPNESS = 4.0
"""How fast scores leave each other beyond the threshold: compound 0.6 gives 0.89."""
MAX_WORDS = 512
"""VADER is made for sentences; its rules take time that grows with the square of the words."""
_WORD = re.compile(r"\S+")
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u02bc\u2032\u00b4`", "'"),
        **dict.fromkeys("\u200b\u200d\u2060\ufe0e\ufe0f\ufeff\u00ad"),
    }
)
"""VADER's list has *isn't* with the typewriter's apostrophe alone, and no word with a sign in it that is not seen, as
stands behind a heart that a telephone has typed."""


class Vader(Model[Text, Classification]):
    """English sentiment in microseconds.

    VADER gives one number, the compound score in [-1, 1]. Its scores here are a softmax over
    ``SHARPNESS * (compound - THRESHOLD, 0, -compound - THRESHOLD)``, so that the best label is the one the
    README's thresholds name; they are not calibrated. Under ``multi_label`` they are VADER's own shares
    of the text that are positive, neutral and negative. Under ``long=window`` the mean of the windows is taken.
    """

    batch_size = 32

    def __init__(self, analyzer: SentimentIntensityAnalyzer) -> None:
        self.analyzer = analyzer

    @classmethod
    def load(cls, weights: WeightsRef, *, device: object, dtype: object) -> Self:
        del device, dtype  # no tensors
        return cls(SentimentIntensityAnalyzer(str(weights.path), str(weights.folder / "emoji_utf8_lexicon.txt")))

    @staticmethod
    def estimate(item: Text) -> int:
        return 1 + len(item) // 5

    def preprocess(self, items: Sequence[Text], options: TextClassificationOptions) -> list[Features]:
        return [self._read(str(item), options.long) for item in items]

    def collate(self, features: list[Features]) -> list[list[str]]:
        return [each["parts"] for each in features]

    def forward(self, batch: list[list[str]]) -> list[list[dict[str, float]]]:
        """VADER's scores of each part of each text: ``compound``, ``pos``, ``neu`` and ``neg``."""
        return [[self.analyzer.polarity_scores(part) for part in parts] for parts in batch]

    def postprocess(
        self, output: list[list[dict[str, float]]], features: list[Features], options: TextClassificationOptions
    ) -> list[Classification]:
        return [self._result(parts, options) for parts in output]

    def _read(self, text: str, long: str) -> Features:
        text = unicodedata.normalize("NFKC", text.translate(_SIGNS))
        starts = [match.start() for match in _WORD.finditer(text)]
        if len(starts) > MAX_WORDS and long == "error":
            raise InputTooLong(
                f"this text has {len(starts):,} words and VADER reads {MAX_WORDS}",
                why="it is made for sentences and short posts",
                fix="long=window takes the mean of its parts, long=truncate reads the beginning",
            )
        ends = [*starts[MAX_WORDS::MAX_WORDS], len(text)]
        parts = [text[start:end] for start, end in zip(starts[::MAX_WORDS], ends, strict=True)]
        if long == "truncate":
            return {"parts": parts[:1], "truncated": len(parts) > 1}
        return {"parts": parts, "windows": len(parts)}

    def _result(self, parts: list[dict[str, float]], options: TextClassificationOptions) -> Classification:
        mean = {key: sum(part[key] for part in parts) / len(parts) for key in ("compound", "pos", "neu", "neg")}
        if options.multi_label:
            scores = [mean["pos"], mean["neu"], mean["neg"]]
        else:
            compound = mean["compound"]
            logits = [compound - THRESHOLD, 0.0, -compound - THRESHOLD]
            odds = [math.exp(SHARPNESS * logit) for logit in logits]
            scores = [each / sum(odds) for each in odds]
        return Classification.ranked(LABELS, scores, options.top_k)
