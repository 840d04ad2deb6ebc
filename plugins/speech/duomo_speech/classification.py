"""A label for audio, by any transformers checkpoint for audio classification."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import AutoModelForAudioClassification

from duomo import Audio, WeightsRef
from duomo.model import Features
from duomo.pretrained import is_multi_label, labels_of
from duomo.tasks.results import Classification
from duomo.tasks.speech.classification import AudioClassificationOptions
from duomo_speech.hearing import Hearing, Inputs


class AudioClassifier(Hearing[Audio, Classification]):
    """Softmax over the labels; a sigmoid each for a checkpoint trained so. Windows have the mean of their scores."""

    auto = AutoModelForAudioClassification

    def configure(self, weights: WeightsRef) -> None:
        """Raises `WrongTask` for a checkpoint that was trained for regression."""
        config = self.network.config
        self.labels = labels_of(config)
        self.is_multi_label = is_multi_label(weights, config, "audio-classification")

    def compute(self, inputs: Inputs) -> Tensor:
        """Scores, (windows, labels)."""
        logits: Tensor = self.network(**inputs).logits.float()
        return logits.sigmoid() if self.is_multi_label else logits.softmax(-1)

    def postprocess(
        self, output: list[Tensor], features: list[Features], options: AudioClassificationOptions
    ) -> list[Classification]:
        return [Classification.ranked(self.labels, each, options.top_k) for each in means(output, features)]


def means(output: list[Tensor], features: list[Features]) -> list[list[float]]:
    """The mean of the scores of each item's windows."""
    parts = torch.split(torch.stack(output), [len(each["inputs"]) for each in features])
    return [part.mean(0).tolist() for part in parts]
