"""What lies below the lowest trained layer, computed once: a frozen trunk gives the same in every epoch.

Boundary: `Trainable.features` runs up to it, `Trainable.logits_from` goes on. The trunk is in evaluation mode and its
inputs are not varied, so that its output is a constant of the row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from duomo.training.batches import cut
from duomo.training.order import share
from duomo.training.peers import Peers
from duomo.training.rows import PreparedRows
from duomo.training.trainable import Trainable

AT_ONCE = 64
"""Rows of one pass through the trunk, unless the model's budget allows fewer."""


@dataclasses.dataclass
class Upper:
    """A batch that starts above the trunk."""

    model: Trainable[Any]
    features: Sequence[Tensor] | Tensor
    upper: int
    targets: list[Any]

    def output(self) -> Any:
        """Run what is above the trunk."""
        return self.model.logits_from(self.features, self.upper)


class TrunkRows:
    """Prepared rows with the trunk's output for each.

    Args:
        model: whose trunk is frozen.
        rows: what goes in.
        upper: layers of the stack above the boundary.
    """

    def __init__(self, model: Trainable[Any], rows: PreparedRows, upper: int) -> None:
        self.model, self.rows, self.upper = model, rows, upper
        self._features: Tensor | list[Tensor] = []

    @torch.no_grad()
    def compute(self, peers: Peers) -> None:
        """Run the trunk over all rows, each on one of the copies, alike costs together."""
        count = len(self.rows)
        costs = self.rows.costs(range(count))
        order = sorted(share(range(count), peers.rank, peers.size), key=costs.__getitem__)
        found: dict[int, Tensor] = {}
        sorted_costs = [costs[row] for row in order]
        for part in cut(order, sorted_costs, most=AT_ONCE, budget=self.model.batch_budget, packed=self.model.packed):
            features = self.model.features(self.rows.batch(part).inputs, self.upper)
            for row, each in zip(part, features, strict=True):
                found[row] = each.clone()  # a slice would keep the whole pass
        for other in peers.gather(found) if peers.size > 1 else ():
            found.update(other)
        kept = [found[row] for row in range(count)]
        alike = len({each.shape for each in kept}) == 1
        self._features = torch.stack(kept) if alike else kept

    def costs(self, rows: Sequence[int]) -> list[int]:
        """The cost of each row."""
        return self.rows.costs(rows)

    def batch(self, rows: Sequence[int], seeds: Sequence[int] | None = None) -> Upper:
        """The rows as one batch."""
        del seeds
        if isinstance(self._features, Tensor):
            features: Sequence[Tensor] | Tensor = self._features[list(rows)]
        else:
            features = [self._features[row] for row in rows]
        return Upper(self.model, features, self.upper, self.rows.targets(rows))
