"""What an executor has done since its start, in numbers."""

from __future__ import annotations

import dataclasses
import warnings
from typing import NamedTuple

SIZES = tuple(2**power for power in range(11))
"""Sizes of batches, 1 to 1,024, between which they are counted."""


@dataclasses.dataclass(slots=True)
class Counts:
    """What one scheduler counts."""

    items: int = 0
    """Items given out, those that failed or were dropped included."""
    failed: int = 0
    batches: int = 0
    batched: int = 0
    """Items of all batches, those that ran again included."""
    sizes: list[int] = dataclasses.field(default_factory=lambda: [0] * (len(SIZES) + 1))
    """How many batches had at most as many items as `SIZES` says and more than the one before; the last had more."""
    splits: int = 0
    """Batches that were halved to find the item at fault."""
    retries: int = 0
    ooms: int = 0
    """Batches that did not fit into memory."""
    lost: int = 0
    """Batches with which a worker died."""
    dropped: int = 0
    """Items taken back before they ran: their caller had left, or their deadline had passed."""
    cost: int = 0
    """Cost of all batches, in the unit of `Model.estimate`."""
    padded_cost: int = 0
    """The same with padding."""

    def batch(self, size: int, cost: int, padded_cost: int) -> None:
        """Count a batch of `size` items."""
        self.batches += 1
        self.batched += size
        self.sizes[min((size - 1).bit_length(), len(SIZES))] += 1
        self.cost += cost
        self.padded_cost += padded_cost

    def add(self, other: Counts) -> None:
        """Add what another scheduler counted."""
        for field in dataclasses.fields(Counts):
            if field.name != "sizes":
                setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        self.sizes = [one + more for one, more in zip(self.sizes, other.sizes, strict=True)]


class ReplicaStats(NamedTuple):
    """What one copy of the model did."""

    device: str
    state: str = "ready"
    """``ready``, ``resting`` after a death, ``starting`` again, or ``lost``: given up."""
    items: int = 0
    busy_s: float = 0.0
    """Seconds with a batch, the present one included."""
    restarts: int = 0


@dataclasses.dataclass(slots=True)
class Stats(Counts):
    """A snapshot of an executor's counters; all but `in_flight` and `replicas` add up from its start."""

    prepare_s: float = 0.0
    """Seconds of preprocessing, over all workers."""
    compute_s: float = 0.0
    """Seconds of forward and postprocess, over all workers."""
    in_flight: int = 0
    """Batches with workers now."""
    bytes_moved: int = 0
    """Between the driver and its workers."""
    replicas: tuple[ReplicaStats, ...] = ()
    """The copies of the model in a pool; empty where there is one in this process."""

    @property
    def padding(self) -> float:
        """Share of the computed cost that is padding."""
        return 1 - self.cost / self.padded_cost if self.padded_cost else 0.0

    @property
    def restarts(self) -> int:
        """Restarts of all replicas."""
        return sum(replica.restarts for replica in self.replicas)

    @property
    def num_alive(self) -> int:
        """Replicas that were not given up."""
        return sum(replica.state != "lost" for replica in self.replicas)

    def __getitem__(self, name: str) -> float:
        """Look a counter up by the key it had when these were a dict; deprecated."""
        warnings.warn(
            f"stats()[{name!r}] is deprecated: counters are fields of Stats", DeprecationWarning, stacklevel=2
        )
        each = {f"{kind}.{n}": getattr(r, kind) for n, r in enumerate(self.replicas) for kind in ("items", "busy_s")}
        whole = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        own = {"padding": self.padding, "restarts": self.restarts, "replicas": self.num_alive}
        return float({**whole, **own, **each}[name])
