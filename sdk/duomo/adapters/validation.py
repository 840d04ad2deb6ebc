"""What pydantic refused, in words that do not quote the value."""

from __future__ import annotations

from typing import get_args

import pydantic
from pydantic_core.core_schema import ErrorType

_TALKATIVE = {"value_error", "assertion_error", "union_tag_invalid", "iteration_error", "get_attribute_error"}
_DISCREET = frozenset(get_args(ErrorType)) - _TALKATIVE
"""Pydantic's own errors whose message does not quote the value; that of a validator someone wrote may."""


def first_of(error: pydantic.ValidationError) -> tuple[str, str, str]:
    """The first thing that is wrong: kind, field, and words that do not quote its value."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind, message = first["type"], first["msg"]
    words = message[0].lower() + message[1:] if kind in _DISCREET else "a check of the adapter failed"
    # Inside a field positions are shown and names are not: those of a dict are data.
    place = [str(each) for at, each in enumerate(first["loc"]) if not at or isinstance(each, int)]
    return kind, ".".join(place), words
