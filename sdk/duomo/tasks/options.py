"""Options that several tasks have."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from duomo.errors import BadOption

LARGEST_SEED = 2**63 - 1
"""What generators of torch take."""
MOST_BEAMS = 64
"""Each costs a row of the batch; nobody searches with more."""
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


def _said(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty, and a model finds it near to whatever is short")
    return value


Wording = Annotated[Words, AfterValidator(_said)]
"""The same for one that is compared with other texts: it says something."""


def _each_once(names: list[str]) -> list[str]:
    counts = Counter(names)
    if len(counts) < len(names):
        [(twice, _)] = counts.most_common(1)
        raise ValueError(f"{twice!r:.60} is in it twice: what is given is told apart by its name")
    return names


Names = Annotated[list[Wording], BeforeValidator(_split_commas), AfterValidator(_each_once), Field(min_length=1)]
"""A list of distinct names; a str is split at commas."""


def check_label_length(length: int, limit: int) -> None:
    """Raise `BadOption` where one of ``labels``, in its template, has `length` tokens and the model reads `limit`."""
    if length > limit:
        raise BadOption(
            f"option 'labels' holds a text of {length} tokens",
            why=f"this model reads {limit}",
            fix="say it in fewer words",
        )


LongOrCut = Literal["error", "truncate"]
"""What to do with a long input of a task that cannot read windows."""
CUT = "for a text longer than the model reads: error or truncate"
