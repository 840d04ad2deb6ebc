"""``curves.svg`` and ``confusion.svg``, written by hand: nothing need be installed, and both take milliseconds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from duomo.tasks.showing.parts import brief, escape
from duomo.tasks.showing.style import COLORS

MOST_CLASSES = 30
"""A confusion matrix of more classes cannot be read; ``confusion.json`` has it."""
_MOST_POINTS = 500
"""Points of a line; of more, the lowest and the highest of each stretch are drawn."""
_WIDE, _HIGH, _LEFT, _TOP = 230, 170, 65, 30
_CHART = _LEFT + _WIDE + 25
_LINE, _CELL = 14, 26
_MOST_LETTERS = 30
Points = Sequence[tuple[float, float]]


def draw(out: Path, lines: Sequence[dict[str, Any]], confusion: dict[str, Any] | None) -> None:
    """Draw the lines of a log into `out`, and the confusion matrix where there is one."""
    (out / "curves.svg").write_text(_curves(lines), "utf-8")
    if confusion is not None and len(confusion["labels"]) <= MOST_CLASSES:
        (out / "confusion.svg").write_text(_confusion(confusion["labels"], confusion["counts"]), "utf-8")


def _curves(lines: Sequence[dict[str, Any]]) -> str:
    steps = [line for line in lines if "lr" in line]
    epochs = [line for line in lines if "scores" in line]
    losses: dict[str, Points] = {"training": [(line["step"], line["loss"]) for line in steps]}
    scores: dict[str, Points] = {}
    for name in epochs[0]["scores"] if epochs else ():
        points = [(line["step"], line["scores"][name]) for line in epochs]
        (losses if name == "loss" else scores)["held out" if name == "loss" else name] = points
    rates: dict[str, Points] = {"learning rate": [(line["step"], line["lr"]) for line in steps]}
    last = max((line["step"] for line in [*steps, *epochs]), default=1)
    charts: dict[str, dict[str, Points]] = {"loss": losses, "held-out rows": scores, "learning rate": rates}
    parts = [_chart(title, each, last, at * _CHART) for at, (title, each) in enumerate(charts.items())]
    for step in sorted({line["step"] for line in lines if line.get("resumed")}):
        x = _LEFT + _WIDE * step / last
        path = "".join(f"M{at * _CHART + x:.1f} {_TOP}v{_HIGH}" for at in range(len(charts)))
        parts.append(f'<path id="resumed-{step}" d="{path}" stroke="#ccc"/>')
    return _page(len(charts) * _CHART, _TOP + _HIGH + 45 + _LINE * max(map(len, charts.values())), parts)


def _chart(title: str, lines: dict[str, Points], last: float, x: float) -> str:
    """Lines over the steps 0 to `last`, each with its name; a number that is not finite is a gap."""
    known = [y for points in lines.values() for _, y in points if _is_drawn(y)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    pad = 0.05 * (high - low)
    if pad <= 1e-12 * max(abs(low), abs(high)):  # one number, but for its last bits
        pad = 0.05 * abs(high) or 1.0
    low, high = low - pad, high + pad
    parts = [f'<g transform="translate({x} 0)">', _text(_LEFT + _WIDE / 2, _TOP - 10, title)]
    parts.append(f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDE}" height="{_HIGH}" fill="none" stroke="#888"/>')
    parts += [_text(_LEFT + _WIDE * each / last, _TOP + _HIGH + 15, brief(each)) for each in _ticks(0, last)]
    scale = _HIGH / (high - low)
    parts += [_text(_LEFT - 5, _TOP + scale * (high - each) + 4, brief(each), "end") for each in _ticks(low, high)]
    parts.append(_text(_LEFT + _WIDE, _TOP + _HIGH + 32, "step", "end"))
    for at, (name, points) in enumerate(lines.items()):
        color = COLORS[(at + 1) % len(COLORS)]
        places = [
            (_LEFT + _WIDE * step / last, _TOP + scale * (high - y) if _is_drawn(y) else math.nan)
            for step, y in _thinned(points)
        ]
        parts.append(f'<path d="{_path(places)}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        if name != "training" and name != title:
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{color}"/>' for a, b in places if _is_drawn(b)]
        if name != title:
            parts.append(_text(_LEFT, _TOP + _HIGH + 32 + _LINE * at, name, "start", color))
    return "".join(parts) + "</g>"


def _is_drawn(number: float | None) -> bool:
    return number is not None and abs(number) < 1e300


def _thinned(points: Points) -> Iterator[tuple[float, float]]:
    """Keep peaks: the lowest and the highest of each stretch."""
    stretch = max(1, 2 * len(points) // _MOST_POINTS)
    for at in range(0, len(points), stretch):
        few = sorted(points[at : at + stretch], key=lambda each: each[1] if _is_drawn(each[1]) else -math.inf)
        yield from sorted({few[0], few[-1]})


def _path(places: Points) -> str:
    parts, pen_down = [], False
    for x, y in places:
        if _is_drawn(y):
            parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        pen_down = _is_drawn(y)
    return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, three to seven."""
    size = 10.0 ** math.floor(math.log10((high - low) / 3))
    size *= max(each for each in (1, 2, 5) if each * size <= (high - low) / 3)
    return [each * size for each in range(math.ceil(low / size), math.floor(high / size) + 1)]


def _confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """A row a label, a column a prediction, the darker the larger its share of the row."""
    names = [name if len(name) <= _MOST_LETTERS else f"{name[:_MOST_LETTERS]}…" for name in labels]
    margin, side = 40 + 7 * max(map(len, names)), _CELL * len(labels)
    parts = [_text(margin + side / 2, side + margin, "predicted"), _text(0, 0, "label", place=(14, 10 + side / 2))]
    for y, (name, row) in enumerate(zip(names, counts, strict=True)):
        middle = 10 + _CELL * (y + 0.5)
        parts.append(_text(margin - 5, middle + 4, name, "end"))
        parts.append(_text(0, 0, name, "end", place=(margin + _CELL * (y + 0.5) + 4, 15 + side)))
        for x, count in enumerate(row):
            share = count / max(1, sum(row))
            red, green, blue = (round(255 + (dark - 255) * share) for dark in (8, 48, 107))
            place = f'x="{margin + _CELL * x}" y="{10 + _CELL * y}" width="{_CELL}" height="{_CELL}"'
            parts.append(f'<rect {place} fill="rgb({red},{green},{blue})" stroke="#ddd"/>')
            color = "white" if share > 0.5 else "black"
            parts.append(_text(margin + _CELL * (x + 0.5), middle + 4, str(count), color=color))
    return _page(margin + side + 20, side + margin + 20, parts)


def _text(
    x: float,
    y: float,
    words: str,
    anchor: str = "middle",
    color: str = "black",
    place: tuple[float, float] | None = None,
) -> str:
    """Words at a place; with `place`, upwards from there."""
    turn = f' transform="translate({place[0]:.1f} {place[1]:.1f}) rotate(-90)"' if place else ""
    words = escape(re.sub(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", words))  # not XML
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"{turn}>{words}</text>'


def _page(wide: float, high: float, parts: Sequence[str]) -> str:
    size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="11"'
    paper = '<rect width="100%" height="100%" fill="white"/>'
    first = '<?xml version="1.0" encoding="utf-8"?>'
    return "\n".join([first, f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', paper, *parts, "</svg>\n"])
