"""Speech to text of clips of any length: windows between the pauses that a detector of voices finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from duomo import Audio
from duomo.errors import BadOption
from duomo.model import Features
from duomo.tasks.speech import SpeechRecognitionOptions, Transcript
from duomo.tasks.speech.windows import (
    WINDOW_S as WINDOW_S,
    Window as Window,
    join,
    one_segment as one_segment,
    windows_of,
)
from duomo.weights import locate
from duomo_speech.clips import Clips
from duomo_speech.plugin import SILERO_VAD
from duomo_speech.silero import FRAME, SAMPLING_RATE, SileroVad


def load_vad() -> SileroVad:
    """The detector that finds the pauses; on the CPU, where audio clips are made ready while others are computed."""
    return SileroVad.load(locate(SILERO_VAD), device=torch.device("cpu"), dtype=torch.float32)


def speech_windows(samples: np.ndarray, vad: SileroVad, options: SpeechRecognitionOptions) -> list[Window]:
    """The speech in (samples,) at 16 kHz as windows in order. Raises `InputTooLong` under ``long="error"``."""
    return windows_of(samples, vad.probabilities(samples), options)


def refuse_language(options: SpeechRecognitionOptions) -> None:
    """Refuse a language and translation to a model that knows neither. Raises `BadOption`."""
    if options.language is not None or options.task != "transcribe":
        raise BadOption(
            "this checkpoint takes no language and does not translate",
            why=f"language={options.language}, task={options.task} were asked for",
            fix='leave them out, or use a multilingual Whisper: model="speech/whisper-base"  (-m speech/whisper-base)',
        )


class Recognizer(Clips[Any, Transcript]):
    """Writes down windows of speech, each by itself; features hold its ``inputs`` and its ``window``."""

    vad: SileroVad

    def check_options(self, options: SpeechRecognitionOptions) -> None:
        """Refuse a language and translation, which most families do not know."""
        refuse_language(options)

    def split(self, item: Audio, options: SpeechRecognitionOptions) -> list[Window]:
        """Windows of at most 30 s; none where no one speaks. Raises `InputUnreadable` for less than a frame."""
        return speech_windows(item.samples(SAMPLING_RATE, FRAME), self.vad, options)

    def merge(self, item: Audio, results: list[Transcript], options: SpeechRecognitionOptions) -> Transcript:
        """The transcripts of all windows as one."""
        return join(results)

    def collate(self, features: list[Features]) -> object:
        """Windows stay apart until `forward` knows which are of one shape."""
        return [each["inputs"] for each in features]
