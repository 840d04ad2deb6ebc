"""What small networks share that are trained from random numbers and loaded by a class of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from duomo.training.trainable import Parts, Trainable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from duomo.weights import WeightsRef

In = TypeVar("In")


class SmallTrainable(Trainable[In]):
    """A trainer that is also its `duomo.Model`: made as ``cls(size, labels)``, with a linear layer ``network.head``."""

    is_blank = False
    """Whether it was made of random numbers: what its body takes from the data (`fit_statistics`) is still to be found.
    A trained one that is given another head keeps what it has."""

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        """Load the folder; the head is a new one where it does not know all of `labels`."""
        from torch import nn

        loader: Any = cls  # its other base is a `duomo.Model`
        model: Self = loader.load(weights, device=device, dtype=dtype)
        if not set(labels) <= set(model.labels):
            model.labels, model.has_new_head = list(labels), True
            network: Any = model.network
            network.head = nn.Linear(network.head.in_features, len(labels)).to(device, dtype)
        return model

    @classmethod
    def build(
        cls, architecture: str, size: object, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Self:
        del architecture
        maker: Any = cls
        model: Self = maker(size, labels)
        model.network.to(device, dtype)
        model.has_new_head = model.is_blank = True
        return model

    def parts(self) -> Parts:
        return Parts(("head",))

    def logits(self, batch: Any) -> Tensor:
        found: Tensor = self.network(batch)
        return found
