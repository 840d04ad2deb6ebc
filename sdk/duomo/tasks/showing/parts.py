"""The parts of a result that are text: records as a table with bars, plain values, vectors as a line of bars."""

from __future__ import annotations

import html
import typing
from collections.abc import Mapping, Sequence

import pydantic

from duomo.counting import counted
from duomo.tasks.encoding import Vector
from duomo.tasks.showing.style import colors_of

_MOST_ROWS = 50
_MOST_BARS = 128


class Source:
    """What a result is of; its image and sound are read when they are asked for, and may be absent."""

    def __init__(self, value: object = None) -> None:
        self.value = value


def escape(value: object) -> str:
    """Make text safe inside HTML, also half a character."""
    return html.escape(str(value).encode("utf-8", "backslashreplace").decode("utf-8"))


def records(rows: Sequence[pydantic.BaseModel]) -> str:
    """A table with a row a record; scores in [0, 1] have a bar; bytes and lists of points are left out.

    Masks have no words where they are drawn: their rows begin with their colour.
    """
    names = [name for name, field in type(rows[0]).model_fields.items() if _is_cell(field.annotation)]
    names = [name for name in names if any(getattr(row, name) is not None for row in rows)]
    if not names:  # each holds nothing but records of its own, as the masks of a text do
        inner = [value for row in rows for name in type(row).model_fields if (value := getattr(row, name))]
        return "".join(records(each) for each in inner if isinstance(each[0], pydantic.BaseModel))
    scored = "score" in names and all(0 <= (getattr(row, "score", None) or 0) <= 1 for row in rows)
    lines = ['<div class="wide"><table><tr>', *(f"<th>{escape(name)}</th>" for name in names)]
    lines.append("<th></th></tr>" if scored else "</tr>")
    colors = colors_of(rows) if "mask" in type(rows[0]).model_fields else [""] * len(rows)
    for row, color in zip(rows[:_MOST_ROWS], colors, strict=False):
        first, *cells = (_cell(getattr(row, name)) for name in names)
        key = f'><i class="key" style="background:{color}"></i>' if color else ">"
        lines += ["<tr>", first.replace(">", key, 1), *cells]
        if scored:
            width = 100 * float(getattr(row, "score", None) or 0)
            lines.append(f'<td><div class="bar"><i style="width:{width:.1f}%"></i></div></td>')
        lines.append("</tr>")
    lines.append("</table></div>")
    if len(rows) > _MOST_ROWS:
        lines.append(f'<p class="few">… {len(rows) - _MOST_ROWS:,} more</p>')
    return "".join(lines)


def record(values: Mapping[str, object]) -> str:
    """A line of names and values."""
    parts = (f"<b>{escape(name)}</b> {escape(brief(value))}" for name, value in values.items())
    return f'<p class="few">{" · ".join(parts)}</p>'


def vector(result: pydantic.BaseModel, source: Source) -> tuple[str, set[str]]:
    """A vector as bars, up for positive numbers and down for negative ones."""
    del source
    for name, field in type(result).model_fields.items():
        if field.annotation is Vector:
            numbers = getattr(result, name)
            return _bars(numbers) + f'<p class="few">a vector of {counted(len(numbers), "number")}</p>', {name}
    return "", set()


def brief(value: object) -> str:
    """A value in a few words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, bytes):
        return counted(len(value), "byte")
    if isinstance(value, list | tuple | Mapping) and not value:
        return "none"
    if isinstance(value, list | tuple):
        return _few([_inner(each) for each in value[:8]], len(value))
    if isinstance(value, Mapping):
        return _few([f"{name}: {_inner(each)}" for name, each in list(value.items())[:8]], len(value))
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{' x '.join(map(str, value.shape)) or 'a'} {value.dtype}"
    if isinstance(value, pydantic.BaseModel):
        return ", ".join(f"{name} {brief(getattr(value, name))}" for name in type(value).model_fields)
    return str(value)


def _inner(value: object) -> str:
    """A value inside another, in brackets where it has parts of its own."""
    return f"({brief(value)})" if isinstance(value, list | tuple | Mapping) and value else brief(value)


def _few(words: Sequence[str], count: int) -> str:
    more = [f"… {count - len(words):,} more"] if count > len(words) else []
    return ", ".join([*words, *more])


def _cell(value: object) -> str:
    kind = ' class="number"' if isinstance(value, int | float) else ""
    return f"<td{kind}>{'' if value is None else escape(brief(value))}</td>"


def _is_cell(kind: object) -> bool:
    """Whether values of a kind are short enough for a cell: text, numbers, and records of these."""
    inner = typing.get_args(kind)
    if kind is bytes or kind is Vector or typing.get_origin(kind) in (list, tuple, dict):
        return False
    return all(_is_cell(each) for each in inner) if inner and typing.get_origin(kind) is not typing.Literal else True


def _bars(numbers: Vector) -> str:
    import numpy as np

    step = -(-len(numbers) // _MOST_BARS)
    kept = np.nan_to_num(np.asarray(numbers[:: step or 1], np.float64), posinf=0, neginf=0)
    tallest = float(np.abs(kept).max(initial=0)) or 1.0
    bars = (f"M{at + 0.5:g} 20V{20 - 19 * each / tallest:.1f}" for at, each in enumerate(kept.tolist()))
    return (
        f'<svg viewBox="0 0 {len(kept) or 1} 40" preserveAspectRatio="none" style="width:100%;height:48px" role="img">'
        f'<path d="{"".join(bars)}" stroke="#3d6fd1" stroke-width=".8" fill="none"/></svg>'
    )
