"""The demo in the terminal: a table that grows while it runs, or plain lines where no terminal shows it."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

from duomo_multimodal.demo.stage import Report, Step

MARKS = {"ok": "✓", "missing": "–", "failed": "✗"}
STYLES = {"ok": "green", "missing": "yellow", "failed": "red"}


class Screen(Protocol):
    """What a step's progress is shown on."""

    def begin(self, step: Step) -> None:
        """A step starts."""

    def tell(self, text: str) -> None:
        """Something to see while it runs."""

    def end(self, report: Report) -> None:
        """It is over."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_screen(*, quiet: bool = False, progress: str = "auto") -> Screen:
    """A live table when standard error is a terminal, else one line a step; standard output stays free."""
    from rich.console import Console

    console = Console(stderr=True, quiet=quiet)
    is_live = console.is_terminal and not console.is_dumb_terminal
    return LiveTable(console) if is_live and progress != "never" else PlainLines(console)


def outcome_text(report: Report) -> str:
    """The step in one line: what came out, or what is missing and how to get it."""
    if report.status == "ok":
        return report.summary
    what = "not installed" if report.status == "missing" else report.summary
    return f"{what}: {report.fix}" if report.fix else what


class PlainLines:
    """One line a step, when it is over."""

    def __init__(self, console: Any) -> None:
        self._console = console

    def begin(self, step: Step) -> None: ...

    def tell(self, text: str) -> None: ...

    def end(self, report: Report) -> None:
        line = f"{MARKS[report.status]} {report.load_s + report.run_s:6.2f} s  {report.step.title}: "
        line += outcome_text(report) + (f"  [{report.model}]" if report.model else "")
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


class LiveTable:
    """Step, model, result and milliseconds; the running step's row changes as it goes."""

    def __init__(self, console: Any) -> None:
        from rich.live import Live

        self._console = console
        self._rows: list[tuple[Any, ...]] = []
        self._is_over = False
        self._live = Live(console=console, refresh_per_second=8, get_renderable=self._table)

    def begin(self, step: Step) -> None:
        from rich.spinner import Spinner

        self._rows.append((Spinner("dots", style="cyan"), step.title, "", "", ""))

    def tell(self, text: str) -> None:
        mark, title, *_ = self._rows[-1]
        self._rows[-1] = (mark, title, _one_line(text, style="italic"), "", "")

    def end(self, report: Report) -> None:
        from rich.text import Text

        style = STYLES[report.status]
        self._rows[-1] = (
            Text(MARKS[report.status], style=f"bold {style}"),
            report.step.title,
            _one_line(outcome_text(report), style="" if report.status == "ok" else style),
            Text(report.model, style="dim"),
            Text(f"{report.run_s * 1000:,.0f}"),
        )

    def _table(self) -> Any:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        # While it runs each step has one line, so that the running one is never below the screen's edge.
        is_cut = not self._is_over
        is_wide = self._console.width >= 110
        table = Table(box=SIMPLE_HEAD, expand=True, header_style="dim", padding=(0, 1))
        table.add_column("", width=1)
        table.add_column("Step", no_wrap=True)
        table.add_column("Result", no_wrap=is_cut, overflow="ellipsis", ratio=1)
        if is_wide:
            table.add_column("Model", no_wrap=True)
        table.add_column("ms", justify="right", no_wrap=True)
        for mark, title, result, model, milliseconds in self._rows:
            table.add_row(mark, title, result, *([model] if is_wide else []), milliseconds)
        return table

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._live.stop()


def _one_line(text: str, style: str) -> Any:
    from rich.text import Text

    return Text(" ".join(text.split()), style=style)
