"""Which language is spoken, by the first step of any multilingual Whisper.

Source: Radford et al. 2022, https://arxiv.org/abs/2212.04356. After the start token the network writes the token of a
language: a softmax over those alone, as in OpenAI's ``detect_language``. Pauses are left out before, since of silence
and noise it would name a language too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from duomo import Audio, WeightsRef
from duomo.errors import InputUnreadable, WrongTask
from duomo.model import Features
from duomo.tasks.results import Classification
from duomo.tasks.speech.languages import SpokenLanguageIdentificationOptions
from duomo.tasks.speech.recognition import SpeechRecognitionOptions
from duomo_speech.silero import FRAME, SAMPLING_RATE
from duomo_speech.whisper import Whisper
from duomo_speech.windows import speech_windows


class WhisperLanguage(Whisper):
    """The mean over the windows of speech of an audio clip."""

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Raises `WrongTask` for a checkpoint of English only."""
        loaded = super().load(weights, device=device, dtype=dtype)
        if not loaded.vocabulary.languages:
            raise WrongTask(
                f"'{weights.spec.name}' does not know languages apart",
                why="it was trained on English only",
                fix='use a multilingual Whisper: model="speech/whisper-base"  (-m speech/whisper-base)',
            )
        return loaded

    def check_options(self, options: object) -> None:
        """Take any: what recognition is asked for is not asked for here."""

    def split(self, item: Audio, options: object) -> list[Audio]:  # type: ignore[override]
        """Leave it whole: windows are made by `preprocess`, and their scores are one result."""
        return [item]

    def preprocess(  # type: ignore[override]
        self, items: Sequence[Audio], options: SpokenLanguageIdentificationOptions
    ) -> list[Features]:
        """Log-mel spectrograms of 30 s, (windows, mels, frames). Raises `InputUnreadable` where nobody speaks."""
        features: list[Features] = []
        for item in items:
            samples = item.samples(SAMPLING_RATE, FRAME)
            policy = "error" if options.long == "error" else "window"
            windows = speech_windows(samples, self.vad, SpeechRecognitionOptions.parse({"long": policy}))
            if not windows:
                raise InputUnreadable(
                    "no voice was found in " + (f"'{item.name}'" if item.name else "this audio clip"),
                    why=f"no speech was detected in its {len(samples) / SAMPLING_RATE:.1f} seconds",
                    fix="see where a voice is heard: duomo run voice-activity-detection FILE",
                )
            kept = windows[:1] if options.long == "truncate" else windows
            mels = self.extractor(
                [each.samples for each in kept], sampling_rate=SAMPLING_RATE, return_tensors="pt"
            ).input_features
            features.append({"mels": mels, "windows": len(kept), "truncated": len(kept) < len(windows)})
        return features

    def collate(self, features: list[Features]) -> list[Tensor]:  # type: ignore[override]
        return [mel for each in features for mel in each["mels"]]

    def forward(self, batch: list[Tensor]) -> Tensor:  # type: ignore[override]
        """Probabilities of the languages of each window, (windows, languages)."""
        decoder = self._encode([mel.to(self.network.dtype) for mel in batch])
        start = torch.full((len(batch), 1), self.vocabulary.start, device=self.network.device)
        languages = start.new_tensor(list(self.vocabulary.languages.values()))
        return decoder.step(start)[:, languages].float().softmax(-1)

    def postprocess(  # type: ignore[override]
        self, output: Tensor, features: list[Features], options: SpokenLanguageIdentificationOptions
    ) -> list[Classification]:
        parts = torch.split(output.cpu(), [each["windows"] for each in features])
        names = list(self.vocabulary.languages)
        return [Classification.ranked(names, part.mean(0).tolist(), options.top_k) for part in parts]
