"""Outcomes as one page of HTML that holds all it shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from duomo.outcome import Outcome
from duomo.tasks.base import Result
from duomo.tasks.showing import outcome_html
from duomo.tasks.showing.parts import escape
from duomo.tasks.showing.style import STYLE
from duomo.writers.text import TextFile, TextWriter

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>:root {{ color-scheme: light dark; }} body {{ font: 15px/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 800px; padding: 1em; }} h1 {{ font-size: 1.3em; overflow-wrap: anywhere; }}
  section {{ border-top: 1px solid #8886; padding: .6em 0; }}</style>
{style}</head><body><h1>{title}</h1>
"""


class HtmlWriter(TextWriter):
    """A page with a section an item: labels with bars, boxes on the image, the wave of an audio clip with a player.

    Images and audio clips are read where the outcomes' names are paths of files, and are part of the page.

    Args:
        place, result, resume, fields, csv_safe: as of `TextWriter`.
        items: what the outcomes are of, by their index: a text's beginning stands beside its result, and an image or
            an audio clip that has no path is shown, too.
    """

    _open = False
    given: Callable[[Outcome[Any]], object] | None = None
    """Gives what an outcome is of."""

    def __init__(
        self,
        place: str | os.PathLike[str] | TextFile,
        result: type[Result],
        *,
        resume: bool = False,
        fields: tuple[str, ...] = (),
        csv_safe: bool = False,
        items: Sequence[object] | None = None,
    ) -> None:
        super().__init__(place, result, resume=resume, fields=fields, csv_safe=csv_safe)
        if items is not None:
            self.given = lambda outcome: items[outcome.index]

    def write(self, outcome: Outcome[Any]) -> None:
        if not self._open:
            self._head(f"{outcome.meta.task} by {outcome.meta.model}")
        given = self.given(outcome) if self.given is not None else None
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
