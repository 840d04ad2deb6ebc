"""The original and its artefact on the same inputs: how far results are apart, and how long each takes."""

from __future__ import annotations

import itertools
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from duomo.runner import Runner
from duomo.tasks.base import Result

ROUNDS = 3
"""Each input is timed this often, in turns; the least counts."""
KEYS = ("name", "label")
"""Fields that name the parts of a list, which may then stand in another order."""


class Comparison(NamedTuple):
    """What was found."""

    difference: float
    """The largest over all inputs and fields; infinite where a word, a label or a number of parts differs."""
    where: str
    """The field with the largest difference."""
    ms: tuple[float, float]
    """The original's and the artefact's, a mean over the inputs."""
    truncated: int = 0
    """Inputs longer than the model reads, of which a part was compared."""


def compare(
    original: Runner[Result], artefact: Runner[Result], items: Sequence[object], options: Mapping[str, object]
) -> Comparison:
    """Run both on each of `items`, one after another."""
    worst, where = 0.0, ""
    least = [[math.inf, math.inf] for _ in items]
    for _, (at, item) in itertools.product(range(ROUNDS), enumerate(items)):
        results = []
        for side, runner in enumerate((original, artefact)):
            start = time.perf_counter()
            results.append(runner(item, **options))
            least[at][side] = min(least[at][side], (time.perf_counter() - start) * 1000)
        found, field = difference(*results)
        if found > worst:
            worst, where = found, field
    first, second = (sum(each[side] for each in least) / len(items) for side in (0, 1))
    given: dict[str, Any] = dict(options)
    truncated = sum(outcome.meta.truncated for outcome in original.map(items, **given))
    return Comparison(worst, where, (round(first, 3), round(second, 3)), truncated)


def difference(exact: Result, other: Result) -> tuple[float, str]:
    """The largest difference of two results and the field it is in, relative to that field's largest value."""
    pairs: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for field, a, b in _leaves("", exact.model_dump(mode="json"), other.model_dump(mode="json")):
        if _is_number(a) and _is_number(b):
            pairs[field].append((float(str(a)), float(str(b))))
        elif a != b:
            return math.inf, field
    worst, where = 0.0, ""
    for field, values in pairs.items():
        largest = max(abs(a) for a, _ in values)
        lost = any(math.isnan(a - b) for a, b in values)
        apart = math.inf if lost else max(abs(a - b) for a, b in values) / (largest or 1.0)
        if apart > worst:
            worst, where = apart, field
    return worst, where


def _leaves(field: str, a: object, b: object) -> Iterator[tuple[str, object, object]]:
    """Values that stand in the same place; lists whose parts have names are matched by them, and begin alike."""
    if isinstance(a, Mapping) and isinstance(b, Mapping) and a.keys() == b.keys():
        for name in a:
            yield from _leaves(f"{field}.{name}".lstrip("."), a[name], b[name])
    elif isinstance(a, list | tuple) and isinstance(b, list | tuple):
        if len(a) != len(b):
            yield f"{field}: how many", len(a), str(len(b))
            return
        key = next((each for each in KEYS if a and all(isinstance(part, Mapping) and each in part for part in a)), "")
        names = [part[key] for part in a] if key else []
        if key and len(set(names)) == len(names):
            yield f"{field}: the first", names[0], b[0].get(key)
            found = {part.get(key): part for part in b}
            b = [found.get(name) for name in names]
        for one, other in zip(a, b, strict=True):
            yield from _leaves(field, one, other)
    else:
        yield field, a, b


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
