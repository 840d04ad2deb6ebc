"""What all routes of OpenAI's dialect share: names that are known, the model that is asked for, events and errors."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from duomo.errors import BadOption, DuomoError, UnknownModel, did_you_mean
from duomo.outcome import Meta, spelled
from duomo.serving.remedy import for_client

STAND_INS = ("any", "default", "none", "")
"""Names for a client that must name a model and does not know which there is."""


def cannot(name: str) -> BadOption:
    """Return the error of an option of theirs that this server would have to ignore."""
    return BadOption(f"'{name}' cannot be honoured", why="this server would have to ignore it", fix="leave it out")


def refuse_others(
    body: Mapping[str, Any], known: Collection[str], neutral: Mapping[str, Collection[object]] | None = None
) -> None:
    """Refuse what would have to be ignored.

    Args:
        body: of a request.
        known: names that are read.
        neutral: values of other names that ask for nothing.

    Raises:
        BadOption: for a name that is not known, with a value that asks for something.
    """
    for name, value in body.items():
        asks_nothing = value is None or any(_is_same(value, each) for each in (neutral or {}).get(name, ()))
        if name not in known and not asks_nothing:
            raise cannot(name)


def _is_same(given: object, value: object) -> bool:
    """Compare as JSON does, where 0 is not false."""
    return given == value and isinstance(given, bool) == isinstance(value, bool)


def truth(name: str, given: object) -> bool:
    """Return a truth value; null is as good as nothing. Raises `BadOption` for anything else, 0 and 1 among it."""
    if given is not None and not isinstance(given, bool):
        raise BadOption(f"{name} cannot be {given!r:.40}", why="it is a truth value", fix="true")
    return bool(given)


def check_model(asked: object, meta: Meta) -> None:
    """Raise `UnknownModel` where another model is asked for than the one that answers: its answer would be another."""
    known = (meta.model, meta.task, *STAND_INS)
    if asked is None or asked in known:
        return
    raise UnknownModel(
        f"this server does not serve '{asked!s:.80}' here",
        why=did_you_mean(str(asked), known[:2]) or f"'{meta.model}' answers",
        fix=f'"model": "{meta.model}", or "any"',
    )


def usage(prompt: int, completion: int) -> dict[str, int]:
    """Return how many tokens were read and written."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def event(value: Mapping[str, Any]) -> bytes:
    """Write one server-sent event."""
    return b"data: " + spelled(json.dumps(value, ensure_ascii=False)).encode() + b"\n\n"


def error_words(error: DuomoError) -> dict[str, Any]:
    """Describe an error in OpenAI's shape, with our parts beside theirs."""
    words = for_client(error)
    said = " ".join(filter(None, (f"{words.what}.", words.why and f"{words.why}.", words.fix)))
    return {"message": said, "type": type(error).__name__, "param": None, "code": error.code,
            "what": words.what, "why": words.why, "fix": words.fix}  # fmt: skip
