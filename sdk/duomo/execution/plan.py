"""How a job is spread: over which devices, and how many of them share one copy of the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from duomo.parallel import ParallelDims

Devices = int | str | Sequence[str]
"""How many, names with commas between, or names: ``2``, ``"cpu,cpu"``, ``["cuda:0", "cuda:1"]``."""


@dataclasses.dataclass(frozen=True)
class ExecutionPlan:
    """What an executor needs to know beside the model. Strings and numbers, safe to send."""

    executor: str = "inline"
    dims: ParallelDims = ParallelDims()  # noqa: RUF009 - it is immutable
    devices: tuple[str, ...] = ()
    """One name a worker, those of one copy next to each other; empty: the executor's own choice."""
    threads: int = 0
    """Threads of each worker; 0 leaves it to the executor."""
    batch_budget: int = 0
    """Cost of one batch; 0 for the model's own."""
    prefetch: int = 2
    """Batches a worker holds at once: one that runs, and what waits for it."""
    window_items: int = 1024
    """Items read ahead for each copy."""
    reasons: tuple[str, ...] = ()
    """Why it is so, for people."""
    rejected: tuple[str, ...] = ()
    """What was considered, and the number that spoke against it."""

    def devices_of(self, replica: int) -> tuple[str, ...]:
        """Return the devices of one copy."""
        group = self.dims.group
        return self.devices[replica * group : (replica + 1) * group]
