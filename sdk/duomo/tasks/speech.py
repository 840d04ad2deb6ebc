"""Tasks on recordings."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from duomo.inputs import Audio, AudioPair, Text
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.results import Embedding

if TYPE_CHECKING:
    import numpy as np


class Segment(Result):
    """What was said between two times, in seconds."""

    start: float
    end: float
    text: str


class Transcript(Result):
    """What was said."""

    text: str
    segments: list[Segment]
    language: str | None = None
    """ISO 639-1, when the model knows."""


class SpeechRecognitionOptions(Options):
    """Options of automatic speech recognition."""

    language: str | None = Field(None, description="ISO 639-1 code; when left out, the checkpoint's own, or found")
    task: Literal["transcribe", "translate"] = Field("transcribe", description="translate: into English")
    long: Literal["error", "window"] = Field("window", description="for speech longer than the model hears at once")
    encoder: Literal["full", "trimmed"] = Field(
        "full",
        description="trimmed: Whisper's encoder hears the speech and 3 s more, not 30 s; faster, and words may differ "
        "(tiny.en: 14.1% of words wrong either way, on the 8 real clips that the 3 s were chosen on)",
    )


class SpeechRecognition(Task[Audio, SpeechRecognitionOptions, Transcript]):
    """Write down what is said."""

    name = "automatic-speech-recognition"
    Input = Audio
    Options = SpeechRecognitionOptions
    Result = Transcript


class Interval(Result):
    """A stretch of time in seconds, and how sure the model is on average."""

    start: float
    end: float
    score: float


class VoiceActivity(Result):
    """When somebody speaks, in order and without overlaps."""

    segments: list[Interval]
    duration: float
    """Length of the whole recording in seconds."""

    @property
    def speech_seconds(self) -> float:
        """How long somebody speaks in all."""
        return sum(each.end - each.start for each in self.segments)


class VoiceActivityDetectionOptions(Options):
    """Options of voice activity detection."""

    threshold: float = Field(0.5, ge=0, le=1, description="speech begins above this probability")
    min_speech_s: float = Field(0.25, ge=0, description="leave out speech shorter than this")
    min_silence_s: float = Field(0.1, ge=0, description="join speech across pauses shorter than this")
    pad_s: float = Field(0.03, ge=0, description="widen each stretch on both sides")


class VoiceActivityDetection(Task[Audio, VoiceActivityDetectionOptions, VoiceActivity]):
    """When somebody speaks."""

    name = "voice-activity-detection"
    Input = Audio
    Options = VoiceActivityDetectionOptions
    Result = VoiceActivity


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


class SpeakerEmbeddingOptions(Options):
    """Speaker embedding has no options."""


class SpeakerEmbedding(Task[Audio, SpeakerEmbeddingOptions, Embedding]):
    """A voice as a vector; near vectors are alike voices."""

    name = "speaker-embedding"
    Input = Audio
    Options = SpeakerEmbeddingOptions
    Result = Embedding


class Verification(Result):
    """Whether two voices are one person's."""

    same: bool
    score: float
    """Cosine of the two embeddings."""
    threshold: float


class SpeakerVerificationOptions(Options):
    """Options of speaker verification."""

    threshold: float | None = Field(
        None, ge=-1, le=1, description="same above this cosine; the model's own when left out"
    )


class SpeakerVerification(Task[AudioPair, SpeakerVerificationOptions, Verification]):
    """Whether two voices are one person's."""

    name = "speaker-verification"
    Input = AudioPair
    Options = SpeakerVerificationOptions
    Result = Verification
