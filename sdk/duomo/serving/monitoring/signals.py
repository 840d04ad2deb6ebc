"""What drift is looked for in: numbers and names that say something of an item and of its result."""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections.abc import Mapping
from typing import TypeVar

from duomo.outcome import Outcome
from duomo.serving.monitoring.drift import Value
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)
MEASURED = ("labels", "vector", "text", "boxes")
"""Fields of a result that something is measured of."""
TEXTS = ("text", "question", "query", "source", "prompt")
"""Parts of an input whose language is looked for, the first that is there."""
READ = 500
"""Characters of a text whose language is looked for."""
BUCKETS = 64
"""Short words are told apart by a number below this: what is kept of a text is no word of it."""
_SHORT = re.compile(r"\b[^\W\d_]{1,3}\b")
_LETTER = re.compile(r"[^\W\d_]")


def size_of(item: object) -> float:
    """Return the characters and bytes of an item as it came, at least 1."""
    if isinstance(item, str | bytes):
        return float(max(1, len(item)))
    if isinstance(item, dict):
        return max(1.0, sum(map(size_of, item.values())))
    if isinstance(item, list | tuple):
        return max(1.0, sum(map(size_of, item)))
    return 1.0


def signals_of(item: object, outcome: Outcome[R]) -> dict[str, Value]:
    """Measure one item and its outcome."""
    found: dict[str, Value] = {
        "input_size": math.log(size_of(item)),
        "code": outcome.error.code if outcome.error is not None else "ok",
    }
    if said := _text_of(item):
        found["language"] = language_sign(said)
    result = outcome.result
    if result is None:
        return found
    fields = type(result).model_fields  # to ask a pydantic object for what it does not have takes long
    labels, vector, text, boxes = (getattr(result, name) if name in fields else None for name in MEASURED)
    if isinstance(labels, list) and labels and hasattr(labels[0], "score"):
        found["top_label"], found["top_score"] = str(labels[0].name), float(labels[0].score)
    if vector is not None and len(vector):
        # Two fixed directions of the space: a shifted centroid moves the projections.
        half = len(vector) // 2
        found["vector_half"] = float(vector[:half].sum())
        found["vector_alternate"] = float(vector[::2].sum() - vector[1::2].sum())
    if isinstance(text, str):
        found["output_size"] = math.log(max(1, len(text)))
    if isinstance(boxes, list):
        found["boxes"] = float(len(boxes))
    return found


def language_sign(text: str) -> str:
    """Return the script of a text, and a number for its first short word.

    Words of up to three letters are mostly articles, prepositions and pronouns, which tell languages apart.
    """
    start = text[:READ].lower()
    letter = _LETTER.search(start)
    script = unicodedata.name(letter[0], "OTHER").partition(" ")[0] if letter else "NONE"
    short = _SHORT.search(start)
    return f"{script} {zlib.crc32(short[0].encode()) % BUCKETS}" if short else script


def _text_of(item: object) -> str:
    """Return a text, that of an input of several parts, or what was said last in a chat; rows of a table have none."""
    if isinstance(item, Mapping):
        item = item.get("messages") or next((item[name] for name in TEXTS if name in item), "")
    if isinstance(item, list) and item and isinstance(item[-1], Mapping):
        item = item[-1].get("content")
    return item if isinstance(item, str) else ""
