"""microWakeWord: the wake words alexa, hey jarvis, hey mycroft and okay nabu, by networks of 50 to 80 kB.

Source: https://github.com/kahrendt/microWakeWord; networks and runtime of the package ``pymicro-wakeword``, features of
``pymicro-features`` (both Apache-2.0). Every 10 ms has 40 features; a network reads three of them at a time, and what
counts is the mean of its last probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model as Builtin

from duomo import Audio, WeightsRef
from duomo.errors import BadOption, did_you_mean
from duomo.model import Features
from duomo.tasks.speech.waking import WakeWord, WakeWordDetectionOptions, WakeWords
from duomo.weights import verify
from duomo_speech.clips import Clips

if TYPE_CHECKING:
    import torch

RATE = 16_000
LEAST = 480
"""Samples that the first feature is made of."""
STEP_S, WINDOW_S = 0.01, 0.03
"""Seconds between two features, and of sound in each."""
APART_S = 1.0
"""A word that is noticed again sooner is the same."""


class MicroWakeWords(Clips[Audio, WakeWords]):
    """Each network goes through each audio clip from a state of its own."""

    def __init__(self, words: dict[str, MicroWakeWord]) -> None:
        self.words = words

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Open the networks that lie beside the one whose digest is pinned. Raises `WeightsMismatch`."""
        del device, dtype  # the library's own
        verify(weights.spec)
        opened = [MicroWakeWord.from_builtin(each) for each in Builtin]
        return cls({each.wake_word.lower(): each for each in opened})

    def check_options(self, options: WakeWordDetectionOptions) -> None:
        """Raises `BadOption` for a word that is not known."""
        for word in self._words(options):
            if word not in self.words:
                raise BadOption(
                    f"option 'words' cannot be '{word}'",
                    why=did_you_mean(word, self.words) or "there is no network for it",
                    fix=f"the words are: {', '.join(self.words)}",
                )

    def preprocess(self, items: Sequence[Audio], options: WakeWordDetectionOptions) -> list[Features]:
        """Features of each audio clip. Raises `InputUnreadable` for less sound than gives one."""
        words = self._words(options)
        features: list[Features] = []
        for item in items:
            samples = item.samples(RATE, LEAST)
            sound = (samples.clip(-1, 1) * 32767).astype("<i2").tobytes()
            steps = list(MicroWakeWordFeatures().process_streaming(sound))
            features.append({"steps": steps, "words": words, "duration": len(samples) / RATE})
        return features

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[dict[str, np.ndarray]]:
        """The mean probability of each word at every step, by word."""
        return [{word: self._heard(self.words[word], each["steps"]) for word in each["words"]} for each in batch]

    def postprocess(
        self, output: list[dict[str, np.ndarray]], features: list[Features], options: WakeWordDetectionOptions
    ) -> list[WakeWords]:
        results = []
        for heard, each in zip(output, features, strict=True):
            found = [
                detection
                for word, probabilities in heard.items()
                for detection in noticed(word, probabilities, self._threshold(word, options))
            ]
            found.sort(key=lambda detection: detection.start)
            results.append(WakeWords.model_construct(detections=found, duration=each["duration"]))
        return results

    def _words(self, options: WakeWordDetectionOptions) -> list[str]:
        return [word.lower() for word in options.words] if options.words is not None else list(self.words)

    def _threshold(self, word: str, options: WakeWordDetectionOptions) -> float:
        return self.words[word].probability_cutoff if options.threshold is None else options.threshold

    def _heard(self, network: MicroWakeWord, steps: list[np.ndarray]) -> np.ndarray:
        """The package's own steps; it is opened again for each audio clip, since it has no other way to forget."""
        network.reset()
        return np.array([network.process_streaming_prob(step) for step in steps], np.float32)


def noticed(word: str, probabilities: np.ndarray, threshold: float) -> list[WakeWord]:
    """The stretches in which a word is above its threshold, joined where they are less than `APART_S` apart."""
    found: list[WakeWord] = []
    for step in np.flatnonzero(probabilities > threshold).tolist():
        at, score = step * STEP_S + WINDOW_S, float(probabilities[step])
        if found and at - found[-1].end < APART_S:
            last = found.pop()
            found.append(WakeWord.model_construct(start=last.start, end=at, label=word, score=max(last.score, score)))
        else:
            found.append(WakeWord.model_construct(start=at, end=at, label=word, score=score))
    return found
