"""The detector of voices that finds the pauses, and windows of speech by it."""

from __future__ import annotations

import numpy as np
import torch

from duomo.errors import BadOption
from duomo.tasks.speech import SpeechRecognitionOptions
from duomo.tasks.speech.windows import (
    WINDOW_S as WINDOW_S,
    Window as Window,
    join as join,
    one_segment as one_segment,
    windows_of,
)
from duomo.weights import locate
from duomo_speech.plugin import SILERO_VAD
from duomo_speech.silero import SileroVad


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
            fix="leave them out, or use a multilingual Whisper: -m speech/whisper-base",
        )
