"""Voices: who speaks."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio, AudioPair
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.results import Embedding


class SpeakerEmbeddingOptions(Options):
    """Speaker embedding has no options."""


class SpeakerEmbedding(Task[Audio, SpeakerEmbeddingOptions, Embedding]):
    """A voice as a vector; near vectors are alike voices."""

    name = "speaker-embedding"
    Input = Audio
    Options = SpeakerEmbeddingOptions
    Result = Embedding


class Verification(Result):
    """Whether two voices are one person's."""

    same: bool
    score: float
    """Cosine of the two embeddings."""
    threshold: float


class SpeakerVerificationOptions(Options):
    """Options of speaker verification."""

    threshold: float | None = Field(
        None, ge=-1, le=1, description="same above this cosine; the model's own when left out"
    )


class SpeakerVerification(Task[AudioPair, SpeakerVerificationOptions, Verification]):
    """Whether two voices are one person's."""

    name = "speaker-verification"
    Input = AudioPair
    Options = SpeakerVerificationOptions
    Result = Verification
