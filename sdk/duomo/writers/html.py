"""Outcomes as one page of HTML that holds all it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from duomo.outcome import Outcome
from duomo.tasks.showing import outcome_html
from duomo.tasks.showing.parts import escape
from duomo.tasks.showing.style import STYLE
from duomo.writers.text import TextWriter

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ font: 15px/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 800px; padding: 1em; }} h1 {{ font-size: 1.3em; }}
  section {{ border-top: 1px solid #8886; padding: .6em 0; }}</style>
{style}</head><body><h1>{title}</h1>
"""


class HtmlWriter(TextWriter):
    """A page with a section an item: labels with bars, boxes on the image, the wave of an audio clip with a player.

    Images and audio clips are read where the outcomes' names are paths of files, and are part of the page.
    """

    _open = False
    given: Callable[[], object] | None = None
    """Gives what the outcome that is written is of; the beginning of a text or a record stands beside its result."""

    def write(self, outcome: Outcome[Any]) -> None:
        if not self._open:
            self._head(f"{outcome.meta.task} by {outcome.meta.model}")
        given = self.given() if self.given is not None else None
        # The page has the style once.
        self._file.write(f"<section>{outcome_html(outcome, given).replace(STYLE, '')}</section>\n")

    def close(self, *, complete: bool = True) -> None:
        if complete:
            if not self._open:
                self._head("no outcomes")
            self._file.write("</body></html>\n")
        super().close(complete=complete)

    def _head(self, title: str) -> None:
        self._open = True
        self._file.write(_HEAD.format(title=escape(title), style=STYLE))
