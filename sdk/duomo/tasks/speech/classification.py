"""Labels for audio clips."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import LongPolicy, Options, Task
from duomo.tasks.options import Names, Words
from duomo.tasks.results import Classification


class AudioClassificationOptions(Options):
    """Options of audio classification."""

    top_k: int | None = Field(5, ge=1, description="how many labels to give, best first; None for all")
    long: LongPolicy = Field(
        "error", description="for an audio clip longer than the model hears: error, truncate or window (their mean)"
    )


class AudioClassification(Task[Audio, AudioClassificationOptions, Classification]):
    """A label for audio: a sound, a word, a mood, a language, as the checkpoint was trained."""

    name = "audio-classification"


class ZeroShotAudioClassificationOptions(Options):
    """Options of zero-shot audio classification."""

    labels: Names = Field(description="the labels to choose among, as a list or separated by commas")
    template: Words = Field("This is a sound of {}.", pattern=r"\{\}", description="a sentence around each label")
    long: LongPolicy = Field(
        "error", description="for an audio clip longer than the model hears: error, truncate or window (their mean)"
    )


class ZeroShotAudioClassification(Task[Audio, ZeroShotAudioClassificationOptions, Classification]):
    """Choose for an audio clip among labels given on the spot."""

    name = "zero-shot-audio-classification"
