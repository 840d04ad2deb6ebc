"""Which language a text is in: py3langid, naive Bayes over byte n-grams (Lui and Baldwin 2012, "langid.py")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from py3langid.langid import LanguageIdentifier

from duomo import Model, Text, WeightsRef
from duomo.model import Features
from duomo.tasks.nlp import LanguageIdentificationOptions
from duomo.tasks.results import Classification

if TYPE_CHECKING:
    import torch


_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
"""Signs that break words or lines and are not seen."""


class LanguageIdentification(Model[Text, Classification]):
    """139 languages and ``zxx``, no language (markup, identifiers), which it does not always notice.

    Scores are the posterior at temperature sqrt(bytes), which keeps them comparable across lengths;
    they sum to 1 over all languages.
    """

    batch_size = 32

    def __init__(self, identifier: LanguageIdentifier) -> None:
        self.identifier = identifier

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        del device, dtype  # no tensors
        return cls(LanguageIdentifier.from_modelpath(weights.path, norm_probs=True))

    @staticmethod
    def estimate(item: Text) -> int:
        return 1 + len(item) // 5

    def preprocess(self, items: Sequence[Text], options: LanguageIdentificationOptions) -> list[Features]:
        # The network knows words by the spaces between them: with other white space English is taken for Cantonese.
        return [{"text": " ".join(item.translate(_UNSEEN).split())} for item in items]

    def collate(self, features: list[Features]) -> list[str]:
        return [each["text"] for each in features]

    def forward(self, batch: list[str]) -> list[list[tuple[str, float]]]:
        """(language, probability) of each text, best first."""
        return [self.identifier.rank(text) for text in batch]

    def postprocess(
        self, output: list[list[tuple[str, float]]], features: list[Features], options: LanguageIdentificationOptions
    ) -> list[Classification]:
        return [
            Classification.ranked([name for name, _ in ranking], [score for _, score in ranking], options.top_k)
            for ranking in output
        ]
