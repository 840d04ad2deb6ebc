"""Texts of alike lengths are read together, and all of them written to together.

An encoder is spared the padding; a step of the decoder costs a CPU about the same for one row as for many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from transformers import GenerationConfig

ROWS = 32
"""Rows of one `generate`: its beams multiply them."""
SLACK = 8
"""Padding of a row, in tokens, that is cheaper than another `generate`."""


LOOKING_BACK: dict[str, tuple[object, ...]] = {
    "encoder_repetition_penalty": (None, 1.0),
    "encoder_no_repeat_ngram_size": (None, 0),
}
"""Settings by which what is written depends on the tokens that were read, and the values that ask for nothing."""


class Group(NamedTuple):
    """Texts of alike lengths and how they are written about."""

    ids: Tensor
    """(B, L), int64."""
    mask: Tensor
    """(B, L), 0 where padded."""
    places: list[int]
    """Which text of the batch each row is."""
    settings: dict[str, Any]

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Group:
        """The same on another device."""
        ids, mask = (each.to(device, non_blocking=non_blocking) for each in (self.ids, self.mask))
        return self._replace(ids=ids, mask=mask)


def together(batch: list[Group], config: GenerationConfig) -> list[list[Group]]:
    """Groups that are written to in one `generate`."""
    if any(getattr(config, name, None) not in neutral for name, neutral in LOOKING_BACK.items()):
        return [[group] for group in batch]  # the padding would count, too
    found: list[list[Group]] = []
    for group in batch:
        if found and sum(len(each.places) for each in found[-1]) + len(group.places) <= ROWS:
            found[-1].append(group)
        else:
            found.append([group])
    return found


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Rows (B, L, …) of several lengths, padded with zeros at the end."""
    longest = max(part.shape[1] for part in parts)
    rest = [0, 0] * (parts[0].ndim - 2)
    return torch.cat([F.pad(part, (*rest, 0, longest - part.shape[1])) for part in parts])
