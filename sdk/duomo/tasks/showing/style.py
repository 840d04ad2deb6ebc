"""The style of results in HTML: it takes its colours from the page around it, light or dark."""

from collections.abc import Sequence

STYLE = """<style>
.duomo { --line: color-mix(in srgb, currentColor 18%, transparent);
  --tint: color-mix(in srgb, currentColor 7%, transparent);
  font: 14px/1.45 system-ui, sans-serif; max-width: 760px; overflow-wrap: break-word; }
.duomo p { margin: .3em 0; white-space: pre-wrap; }
.duomo .wide { overflow-x: auto; }
.duomo table { border-collapse: collapse; margin: .4em 0; width: 100%; }
.duomo th { text-align: left; font-weight: 600; white-space: nowrap; border-bottom: 1px solid var(--line); }
.duomo th, .duomo td { padding: .15em .8em .15em 0; vertical-align: top; text-align: left; background: none; }
.duomo td.number { font-variant-numeric: tabular-nums; white-space: nowrap; width: 1%; }
.duomo .bar { background: var(--tint); border-radius: 3px; height: .8em; margin-top: .3em; min-width: 5em; }
.duomo .bar i { background: #3d6fd1; border-radius: 3px; display: block; height: 100%; }
@media (max-width: 480px) { .duomo .bar { min-width: 2em; } }
.duomo svg, .duomo img { display: block; height: auto; max-width: 100%; margin: .4em 0; border-radius: 4px; }
.duomo .key { border-radius: 2px; display: inline-block; height: .75em; margin-right: .5em; width: .75em; }
.duomo audio { width: 100%; max-width: 480px; margin: .3em 0; }
.duomo .few { color: color-mix(in srgb, currentColor 70%, transparent); font-size: 13px; }
.duomo .few b { font-weight: 500; }
</style>"""
COLORS = ("#e63946", "#1d7ad2", "#2a9d5a", "#e9961e", "#8e44ad", "#0096a0", "#d63384")
"""One a label, as `duomo.tasks.vision.drawing` has them."""


def colors_of(found: Sequence[object]) -> list[str]:
    """A colour for each record, that of its label."""
    labels = [str(getattr(each, "label", "")) for each in found]
    color = {label: COLORS[at % len(COLORS)] for at, label in enumerate(dict.fromkeys(labels))}
    return [color[label] for label in labels]
