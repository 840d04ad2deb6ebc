"""Text as speech."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from duomo.inputs import Text
from duomo.tasks.base import Options, Result, Task

if TYPE_CHECKING:
    import numpy as np


class Speech(Result):
    """Spoken sound as a mono 16-bit WAV file (base64 in JSON)."""

    wav: bytes
    sampling_rate: int
    duration: float
    """Seconds."""

    @classmethod
    def from_samples(cls, samples: np.ndarray[Any, Any], sampling_rate: int) -> Speech:
        """Wrap float samples in [-1, 1] of shape (samples,)."""
        import soundfile

        buffer = io.BytesIO()
        soundfile.write(buffer, samples, sampling_rate, format="WAV", subtype="PCM_16")
        return cls.model_construct(
            wav=buffer.getvalue(), sampling_rate=sampling_rate, duration=len(samples) / sampling_rate
        )

    @property
    def samples(self) -> np.ndarray[Any, Any]:
        """Float32 samples in [-1, 1] of shape (samples,)."""
        import soundfile

        samples: np.ndarray[Any, Any] = soundfile.read(io.BytesIO(self.wav), dtype="float32")[0]
        return samples

    def save(self, path: str | Path) -> Path:
        """Write the WAV file."""
        path = Path(path)
        path.write_bytes(self.wav)
        return path


class TextToSpeechOptions(Options):
    """Options of text to speech."""

    voice: str | None = Field(None, description="one of the model's voices; its own choice when left out")
    speed: float = Field(1.0, gt=0.25, lt=4, description="2 is twice as fast")
    seed: int = Field(0, description="makes the speech repeatable")


class TextToSpeech(Task[Text, TextToSpeechOptions, Speech]):
    """Say a text aloud."""

    name = "text-to-speech"
    Input = Text
    Options = TextToSpeechOptions
    Result = Speech
