"""Speech as text."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import ListOf, Options, Result, Task


class Segment(Result):
    """What was said between two times, in seconds."""

    start: float
    end: float
    text: str


class Transcript(ListOf[Segment]):
    """What was said."""

    text: str
    segments: list[Segment]
    language: str | None = None
    """ISO 639-1, when the model knows."""


class SpeechRecognitionOptions(Options):
    """Options of automatic speech recognition."""

    language: str | None = Field(
        None, description="English name or ISO 639-1 code; when left out, the checkpoint's own, or found"
    )
    task: Literal["transcribe", "translate"] = Field("transcribe", description="translate: into English")
    long: Literal["error", "window"] = Field("window", description="for speech longer than the model hears at once")
    encoder: Literal["full", "trimmed"] = Field(
        "full",
        description="trimmed: Whisper's encoder hears the speech and 3 s more, not 30 s; faster, and words may differ "
        "(tiny.en: 13.2% of words wrong, and 14.1% without, on the 8 real clips that the 3 s were chosen on)",
    )


class SpeechRecognition(Task[Audio, SpeechRecognitionOptions, Transcript]):
    """Write down what is said."""

    name = "automatic-speech-recognition"
