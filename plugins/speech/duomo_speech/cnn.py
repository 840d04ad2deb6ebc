"""A small network for labels of audio clips, trained from random numbers: log-mel spectra through convolutions.

A baseline to read and to beat: 40 mel bands of 25 ms every 10 ms, normalised by the bands' own mean and spread in the
training part, four convolutions over time, the mean over time, a linear layer. It hears 2 s at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pydantic
import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from duomo import Audio, Model, WeightsRef, folders
from duomo.errors import InputTooLong
from duomo.model import Features
from duomo.tasks.results import Classification
from duomo.tasks.speech.classification import AudioClassificationOptions
from duomo.training import SmallTrainable
from duomo_speech.augmenting import VARIETIES, augmented

RATE = 16_000
FRAME = 400
"""Samples of one spectrum; less than that is too little to judge."""
HEARD = 2 * RATE
"""Samples of a window; a shorter audio clip is followed by silence."""
BANDS = 40


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model: Literal["speech/cnn"] = "speech/cnn"
    channels: int = pydantic.Field(gt=0, le=65_536)
    labels: list[str] = pydantic.Field(min_length=1)


class Network(nn.Module):
    """(B, 40, T) → (B, labels)."""

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int, num_labels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("spread", torch.ones(BANDS))
        self.body = nn.Sequential()
        width = BANDS
        for _ in range(4):
            self.body.extend(
                (nn.Conv1d(width, channels, 5, padding=2), nn.BatchNorm1d(channels), nn.ReLU(), nn.MaxPool1d(2))
            )
            width = channels
        self.head = nn.Linear(channels, num_labels)

    def forward(self, spectra: Tensor) -> Tensor:
        normal = (spectra - self.mean[:, None]) / self.spread[:, None]
        logits: Tensor = self.head(self.body(normal).mean(-1))
        return logits


class AudioCnn(Model[Audio, Classification]):
    """The network in inference; windows have the mean of their scores."""

    network: Any
    labels: Sequence[str]
    batch_size = 32

    def __init__(self, channels: int, labels: Sequence[str]) -> None:
        self.channels, self.labels = channels, list(labels)
        self.network = Network(channels, len(self.labels))
        self.spectra = MelSpectrogram(RATE, n_fft=400, hop_length=160, n_mels=BANDS)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        about = folders.describe(Description, weights)
        model = cls(about.channels, about.labels)
        folders.fill(model.network, weights)
        model.network.to(device, dtype).eval()
        return model

    @staticmethod
    def estimate(item: Audio) -> int:
        return item.size_hint

    def preprocess(self, items: Sequence[Audio], options: AudioClassificationOptions) -> list[Features]:
        return [self._features(item, options.long) for item in items]

    def collate(self, features: list[Features]) -> Tensor:
        """(windows, 40, T)."""
        return torch.cat([each["spectra"] for each in features])

    def forward(self, batch: Tensor) -> Tensor:
        scores: Tensor = self.network(batch.to(self.network.head.weight.dtype)).softmax(-1)
        return scores

    def postprocess(
        self, output: Tensor, features: list[Features], options: AudioClassificationOptions
    ) -> list[Classification]:
        means = [part.mean(0).tolist() for part in torch.split(output, [len(each["spectra"]) for each in features])]
        return [Classification.ranked(self.labels, each, options.top_k) for each in means]

    def _features(self, item: Audio, long: str) -> Features:
        samples = torch.as_tensor(item.samples(RATE, FRAME))
        is_long = len(samples) > HEARD
        if is_long and long == "error":
            raise InputTooLong(
                f"this audio clip is {len(samples) / RATE:.1f} s long and the model hears {HEARD / RATE:.1f} s",
                why="its end would be lost",
                fix="long=window hears all of it in parts, long=truncate the beginning",
            )
        windows = torch.split(samples, HEARD) if long == "window" and is_long else (samples[:HEARD],)
        spectra = torch.stack([self._spectra(window) for window in windows])
        return {"spectra": spectra, "windows": len(windows), "truncated": is_long and long == "truncate"}

    def _spectra(self, window: Tensor) -> Tensor:
        """Log-mel, (40, T)."""
        padded = torch.cat((window, window.new_zeros(HEARD - len(window))))
        return torch.log(self.spectra(padded) + 1e-6)


class AudioCnnTrainer(AudioCnn, SmallTrainable[Audio]):
    """Cross-entropy over the labels of the training part."""

    scratch: ClassVar[Mapping[str, Mapping[str, object]]] = {"cnn": {"tiny": 32, "small": 96}}
    varieties = VARIETIES

    def fit_statistics(self, items: Sequence[Audio], labels: Sequence[object]) -> None:
        """Mean and spread of each band."""
        if not self.is_blank:
            return
        sums, squares, count = torch.zeros(BANDS), torch.zeros(BANDS), 0
        for item in items:
            try:
                spectra = self._features(item, "truncate")["spectra"][0]
            except Exception:
                continue
            sums, squares, count = sums + spectra.sum(1), squares + spectra.square().sum(1), count + spectra.shape[1]
        mean = sums / max(1, count)
        self.network.mean.copy_(mean)
        self.network.spread.copy_((squares / max(1, count) - mean.square()).clamp(min=1e-4).sqrt())

    def augment(self, item: Audio, draw: torch.Generator) -> Audio:
        return Audio(augmented(item.samples(RATE), self.augmentations, RATE, draw), item.name, RATE)

    def save(self, folder: Path) -> None:
        folders.write(self.network, Description(channels=self.channels, labels=list(self.labels)), folder)
