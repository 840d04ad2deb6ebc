"""Audio made better: noise taken away."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import Options, Task
from duomo.tasks.speech.sound import Sound


class SpeechEnhancementOptions(Options):
    """Options of speech enhancement."""

    attenuation_db: float = Field(
        100.0, ge=0, description="noise is made quieter by this many dB at most; 100: all of it"
    )


class SpeechEnhancement(Task[Audio, SpeechEnhancementOptions, Sound]):
    """An audio clip with less noise; speech stays, and the length too."""

    name = "speech-enhancement"
