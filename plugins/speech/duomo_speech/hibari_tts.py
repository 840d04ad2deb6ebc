"""Hibari: text to speech in English at 24 kHz, far faster than real time on one core.

Source: https://github.com/MMWilliams/hibari (Apache-2.0), distilled from Kokoro-82M. The package ``hibari-tts``
turns text into phonemes and the network's spectra into sound; the network runs in ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from hibari import SAMPLE_RATE, Hibari
from hibari.voices import DEFAULT, VOICES, voice_path

from duomo import Model, Text, WeightsRef
from duomo.errors import BadOption, WeightsMissing, did_you_mean
from duomo.tasks.speech.reading import check_latin, check_numbers, foreign_words as foreign_words, nothing_to_say
from duomo.tasks.speech.synthesis import Speech, TextToSpeechOptions

if TYPE_CHECKING:
    import torch


class HibariTts(Model[Text, Speech]):
    """One voice comes with the package; others are used once the user has downloaded them."""

    batch_size = 4

    def __init__(self) -> None:
        self.voices = {name: Hibari(name) for name in VOICES if _is_here(name)}

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load the voice of the package, on the CPU and in its own precision: the only ones it has."""
        del weights, device, dtype
        return cls()

    @staticmethod
    def estimate(item: Text) -> int:
        return len(item)

    def check_options(self, options: TextToSpeechOptions) -> None:
        """Refuse a voice that is not known, or not here."""
        self._voice(options.voice or DEFAULT)

    def preprocess(self, items: Sequence[Text], options: TextToSpeechOptions) -> list[dict[str, Any]]:
        """Phoneme ids of each sentence."""
        voice = self._voice(options.voice or DEFAULT)
        return [{"sentences": _sentences(voice, str(item)), "voice": voice, "options": options} for item in items]

    def collate(self, features: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return features

    def forward(self, batch: list[dict[str, Any]]) -> list[np.ndarray]:
        """Samples of each text; a seed fixes the noise in consonants and breath."""
        return [_speak(each["voice"], each["sentences"], each["options"]) for each in batch]

    def postprocess(
        self, output: list[np.ndarray], features: list[dict[str, Any]], options: TextToSpeechOptions
    ) -> list[Speech]:
        """Samples as WAV files."""
        return [Speech.from_samples(samples, SAMPLE_RATE) for samples in output]

    def _voice(self, name: str) -> Hibari:
        if name not in VOICES:
            raise BadOption(
                f"option 'voice' cannot be '{name}'",
                why=did_you_mean(name, VOICES) or "there is no such voice",
                fix=f"the voices are: {', '.join(VOICES)}; only {DEFAULT} comes with the package",
            )
        if name not in self.voices:
            raise WeightsMissing(
                f"voice '{name}' is not on this machine",
                why=f"only {DEFAULT} comes with the package, and duomo downloads nothing by itself",
                fix=f'hibari "Hello" --voice {name} -o hello.wav   (downloads it once)',
            )
        return self.voices[name]


def _is_here(name: str) -> bool:
    try:
        voice_path(name, download_missing=False)
    except FileNotFoundError:
        return False
    return True


def _sentences(voice: Hibari, text: str) -> list[list[int]]:
    check_latin(text)
    check_numbers(text)
    sentences = voice.phonemize(text)
    if not any(letter.isalpha() for phonemes in sentences for letter in phonemes):
        raise nothing_to_say(text)
    return [voice.ids(phonemes) for phonemes in sentences]


def _speak(voice: Hibari, sentences: list[list[int]], options: TextToSpeechOptions) -> np.ndarray:
    noise = np.random.default_rng(options.seed)
    return np.concatenate([voice.from_ids(ids, options.speed, noise) for ids in sentences])
