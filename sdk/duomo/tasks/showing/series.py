"""Numbers in order as lines: a pitch, a forecast with its quantiles, the scores of a series."""

from __future__ import annotations

from collections.abc import Sequence

import pydantic

from duomo.tasks.showing.parts import Source, brief, escape
from duomo.tasks.showing.style import COLORS

_WIDE, _HIGH = 360, 60
_MOST = 720
"""Points of a line that are drawn."""
_FEW = 24
"""Scores that have a bar each."""
Numbers = Sequence[float | None]


def series(result: pydantic.BaseModel, source: Source) -> tuple[str, set[str]]:
    """A line for each list of numbers; records with a list as long lie in the same drawing."""
    del source
    fields = {name: getattr(result, name) for name in type(result).model_fields}
    lists = {name: value for name, value in fields.items() if is_series(value) and name != "times"}
    drawn, shown = [], set(lists)
    for name, numbers in lists.items():
        if name == "scores" and len(numbers) <= _FEW and all(0 <= (each or 0) <= 1 for each in numbers):
            drawn.append(_bars(numbers))
            continue
        lines = {name: numbers}
        for other, value in fields.items():
            found = _inner(value, len(numbers)) if other not in shown else {}
            if found:
                lines |= {f"{other} {label}": inner for label, inner in found.items()}
                shown.add(other)
        drawn.append(_chart(lines))
    return "".join(drawn), shown


def is_series(value: object) -> bool:
    """Whether it is a list of at least two numbers, of which some may be missing."""
    if not isinstance(value, list) or len(value) < 2 or not any(isinstance(each, float) for each in value):
        return False
    return all(each is None or isinstance(each, float | int) for each in value)


def _inner(value: object, length: int) -> dict[str, Numbers]:
    """The lists of this length inside the records of a list, each named by what else its record holds."""
    found: dict[str, Numbers] = {}
    for each in value if isinstance(value, list) else []:
        held = {name: getattr(each, name) for name in getattr(type(each), "model_fields", ())}
        inner = [name for name, numbers in held.items() if is_series(numbers) and len(numbers) == length]
        if len(inner) != 1:
            return {}
        found[" ".join(brief(held[name]) for name in held if name != inner[0])] = held[inner[0]]
    return found


def _bars(scores: Numbers) -> str:
    """A bar for each score, in the order of what was compared."""
    rows = (
        f'<tr><td class="number">{at}</td><td class="number">{brief(score or 0.0)}</td>'
        f'<td><div class="bar"><i style="width:{100 * (score or 0):.1f}%"></i></div></td></tr>'
        for at, score in enumerate(scores)
    )
    return f'<div class="wide"><table><tr><th></th><th>score</th><th></th></tr>{"".join(rows)}</table></div>'


def _chart(lines: dict[str, Numbers]) -> str:
    known = [each for numbers in lines.values() for each in numbers if each is not None]
    low, high = min(known), max(known)
    paths = []
    for at, (name, numbers) in enumerate(lines.items()):
        look = f'stroke="{COLORS[1] if not at else COLORS[3]}" stroke-width="{1.6 if not at else 1}"'
        path = f'<path d="{_path(numbers, low, high)}" fill="none" vector-effect="non-scaling-stroke" {look}>'
        paths.append(f"{path}<title>{escape(name)}</title></path>")
    first = next(iter(lines.values()))
    words = f"{', '.join(lines)}: {len(first):,} numbers from {brief(low)} to {brief(high)}"
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" preserveAspectRatio="none" style="width:100%;height:72px" role="img">'
        f'{"".join(reversed(paths))}</svg><p class="few">{escape(words)}</p>'
    )


def _path(numbers: Numbers, low: float, high: float) -> str:
    """The line through the numbers that are there; one alone is a dash."""
    step = -(-len(numbers) // _MOST)
    kept = numbers[::step]
    parts, pen_down = [], False
    for at, each in enumerate(kept):
        if each is not None:
            y = _HIGH - 3 - (_HIGH - 6) * (each - low) / ((high - low) or 1)
            x = _WIDE * at / max(1, len(kept) - 1)
            parts.append(f"L{x:.1f} {y:.1f}" if pen_down else f"M{x:.1f} {y:.1f}h.5")
        pen_down = each is not None
    return "".join(parts)
