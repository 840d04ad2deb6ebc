"""Which rows each step reads, and every random number of a training, as pure functions of a seed.

Nothing here has a state: the rows of step 1,000 are known without the 999 before it, so that a checkpoint holds no
generator, and a training that is resumed, or spread over other devices, reads the same rows in the same steps.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


def mix(seed: int, *parts: int | str) -> int:
    """A seed of 63 bits for one purpose: equal arguments give equal seeds, and others unrelated ones."""
    text = "/".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


class Order(NamedTuple):
    """The rows of each step: a permutation for each epoch, cut into batches."""

    seed: int
    num_rows: int
    batch: int

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which each row is read once; the last has what is left."""
        return -(-self.num_rows // self.batch)

    def epoch(self, step: int) -> int:
        """The epoch of a step, from 0."""
        return step // self.steps_per_epoch

    def is_last_of_epoch(self, step: int) -> bool:
        """Whether an epoch ends with this step."""
        return (step + 1) % self.steps_per_epoch == 0

    def rows(self, step: int) -> list[int]:
        """The rows that step `step` reads, counted from 0."""
        start = step % self.steps_per_epoch * self.batch
        return _permutation(self.seed, self.epoch(step), self.num_rows)[start : start + self.batch]

    def row_seed(self, step: int, row: int) -> int:
        """The seed for the augmentation of a row in the epoch of `step`."""
        return mix(self.seed, "row", self.epoch(step), row)

    def step_seed(self, step: int, part: int, rank: int) -> int:
        """The seed of dropout in one micro-batch: the same on all devices that share a copy of the model."""
        return mix(self.seed, "step", step, part, rank)


@functools.lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, num_rows: int) -> list[int]:
    import torch

    order: list[int] = torch.randperm(num_rows, generator=generator(mix(seed, "order", epoch))).tolist()
    return order


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU."""
    import torch

    return torch.Generator().manual_seed(seed)


def share(rows: Sequence[int], rank: int, ranks: int) -> Sequence[int]:
    """The rows of a batch that one of several copies reads: a contiguous slice."""
    return rows[len(rows) * rank // ranks : len(rows) * (rank + 1) // ranks]
