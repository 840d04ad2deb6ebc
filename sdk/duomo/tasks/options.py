"""Options that several tasks have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

LONG = "for a text longer than the model reads: error, truncate or window"


def _split_commas(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _whole(value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"it holds half a character, {value[error.start]!a} at position {error.start}") from None
    return value


Words = Annotated[str, AfterValidator(_whole)]
"""A text of the caller that a model reads: whole characters, as the texts themselves must be."""

Names = Annotated[list[Words], BeforeValidator(_split_commas), Field(min_length=1)]
"""A list of names; a str is split at commas."""

LongOrCut = Literal["error", "truncate"]
"""What to do with a long input of a task that cannot read windows."""
CUT = "for a text longer than the model reads: error or truncate"
