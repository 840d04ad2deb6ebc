"""``curves.svg`` and ``confusion.svg``, drawn where matplotlib is installed (the extra ``train``)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MOST_CLASSES = 30
"""A confusion matrix of more classes cannot be read; ``confusion.json`` has it."""


def draw(out: Path, lines: Sequence[dict[str, Any]], confusion: dict[str, Any] | None) -> None:
    """Draw what there is into `out`; nothing without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        return
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    figure = Figure(figsize=(11, 3.5))
    # Given, not found by drawing it again and again ("constrained"), which takes half of the time.
    left, right, rates = figure.subplots(1, 3, gridspec_kw={"left": 0.06, "right": 0.99, "bottom": 0.14, "top": 0.92})
    steps = [line for line in lines if "lr" in line]
    epochs = [line for line in lines if "scores" in line]
    left.plot([line["step"] for line in steps], [line["loss"] for line in steps], label="training")
    if epochs:
        places = [line["step"] for line in epochs]
        left.plot(places, [line["scores"]["loss"] for line in epochs], "o-", label="held out")
        for name in epochs[0]["scores"]:
            if name != "loss":
                right.plot(places, [line["scores"][name] for line in epochs], "o-", label=name)
        right.legend()
    rates.plot([line["step"] for line in steps], [line["lr"] for line in steps])
    rates.set(xlabel="step", title="learning rate")
    for step in sorted({line["step"] for line in lines if line.get("resumed")}):
        for axes in (left, right, rates):
            axes.axvline(step, color="0.8", zorder=0, gid=f"resumed-{step}")
    left.set(xlabel="step", ylabel="loss")
    left.legend()
    right.set(xlabel="step", title="held-out rows")
    figure.savefig(out / "curves.svg", metadata={"Date": None})
    if confusion is not None and len(confusion["labels"]) <= MOST_CLASSES:
        _draw_confusion(Figure, out, confusion)


def _draw_confusion(figure_class: Any, out: Path, confusion: dict[str, Any]) -> None:
    labels, counts = confusion["labels"], confusion["counts"]
    side = 2.5 + 0.35 * len(labels)
    figure = figure_class(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            axes.text(x, y, str(count), ha="center", va="center", color="white" if shares[y][x] > 0.5 else "black")
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="label")
    figure.savefig(out / "confusion.svg", metadata={"Date": None})
