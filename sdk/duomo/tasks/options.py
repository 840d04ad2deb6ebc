"""Options that several tasks have."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

LONG = "for a text longer than the model reads: error, truncate or window"


def _split_commas(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_split_commas), Field(min_length=1)]
"""A list of names; a str is split at commas."""

LongOrCut = Literal["error", "truncate"]
"""What to do with a long input of a task that cannot read windows."""
CUT = "for a text longer than the model reads: error or truncate"
