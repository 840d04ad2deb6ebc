"""Text that continues a prompt or a chat."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from duomo.inputs import Prompt
from duomo.tasks.base import Options, Result, Task
from duomo.tasks.options import LARGEST_SEED


class Generation(Result):
    """What a language model wrote."""

    text: str
    finish_reason: Literal["stop", "length"]
    """``stop``: the model ended; ``length``: it reached ``max_new_tokens``."""
    num_prompt_tokens: int
    num_new_tokens: int


class TextChunk(Result):
    """One part of a stream; the texts of all parts joined are the text of the `Generation`."""

    text: str
    finish_reason: Literal["stop", "length"] | None = None
    """Set on the last part."""
    num_prompt_tokens: int | None = None
    """Set on the last part, where the model counts."""
    num_new_tokens: int | None = None
    """Set on the last part, where the model counts."""


class TextGenerationOptions(Options):
    """Options of text generation."""

    max_new_tokens: int | None = Field(
        None, ge=1, description="stop after this many tokens; when left out, what the checkpoint says, or 128"
    )
    temperature: float | None = Field(
        None,
        ge=0,
        description="0 takes the likeliest token; higher is more varied; when left out, what the checkpoint says, or 0",
    )
    top_p: float | None = Field(
        None,
        gt=0,
        le=1,
        description="sample among the likeliest tokens of this joint probability; when left out, what the checkpoint"
        " says, or 1",
    )
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED, description="makes sampling repeatable")
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), description="end at any of these texts, which are left out"
    )
    chat: bool | None = Field(
        None, description="wrap the prompt in the model's chat template; when left out, if it has one"
    )
    long: Literal["error", "truncate"] = Field("error", description="for a prompt longer than the model reads")


class TextGeneration(Task[Prompt, TextGenerationOptions, Generation]):
    """Go on from a prompt or a chat."""

    name = "text-generation"
