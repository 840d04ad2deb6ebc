"""How high a sound is."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import Options, Result, Task


class Pitch(Result):
    """The fundamental frequency of an audio clip, in even steps from its start."""

    step_s: float
    """Seconds between two values."""
    hertz: list[float | None]
    """None where nothing is sung, spoken with a voice, or played."""
    confidence: list[float]
    """In [0, 1]."""

    @property
    def median(self) -> float | None:
        """The pitch that half of the values lie above; None without any."""
        known = sorted(each for each in self.hertz if each is not None)
        return known[len(known) // 2] if known else None


class PitchEstimationOptions(Options):
    """Options of pitch estimation."""

    threshold: float = Field(0.5, ge=0, le=1, description="a pitch less sure than this is left out")
    fmin: float = Field(46.875, gt=0, description="the lowest pitch to look for, in hertz")
    fmax: float = Field(2093.75, gt=0, description="the highest pitch to look for, in hertz")


class PitchEstimation(Task[Audio, PitchEstimationOptions, Pitch]):
    """How high a voice or an instrument is, over time."""

    name = "pitch-estimation"
    Input = Audio
    Options = PitchEstimationOptions
    Result = Pitch
