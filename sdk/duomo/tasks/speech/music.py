"""How high a sound is."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import ListOf, Options, Result, Task


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


class Note(Result):
    """A note, and when it sounds, in seconds."""

    start: float
    end: float
    pitch: int
    """MIDI's number: 60 is the middle C, 69 the A of 440 Hz."""
    score: float
    """Mean activation while it sounds, in [0, 1]; about how loud it is."""

    @property
    def name(self) -> str:
        """In scientific pitch notation, such as A4."""
        return f"{'C C# D D# E F F# G G# A A# B'.split()[self.pitch % 12]}{self.pitch // 12 - 1}"

    @property
    def hertz(self) -> float:
        """Its frequency in equal temperament."""
        return float(440 * 2 ** ((self.pitch - 69) / 12))


class Notes(ListOf[Note]):
    """The notes of an audio clip in the order in which they begin; they may sound together."""

    notes: list[Note]
    duration: float
    """Length of the whole audio clip in seconds."""


class NoteTranscriptionOptions(Options):
    """Options of note transcription."""

    onset_threshold: float = Field(0.5, ge=0, le=1, description="a note begins above this activation")
    frame_threshold: float = Field(0.3, ge=0, le=1, description="a note goes on above this activation")
    min_note_s: float = Field(0.1277, ge=0, description="leave out notes shorter than this")
    fmin: float = Field(27.5, gt=0, description="the lowest note to look for, in hertz")
    fmax: float = Field(4200.0, gt=0, description="the highest note to look for, in hertz")


class NoteTranscription(Task[Audio, NoteTranscriptionOptions, Notes]):
    """The notes that are played or sung."""

    name = "note-transcription"
