"""The command: play the steps, show them as they go, write the page."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import click

OFFLINE = {"DUOMO_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("duomo-demo"),
    show_default=True,
    metavar="FOLDER",
    help="Where to put the page.",
)
@click.option("--open/--no-open", "open_page", default=None, help="Show the page in a browser (if there is a display).")
@click.option("--quick", is_flag=True, help="Leave out the slow steps: reading a page and chat.")
@click.pass_context
def demo(ctx: click.Context, out: Path, open_page: bool | None, quick: bool) -> None:
    """See, read, hear, speak, find and chat with the models of the starter pack, offline.

    Progress is shown on standard error; the path of the page, one self-contained HTML file, is printed
    on standard output. Exit code 3 when a step failed or its models are not installed.
    """
    with _environment(OFFLINE):
        from duomo import default_catalog
        from duomo_multimodal.demo.page import write_page
        from duomo_multimodal.demo.stage import Stage
        from duomo_multimodal.demo.steps import STEPS
        from duomo_multimodal.demo.terminal import open_screen

        start = time.perf_counter()
        wanted = ctx.find_root().params  # the global options of ``duomo``
        reports = []
        with open_screen(quiet=bool(wanted.get("quiet")), progress=str(wanted.get("progress", "auto"))) as screen:
            stage = Stage(default_catalog(), screen.tell)
            for step in STEPS:
                if step.slow and quick:
                    continue
                screen.begin(step)
                reports.append(stage.play(step))
                screen.end(reports[-1])
        page = write_page(out, reports, stage, seconds=time.perf_counter() - start)
    click.echo(page)
    if open_page or (open_page is None and _has_display()):
        webbrowser.open(page.absolute().as_uri())
    if any(report.status != "ok" for report in reports):
        ctx.exit(3)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """The environment with `values`, as it was before afterwards."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _has_display() -> bool:
    """Whether someone sits in front of it: a terminal, and a screen to open a window on."""
    if not sys.stdout.isatty() or "CI" in os.environ or "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
