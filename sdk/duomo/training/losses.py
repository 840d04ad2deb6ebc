"""The loss of a batch, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Losses(NamedTuple):
    """The loss of each row as a sum, and over how many terms it is summed.

    Sums add up however a batch is cut, and means do not: gradient accumulation, padding and data parallelism are
    right by construction, and a row whose loss is not finite can be named.
    """

    rows: Tensor
    """(B,): summed over the row's own terms, such as its tokens."""
    counts: Tensor
    """(B,): how many terms; 1 where a row has one label."""
