"""What sounds at the same time, apart."""

from __future__ import annotations

from pathlib import Path
from typing import overload

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import ListOf, LongPolicy, Options, Task
from duomo.tasks.speech.sound import Sound


class SeparatedSound(Sound):
    """One voice or instrument, as long as the audio clip that it was in."""

    label: str
    """Such as ``vocals``; ``speaker-1`` where the model has no names for what it tells apart."""


class Separation(ListOf[SeparatedSound]):
    """The parts of an audio clip; together they are about the clip."""

    sources: list[SeparatedSound]

    def save(self, folder: str | Path) -> list[Path]:
        """Write a WAV file for each part, named after its label, into a folder that is made if need be."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        return [each.save(Path(folder) / f"{each.label}.wav") for each in self.sources]

    @overload
    def __getitem__(self, index: str | int) -> SeparatedSound: ...
    @overload
    def __getitem__(self, index: slice) -> list[SeparatedSound]: ...
    def __getitem__(self, index: str | int | slice) -> SeparatedSound | list[SeparatedSound]:
        """The part with a label, or at a position."""
        return {each.label: each for each in self.sources}[index] if isinstance(index, str) else self.sources[index]


class SourceSeparationOptions(Options):
    """Options of source separation."""

    long: LongPolicy = Field(
        "window", description="for an audio clip longer than the model hears: error, truncate, or window (crossfaded)"
    )


class SourceSeparation(Task[Audio, SourceSeparationOptions, Separation]):
    """The voices or instruments of an audio clip, each alone."""

    name = "source-separation"
