"""A label for a recording, by any transformers checkpoint for audio classification.

Each window is prepared alone, and those of one shape share a pass: padding would reach the features of many networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from duomo.pretrained import Network, Processor


from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

from duomo import Audio, Model, WeightsRef
from duomo.errors import InputTooLong, InputUnreadable
from duomo.model import Features
from duomo.pretrained import labels_of, load_network, refuse_regression
from duomo.tasks.results import Classification
from duomo.tasks.speech.classification import AudioClassificationOptions
from duomo_speech.auto import receptive_field
from duomo_speech.checkpoint import load_part

FRAME_S = 0.01
"""Between two spectra of AST."""


class AudioClassifier(Model[Audio, Classification]):
    """Softmax over the labels; a sigmoid each for a checkpoint trained so. Windows have the mean of their scores."""

    batch_size = 16
    batch_budget = 2**26
    packed = True  # groups of one length: nothing is padded beyond what the feature extractor does itself

    def __init__(self, network: Network, extractor: Processor) -> None:
        self.network = network
        self.extractor = extractor
        self.rate: int = extractor.sampling_rate
        self.least = receptive_field(network.config)
        self.most = _heard(network.config, extractor)
        self.labels = labels_of(network.config)
        self.is_multi_label = network.config.problem_type == "multi_label_classification"

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and feature extractor, whole; raises `WrongTask` for one that was trained for regression."""
        network = load_network(AutoModelForAudioClassification, weights)
        refuse_regression(weights, network.config, "audio-classification")
        return cls(network.to(device, dtype), load_part(AutoFeatureExtractor, weights))

    @staticmethod
    def estimate(item: Audio) -> int:
        return item.size_hint

    def preprocess(self, items: Sequence[Audio], options: AudioClassificationOptions) -> list[Features]:
        return [self._features(item, options.long) for item in items]

    def collate(self, features: list[Features]) -> list[dict[str, Any]]:
        flat = [inputs for each in features for inputs in each["inputs"]]
        groups: dict[Any, list[int]] = {}
        for at, inputs in enumerate(flat):
            groups.setdefault(tuple(tensor.shape for tensor in inputs.values()), []).append(at)
        return [
            {"inputs": {name: torch.cat([flat[at][name] for at in some]) for name in flat[some[0]]}, "places": some}
            for some in groups.values()
        ]

    def forward(self, batch: list[dict[str, Any]]) -> Tensor:
        """Scores of all windows, in order, (windows, labels)."""
        scores: dict[int, Tensor] = {}
        for group in batch:
            inputs = {
                name: each.to(self.network.dtype) if each.is_floating_point() else each
                for name, each in group["inputs"].items()
            }
            logits = self.network(**inputs).logits.float()
            scores.update(
                zip(group["places"], logits.sigmoid() if self.is_multi_label else logits.softmax(-1), strict=True)
            )
        return torch.stack([scores[at] for at in range(len(scores))])

    def postprocess(
        self, output: Tensor, features: list[Features], options: AudioClassificationOptions
    ) -> list[Classification]:
        means = [part.mean(0).tolist() for part in torch.split(output, [len(each["inputs"]) for each in features])]
        return [Classification.ranked(self.labels, each, options.top_k) for each in means]

    def _features(self, item: Audio, long: str) -> Features:
        samples = item.samples(self.rate)
        if len(samples) < self.least:
            raise InputUnreadable(
                f"this recording has {len(samples)} samples, too few for one state of the network",
                why=f"at {self.rate} Hz it needs {self.least}",
                fix="use a longer recording",
            )
        most = self.most or len(samples)
        is_long = len(samples) > most
        if is_long and long == "error":
            raise InputTooLong(
                f"this recording is {len(samples) / self.rate:.1f} s long and the model hears {most / self.rate:.1f} s",
                why="its end would be lost",
                fix="long=window hears all of it in parts, long=truncate the beginning",
            )
        starts = range(0, len(samples), most) if long == "window" else [0]
        windows = [part for start in starts if len(part := samples[start : start + most]) >= self.least]
        inputs = [dict(self.extractor(each, sampling_rate=self.rate, return_tensors="pt")) for each in windows]
        return {"inputs": inputs, "windows": len(inputs), "truncated": is_long and long == "truncate"}


def _heard(config: PreTrainedConfig, extractor: Processor) -> int:
    """The samples that the network hears at once; 0 where it hears any number."""
    if config.model_type == "audio-spectrogram-transformer":
        return int(extractor.max_length * FRAME_S * extractor.sampling_rate)
    return int(getattr(extractor, "n_samples", 0))  # Whisper's
