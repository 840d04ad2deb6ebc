"""Text as speech."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Text
from duomo.tasks.base import Options, Task
from duomo.tasks.options import LARGEST_SEED
from duomo.tasks.speech.sound import Sound


class Speech(Sound):
    """Spoken sound as a mono 16-bit WAV file (base64 in JSON)."""


class TextToSpeechOptions(Options):
    """Options of text to speech."""

    voice: str | None = Field(None, description="one of the model's voices; its own choice when left out")
    speed: float = Field(1.0, gt=0.25, lt=4, description="2 is twice as fast")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="makes the speech repeatable")


class TextToSpeech(Task[Text, TextToSpeechOptions, Speech]):
    """Say a text aloud."""

    name = "text-to-speech"
