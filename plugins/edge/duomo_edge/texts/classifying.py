"""Text classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Encoding

from duomo import Text
from duomo.errors import WeightsMismatch
from duomo.model import Features
from duomo.tasks.nlp.classification import TextClassificationOptions
from duomo.tasks.nlp.windows import read, was_cut
from duomo.tasks.results import Classification
from duomo_edge.activations import scores
from duomo_edge.texts.encoder import TextReader, TextSettings
from duomo_edge.texts.windows import mean_by_text

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ClassifierSettings(TextSettings):
    """What a classifier needs besides."""

    labels: list[str]
    activation: str = "softmax"


class TextClassifier(TextReader[Text, Classification]):
    """Scores of the labels in ``duomo.json``; the mean over the windows of a long text."""

    kind = ClassifierSettings

    def preprocess(self, items: Sequence[Text], options: TextClassificationOptions) -> list[Features]:
        return [
            {"encodings": text, "windows": len(text), "truncated": was_cut(text, options.long)}
            for text in read(self.tokenizer, items, options.long)
        ]

    def forward(self, batch: list[Encoding]) -> NDArray[np.float32]:
        """Logits, (windows, labels)."""
        return np.stack(self.run(batch))

    def postprocess(
        self, output: NDArray[np.float32], features: list[Features], options: TextClassificationOptions
    ) -> list[Classification]:
        labels = self.settings.labels
        if output.shape[1:] != (len(labels),):
            raise WeightsMismatch(
                f"the graph gives {output.shape[1:]} numbers a text, and duomo.json has {len(labels)} labels",
                fix="name all of them, in order",
            )
        found = scores(output, "sigmoid" if options.multi_label else self.settings.activation)
        means = mean_by_text(found, [[1] * len(each["encodings"]) for each in features])
        return [Classification.ranked(labels, each, options.top_k) for each in means.tolist()]
