"""Where speech is in an audio clip."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import ListOf, Options, Result, Task


class Interval(Result):
    """A stretch of time in seconds, and how sure the model is on average."""

    start: float
    end: float
    score: float


class VoiceActivity(ListOf[Interval]):
    """When someone speaks, in order and without overlaps."""

    segments: list[Interval]
    duration: float
    """Length of the whole audio clip in seconds."""

    @property
    def speech_seconds(self) -> float:
        """How long someone speaks in all."""
        return sum(each.end - each.start for each in self.segments)


class VoiceActivityDetectionOptions(Options):
    """Options of voice activity detection."""

    threshold: float = Field(0.5, ge=0, le=1, description="speech begins above this probability")
    min_speech_s: float = Field(0.25, ge=0, description="leave out speech shorter than this")
    min_silence_s: float = Field(0.1, ge=0, description="join speech across pauses shorter than this")
    pad_s: float = Field(0.03, ge=0, description="widen each stretch on both sides")


class VoiceActivityDetection(Task[Audio, VoiceActivityDetectionOptions, VoiceActivity]):
    """When someone speaks."""

    name = "voice-activity-detection"
