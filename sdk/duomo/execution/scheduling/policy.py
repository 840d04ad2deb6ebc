"""The bounds of one run: how much may be in a batch, how much is read ahead, how much may fail."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

from duomo.execution.scheduling.waiting import SLACK

if TYPE_CHECKING:
    from duomo.execution.base import ModelFacts
    from duomo.execution.plan import ExecutionPlan

MOST_ITEMS = 4096
"""Items in a batch whose cost the plan bounds."""
WINDOW_BYTES = 256 * 1024**2
"""Bytes of items read ahead, for each worker …"""
MOST_BYTES = 2 * 1024**3
"""… and for all of them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """The bounds of one run."""

    max_items: int = 32
    """Items in one batch."""
    budget: int = 0
    """Cost of one batch (items times the costliest, or the sum when packed); 0 for no bound."""
    packed: bool = False
    """The model pads nothing: a batch costs the sum of its items."""
    window_items: int = 1024
    """Items read but not yet given out."""
    window_bytes: int = WINDOW_BYTES
    retryable: frozenset[str] = frozenset({"ConnectionError", "TimeoutError"})
    """Names of exceptions worth one more try on a single item."""
    systemic_after: int = 32
    """This many items failing alike before any success end the run: bisecting a million would not help. 0 for never."""
    max_failed: int | None = None
    """More failed items than this end the run."""
    workers: int = 1
    """How many share the work; with one, the end of the input changes nothing."""
    live: bool = False
    """Items come when they come: what waits may be all there is, so it is shared out as at the end of the input."""
    slack: int = SLACK
    """Padding that is cheaper than one more batch."""

    @classmethod
    def of(
        cls, plan: ExecutionPlan, facts: ModelFacts, workers: int, *, batch_size: int | None, max_failed: int | None
    ) -> Self:
        """Take the bounds of a plan and a model; where the plan bounds the cost of a batch, its bounds hold.

        Args:
            plan: of the job.
            facts: of the model.
            workers: copies of it.
            batch_size: the caller's own bound.
            max_failed: the same.
        """
        own = MOST_ITEMS if plan.batch_budget else facts.batch_size
        return cls(
            batch_size or own,
            plan.batch_budget or facts.batch_budget,
            facts.packed,
            plan.window_items * workers,
            min(WINDOW_BYTES * workers, MOST_BYTES),
            max_failed=max_failed,
            workers=workers,
        )

    def shared(self) -> Self:
        """Return the same for items of many callers: failures of some end nothing for the others."""
        return dataclasses.replace(self, systemic_after=0, max_failed=None, live=True)


def same_options(one: object, other: object) -> bool:
    """Whether items with these options may share a batch."""
    try:
        return bool(one == other)
    except Exception:  # arrays among the options, say: they have no one truth value
        return False
