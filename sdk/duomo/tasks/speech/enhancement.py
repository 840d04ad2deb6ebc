"""Recordings made better: noise taken away, sources taken apart."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.speech.sound import Sound


class SpeechEnhancementOptions(Options):
    """Options of speech enhancement."""

    attenuation_db: float = Field(
        100.0, ge=0, description="noise is made quieter by this many dB at most; 100: all of it"
    )


class SpeechEnhancement(Task[Audio, SpeechEnhancementOptions, Sound]):
    """A recording with less noise; speech stays, and the length too."""

    name = "speech-enhancement"
    Input = Audio
    Options = SpeechEnhancementOptions
    Result = Sound


class Source(Sound):
    """One of the sounds in a mix."""

    label: str
    """Its name, or ``source-1``, ``source-2`` … where the model has none."""


class Sources(Result):
    """The sounds that a mix is made of, each as long as the mix."""

    sources: list[Source]


class SourceSeparationOptions(Options):
    """Source separation has no options."""


class SourceSeparation(Task[Audio, SourceSeparationOptions, Sources]):
    """The voices or instruments of a mix, each by itself."""

    name = "source-separation"
    Input = Audio
    Options = SourceSeparationOptions
    Result = Sources
