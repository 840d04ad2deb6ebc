"""Silero VAD as a graph: when someone speaks, in steps of 32 ms.

The graph takes frames of 576 samples, the first 64 of them context, and the state of its LSTM; see `duomo-speech` for
the network. What becomes of its probabilities is the same here, on NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field

from duomo import Audio, Model, WeightsRef
from duomo.model import Features
from duomo.tasks.speech.activity import VoiceActivity, VoiceActivityDetectionOptions
from duomo.tasks.speech.stretches import gain_of, voice_activity
from duomo_edge.artifact import Graph, Settings, check_device, check_names, open_graph, read_settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = 16_000
FRAME, CONTEXT = 512, 64  # samples
WIDTH = 128  # of the LSTM's state
INPUTS = ("frames", "hidden", "cell")


class ActivitySettings(Settings):
    """What a detector of voices needs besides."""

    frames: int = Field(gt=0)
    """How many the graph takes at once."""


class VoiceActivityDetector(Model[Audio, VoiceActivity]):
    """Voice activity of audio of any length, in memory that does not grow."""

    batch_size = 8
    batch_budget = 2**26  # half an hour of 16-bit sound
    packed = True

    def __init__(self, graph: Graph, settings: ActivitySettings) -> None:
        self.graph = graph
        self.block = settings.frames

    @classmethod
    def load(cls, weights: WeightsRef, *, device: object, dtype: object) -> Self:
        """Open the artefact, in its own precision. Raises `WeightsProblem` where it is not whole."""
        del dtype
        check_device(device)
        settings = read_settings(weights, ActivitySettings)
        graph = open_graph(weights, settings)
        check_names(graph, weights.folder, INPUTS)
        return cls(graph, settings)

    @staticmethod
    def estimate(item: Audio) -> int:
        return item.size_hint

    def preprocess(self, items: Sequence[Audio], options: VoiceActivityDetectionOptions) -> list[Features]:
        return [{"samples": item.samples(RATE, FRAME)} for item in items]

    def collate(self, features: list[Features]) -> list[Samples]:
        return [each["samples"] for each in features]

    def forward(self, batch: list[Samples]) -> list[Samples]:
        """Probability of speech for every frame of every audio clip."""
        return [self.probabilities(samples) for samples in batch]

    def postprocess(
        self, output: list[Samples], features: list[Features], options: VoiceActivityDetectionOptions
    ) -> list[VoiceActivity]:
        return voice_activity(output, features, options)

    def probabilities(self, samples: Samples) -> Samples:
        """Probability of speech for every 512 samples of (samples,) at 16 kHz."""
        count = -(-len(samples) // FRAME)
        padded = np.zeros(CONTEXT + -(-count // self.block) * self.block * FRAME, np.float32)
        padded[CONTEXT : CONTEXT + len(samples)] = samples * np.float32(gain_of(samples))
        frames = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + FRAME)[::FRAME]
        hidden = cell = np.zeros((1, 1, WIDTH), np.float32)
        found = []
        for first in range(0, count, self.block):
            block = np.ascontiguousarray(frames[first : first + self.block])
            part, hidden, cell = self.graph({"frames": block, "hidden": hidden, "cell": cell})
            found.append(part)
        return np.concatenate(found)[:count]
