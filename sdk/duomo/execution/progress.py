"""How a run is getting on: a bar in a terminal or a notebook, a function of the caller's own, and the log."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from duomo.execution.base import ItemResult
from duomo.outcome import ItemError, Outcome
from duomo.tasks.base import Result

LOG = logging.getLogger("duomo.execution")
R = TypeVar("R", bound=Result)
Progress: TypeAlias = bool | Callable[[int, int | None], object]
"""True for a bar, or a function that is given how many items are done and how many there are, None if nobody knows."""


def watched(
    outcomes: Iterator[Outcome[R]], progress: Progress, items: object, task: str
) -> Generator[Outcome[R], None, None]:
    """Pass outcomes on and show how many have come."""
    total = len(items) if hasattr(items, "__len__") else None
    tell, done = (progress, _nothing) if callable(progress) else _bar(total, task)
    try:
        for count, outcome in enumerate(outcomes, 1):
            tell(count, total)
            yield outcome
    finally:
        done()
        if isinstance(outcomes, Generator):
            outcomes.close()


def _nothing() -> None:
    """Do nothing."""


def _bar(total: int | None, task: str) -> tuple[Callable[[int, int | None], object], Callable[[], object]]:
    """Make a bar of tqdm, which knows notebooks, or of rich where tqdm is not installed."""
    if importlib.util.find_spec("tqdm") is not None:
        if importlib.util.find_spec("ipywidgets") is not None:
            from tqdm.auto import tqdm
        else:  # tqdm.auto would warn in a notebook, and give this one
            from tqdm import tqdm

        shown: Any = tqdm(total=total, desc=task, unit="item")
        return (lambda _count, _total: shown.update()), shown.close
    from rich.console import Console
    from rich.progress import Progress as Bars

    bars = Bars(console=Console(stderr=True))
    bars.start()
    row = bars.add_task(task, total=total)
    return (lambda count, _total: bars.update(row, completed=count)), bars.stop


def log_batch(
    count: int, item_results: Sequence[ItemResult], error: ItemError | None, worker: int = 0, *, out_of_memory: bool
) -> None:
    """Say what became of a batch: each one at the level DEBUG, those that must be tried again above it."""
    if out_of_memory:
        LOG.warning("no memory for a batch of %d on worker %d: it is halved, and later ones are smaller", count, worker)
    elif error is not None:
        LOG.info("a batch of %d on worker %d raised %s: %s", count, worker, error.type, error.what)
    elif item_results:
        LOG.debug("a batch of %d on worker %d, %.1f ms an item", count, worker, item_results[0].timing.ms)
