"""Sound as the codes of a neural codec, and back."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import LongPolicy, Options, Task
from duomo.tasks.speech.sound import Sound


class CodedSound(Sound):
    """The codes of an audio clip, and the sound that they decode to, as long as the clip."""

    codes: list[list[int]]
    """By codebook and frame, the coarsest codebook first."""
    codebook_size: int
    """Codes lie in [0, `codebook_size`)."""
    step_s: float
    """Seconds a frame."""

    @property
    def bits_per_second(self) -> float:
        """What the codes take, with whole bits for each."""
        return len(self.codes) * (self.codebook_size - 1).bit_length() / self.step_s


class AudioTokenizationOptions(Options):
    """Options of audio tokenization."""

    num_codebooks: int | None = Field(
        None, ge=1, description="codebooks to keep: fewer are smaller and rougher; all when left out"
    )
    long: LongPolicy = Field(
        "error", description="for an audio clip longer than a minute: error, truncate, or window (coded in parts)"
    )


class AudioTokenization(Task[Audio, AudioTokenizationOptions, CodedSound]):
    """Sound as the codes of a neural codec, and as they sound again."""

    name = "audio-tokenization"
