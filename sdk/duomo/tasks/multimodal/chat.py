"""Texts that answer texts and images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from duomo.inputs import ImageChat
from duomo.tasks.base import Options, Task
from duomo.tasks.nlp.generation import Generation
from duomo.tasks.options import LARGEST_SEED


class ImageTextToTextOptions(Options):
    """Options of image-text-to-text."""

    max_new_tokens: int | None = Field(
        None, ge=1, description="stop after this many tokens; when left out, what the checkpoint says, or 128"
    )
    temperature: float | None = Field(
        None,
        ge=0,
        description="0 takes the likeliest token; higher is more varied; when left out, what the checkpoint says, or 0",
    )
    top_p: float | None = Field(
        None, gt=0, le=1, description="sample among the likeliest tokens of this joint probability; needs a temperature"
    )
    seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="for sampling: the same seed gives the same text, in any batch"
    )
    long: Literal["error"] = Field("error", description="a chat longer than the model reads is an error")


class ImageTextToText(Task[ImageChat, ImageTextToTextOptions, Generation]):
    """Answer a chat in which images are shown."""

    name = "image-text-to-text"
