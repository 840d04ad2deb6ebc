"""Voices: who speaks."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio, AudioPair
from duomo.tasks.base import ListOf, Options, Result, Task
from duomo.tasks.options import LongOrCut
from duomo.tasks.results import Embedding


class SpeakerEmbeddingOptions(Options):
    """Speaker embedding has no options."""


class SpeakerEmbedding(Task[Audio, SpeakerEmbeddingOptions, Embedding]):
    """A voice as a vector; near vectors are alike voices."""

    name = "speaker-embedding"


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


class Turn(Result):
    """A stretch of time in seconds in which one person speaks."""

    start: float
    end: float
    speaker: str
    """``speaker-1`` is who speaks first."""


class Diarization(ListOf[Turn]):
    """Who speaks when, in order; nobody where nobody speaks."""

    turns: list[Turn]

    @property
    def speakers(self) -> list[str]:
        """All who speak, in the order in which they first do."""
        return list(dict.fromkeys(turn.speaker for turn in self.turns))

    def speaker_at(self, start: float, end: float) -> str | None:
        """Who speaks longest between two times, such as those of a transcript's segment; None for nobody."""
        shares: dict[str, float] = {}
        for turn in self.turns:
            shared = min(end, turn.end) - max(start, turn.start)
            if shared > 0:
                shares[turn.speaker] = shares.get(turn.speaker, 0.0) + shared
        return max(shares, key=shares.__getitem__) if shares else None


class SpeakerDiarizationOptions(Options):
    """Options of speaker diarization."""

    num_speakers: int | None = Field(
        None,
        ge=1,
        description="how many people speak, found when left out; a clip with fewer stretches of speech gives fewer",
    )
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="how far apart voices must be to be two people's, or how sure a network that marks speakers must "
        "be; the model's own when left out",
    )
    long: LongOrCut = Field("error", description="for an audio clip longer than the model hears: error or truncate")


class SpeakerDiarization(Task[Audio, SpeakerDiarizationOptions, Diarization]):
    """Who speaks when."""

    name = "speaker-diarization"
