"""Where the steps of the demo are played: each is timed and guarded, and ends in a report."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import duomo
from duomo import Catalog, DuomoError, Runner
from duomo.errors import ModelFailed, NotFound, RequirementMissing, Unavailable

if TYPE_CHECKING:
    from duomo.tasks.speech.synthesis import Speech


class Step(NamedTuple):
    """One thing the demo shows."""

    key: str
    """Under which the page finds it."""
    title: str
    task: str
    play: Callable[[Stage], tuple[str, dict[str, Any]]]
    """Gives one line for the terminal, and facts for the page."""
    slow: bool = False
    """Left out by ``--quick``."""


@dataclasses.dataclass
class Report:
    """How a step went."""

    step: Step
    status: Literal["ok", "missing", "failed"] = "ok"
    summary: str = ""
    model: str = ""
    load_s: float = 0.0
    run_s: float = 0.0
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    fix: str = ""


class Stage:
    """What the steps share: photos, what has been said so far, and a way to load models one at a time."""

    def __init__(self, catalog: Catalog, tell: Callable[[str], None]) -> None:
        self.catalog = catalog
        self.tell = tell
        """Shows a text while the step is still running."""
        self.sounds: dict[str, Speech] = {}
        self._report: Report | None = None

    def play(self, step: Step) -> Report:
        """Run one step; whatever it raises ends in its report, and the demo goes on."""
        self._report = report = Report(step)
        start = time.perf_counter()
        try:
            report.summary, report.facts = step.play(self)
        except Exception as error:
            report.status = "missing" if isinstance(error, Unavailable | NotFound) else "failed"
            report.summary = error.what if isinstance(error, DuomoError) else f"{type(error).__name__}: {error}"
            report.fix = error.fix if isinstance(error, DuomoError) and not isinstance(error, ModelFailed) else ""
        report.run_s = time.perf_counter() - start - report.load_s
        return report

    @contextlib.contextmanager
    def load(self, task: str) -> Iterator[Runner[Any]]:
        """The default model of a task, given back at the end: the demo holds one at a time."""
        assert self._report is not None
        start = time.perf_counter()
        runner = duomo.load(task, catalog=self.catalog)
        self._report.load_s += time.perf_counter() - start
        self._report.model = runner.meta.model
        with runner:
            yield runner

    def photo(self, name: str) -> Path:
        """An image out of scikit-image's package, which is not imported. Raises `RequirementMissing`."""
        found = importlib.util.find_spec("skimage")
        if found is None or not found.submodule_search_locations:
            raise RequirementMissing(
                "the photos of the demo come with scikit-image",
                why="it is not installed",
                fix="duomo models add starter",
            )
        return Path(found.submodule_search_locations[0]) / "data" / name

    def sound(self, name: str) -> Speech:
        """What an earlier step has said. Raises `Unavailable` when nothing could speak."""
        if name not in self.sounds:
            raise Unavailable(
                "there is not speech to listen to",
                why="the demo listens to what it said itself, and it could not speak",
                fix="duomo models add starter",
            )
        return self.sounds[name]
