"""A line on standard error while work goes on, where it can spoil nothing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from duomo.cli.app import App
from duomo.cli.tables import is_terminal


class Progress:
    """Counts finished items on a terminal; silent elsewhere. rich is imported only when it shows.

    Args:
        app: with ``--progress`` and ``--quiet``.
        wanted: false where it would only be in the way.
        to_file: whether results go to a file, so that only standard error need be a terminal.
    """

    def __init__(self, app: App, *, wanted: bool, to_file: bool) -> None:
        both = is_terminal(sys.stderr) and (to_file or is_terminal(sys.stdout))
        auto = both and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"
        self._wanted = wanted and not app.quiet and (app.progress == "always" or (app.progress == "auto" and auto))
        self._bar: Any = None
        self._task: Any = None
        self._next_look = 0.0
        self.was_shown = False

    @property
    def is_shown(self) -> bool:
        """Whether it is on the screen now."""
        return self._bar is not None

    def __enter__(self) -> Self:
        if self._wanted:
            from rich.console import Console
            from rich.progress import Progress as Bar, SpinnerColumn, TextColumn, TimeElapsedColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("")
            self.was_shown = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def say(self, text: str | Callable[[], str]) -> None:
        """Show what is going on; a function is asked ten times a second at most."""
        if self._bar is None:
            return
        if not isinstance(text, str):
            if time.perf_counter() < self._next_look:
                return
            self._next_look = time.perf_counter() + 0.1
            text = text()
        self._bar.update(self._task, description=text)

    def stop(self) -> None:
        """Clear the line, before results are printed."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
