"""Sound that goes on from sound."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import Options, Task
from duomo.tasks.options import LARGEST_SEED
from duomo.tasks.speech.sound import Sound


class AudioContinuationOptions(Options):
    """Options of audio continuation."""

    seconds: float = Field(1.0, gt=0, le=60, description="how much to add")
    temperature: float = Field(1.0, ge=0, description="0: the likeliest each time; above 1: bolder")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="makes the sound repeatable")


class AudioContinuation(Task[Audio, AudioContinuationOptions, Sound]):
    """How an audio clip may go on; the result is what is added."""

    name = "audio-continuation"
