"""Wake words: what a device listens for before it listens."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.options import Names


class WakeWord(Result):
    """A wake word, and when it was noticed, in seconds; it is said in the second before."""

    start: float
    end: float
    label: str
    score: float
    """The highest probability meanwhile."""


class WakeWords(ListOf[WakeWord]):
    """The wake words of an audio clip, in the order in which they were noticed; none is a result too."""

    detections: list[WakeWord]
    duration: float
    """Length of the whole audio clip in seconds."""


class WakeWordDetectionOptions(Options):
    """Options of wake word detection."""

    words: Names | None = Field(None, description="which of the model's wake words to listen for; all when left out")
    threshold: float | None = Field(
        None, ge=0, le=1, description="noticed above this probability; each word's own when left out"
    )


class WakeWordDetection(Task[Audio, WakeWordDetectionOptions, WakeWords]):
    """When a wake word is said."""

    name = "wake-word-detection"
