"""Hibari on a small device: English text to speech by ONNX Runtime and NumPy, as `duomo-speech` says it.

Source: https://github.com/MMWilliams/hibari (Apache-2.0). The network is a graph already; the package ``hibari-tts``
with it makes phonemes of text and sound of spectra without torch: nothing has to be exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from hibari import SAMPLE_RATE, Hibari
from hibari.voices import DEFAULT

from duomo import Model, Text, WeightsRef
from duomo.errors import BadOption
from duomo.model import Features
from duomo.tasks.speech.reading import check_latin, check_numbers, nothing_to_say
from duomo.tasks.speech.synthesis import Speech, TextToSpeechOptions
from duomo.weights import verify
from duomo_edge.artifact import check_device

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PackagedVoice(Model[Text, Speech]):
    """The one voice that comes with the package."""

    batch_size = 4

    def __init__(self, voice: Hibari) -> None:
        self.voice = voice

    @classmethod
    def load(cls, weights: WeightsRef, *, device: object, dtype: object) -> Self:
        """Open the graph after comparing its digest. Raises `WeightsMismatch`."""
        del dtype
        check_device(device)
        verify(weights.spec)
        return cls(Hibari(DEFAULT, model=str(weights.path)))

    @staticmethod
    def estimate(item: Text) -> int:
        return len(item)

    def check_options(self, options: TextToSpeechOptions) -> None:
        """Raises `BadOption` for another voice."""
        if options.voice not in (None, DEFAULT):
            raise BadOption(
                f"option 'voice' cannot be '{options.voice}'",
                why=f"only {DEFAULT} comes with the package",
                fix="leave it out",
            )

    def preprocess(self, items: Sequence[Text], options: TextToSpeechOptions) -> list[Features]:
        """Phoneme ids of each sentence. Raises `BadInput` for what an English voice cannot say."""
        return [{"sentences": self._sentences(str(item)), "options": options} for item in items]

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[NDArray[np.float32]]:
        """Samples of each text; a seed fixes the noise in consonants and breath."""
        return [self._spoken(each["sentences"], each["options"]) for each in batch]

    def postprocess(
        self, output: list[NDArray[np.float32]], features: list[Features], options: TextToSpeechOptions
    ) -> list[Speech]:
        return [Speech.from_samples(samples, SAMPLE_RATE) for samples in output]

    def _sentences(self, text: str) -> list[list[int]]:
        check_latin(text)
        check_numbers(text)
        sentences = self.voice.phonemize(text)
        if not any(letter.isalpha() for phonemes in sentences for letter in phonemes):
            raise nothing_to_say(text)
        return [self.voice.ids(phonemes) for phonemes in sentences]

    def _spoken(self, sentences: list[list[int]], options: TextToSpeechOptions) -> NDArray[np.float32]:
        noise = np.random.default_rng(options.seed)
        return np.concatenate([self.voice.from_ids(ids, options.speed, noise) for ids in sentences])
