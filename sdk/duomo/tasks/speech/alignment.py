"""A known text on the clock of its audio clip."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import SpokenText
from duomo.tasks.base import ListOf, Options, Result, Task


class AlignedWord(Result):
    """A word of the text, and when it is said, in seconds."""

    start: float
    end: float
    text: str
    score: float
    """Mean probability of its letters where they were put, in [0, 1]; low where something else is said."""


class Alignment(ListOf[AlignedWord]):
    """The words of a text in their order, none left out."""

    words: list[AlignedWord]
    duration: float
    """Length of the whole audio clip in seconds."""


class ForcedAlignmentOptions(Options):
    """Options of forced alignment."""

    long: Literal["error", "window"] = Field(
        "window", description="for an audio clip longer than 30 s: error, or window (heard in parts, aligned as one)"
    )


class ForcedAlignment(Task[SpokenText, ForcedAlignmentOptions, Alignment]):
    """When each word of a known text is said."""

    name = "forced-alignment"
