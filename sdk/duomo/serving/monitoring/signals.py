"""What drift is looked for in: numbers and names that say something of an item and of its result."""

from __future__ import annotations

import math
from typing import TypeVar

from duomo.outcome import Outcome
from duomo.serving.monitoring.drift import Value
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)
MEASURED = ("labels", "vector", "text", "boxes")
"""Fields of a result that something is measured of."""


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
