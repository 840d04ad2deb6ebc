"""Which language is spoken."""

from __future__ import annotations

from pydantic import Field

from duomo.inputs import Audio
from duomo.tasks.base import LongPolicy, Options, Task
from duomo.tasks.results import Classification


class SpokenLanguageIdentificationOptions(Options):
    """Options of spoken language identification."""

    top_k: int | None = Field(5, ge=1, description="how many languages to give, best first; None for all")
    long: LongPolicy = Field(
        "window", description="for speech longer than the model hears: error, truncate or window (their mean)"
    )


class SpokenLanguageIdentification(Task[Audio, SpokenLanguageIdentificationOptions, Classification]):
    """Which language is spoken, as an ISO 639-1 code where there is one."""

    name = "spoken-language-identification"
