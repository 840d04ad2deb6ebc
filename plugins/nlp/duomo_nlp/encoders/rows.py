"""Rows of token ids laid out by length, and how results come back in the order of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

BUDGET = 2048
"""Tokens of a batch: fewer leave the matrix products slow, more gain nothing."""
TOKENS_A_PASS = 2 * BUDGET
"""Costs are estimates, and the windows of one long text may be thousands: what is longer runs in parts."""
Groups = tuple[tuple[int, int], ...]
"""(C, L) of each group, the shortest first."""


class Rows(NamedTuple):
    """Token rows sorted by length, ready to run."""

    ids: Tensor
    """(1, N), int64."""
    positions: Tensor
    """(1, N), counted from 0 in each row."""
    groups: Groups
    back: Tensor
    """(R,): where each row of the input lies among the sorted ones."""
    types: Tensor | None = None
    """(1, N): which text of a pair each token belongs to; None where no row is a pair."""

    def to(self, device: torch.device, *, non_blocking: bool = False) -> Rows:
        """The same on another device."""
        ids, positions, back = (
            each.to(device, non_blocking=non_blocking) for each in (self.ids, self.positions, self.back)
        )
        types = None if self.types is None else self.types.to(device, non_blocking=non_blocking)
        return Rows(ids, positions, self.groups, back, types)


def pack(rows: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None) -> list[Rows]:
    """Lay rows of token ids end to end: in one part, or in several, in order, of at most `TOKENS_A_PASS` tokens.

    Args:
        rows: token ids.
        types: for pairs, which text each token belongs to; as long as `rows`.
    """
    bounds, tokens = [0], 0
    for at, row in enumerate(rows):
        if tokens and tokens + len(row) > TOKENS_A_PASS:
            bounds.append(at)
            tokens = 0
        tokens += len(row)
    bounds.append(len(rows))
    return [_lay(rows[start:end], None if types is None else types[start:end]) for start, end in pairwise(bounds)]


def _lay(rows: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None) -> Rows:
    if len(rows) == 1:  # a single call: nothing to sort, and its overhead is what its caller feels
        length = len(rows[0])
        kinds = None if types is None else torch.tensor([*types])
        return Rows(
            torch.tensor([*rows]), torch.arange(length)[None], ((1, length),), torch.zeros(1, dtype=torch.long), kinds
        )
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    groups = tuple((len(list(same)), length) for length, same in groupby(len(rows[i]) for i in order))
    return Rows(
        _flat(rows, order),
        torch.cat([torch.arange(length).repeat(count) for count, length in groups])[None],
        groups,
        torch.tensor(sorted(range(len(order)), key=order.__getitem__)),
        None if types is None else _flat(types, order),
    )


def _flat(rows: Sequence[Sequence[int]], order: list[int]) -> Tensor:
    return torch.tensor([token for i in order for token in rows[i]])[None]


def batches(rows: Rows) -> list[dict[str, Tensor]]:
    """What a network reads that cannot pack: each group as an unpadded batch, (C, L)."""
    batches = [{"input_ids": group} for group in by_length(rows.ids[0], rows.groups)]
    if rows.types is not None:
        for batch, types in zip(batches, by_length(rows.types[0], rows.groups), strict=True):
            batch["token_type_ids"] = types
    return batches


def by_length(flat: Tensor, groups: Groups) -> list[Tensor]:
    """One tensor (C, L, …) a group, from one value a token, (N, …)."""
    parts = torch.split(flat, [count * length for count, length in groups])
    return [part.view(*group, *part.shape[1:]) for part, group in zip(parts, groups, strict=True)]


def by_row(groups: Sequence[Tensor], rows: Rows) -> Tensor:
    """One value a row, (R, …) in the order of the input, from one tensor (C, …) a group."""
    return torch.cat(list(groups))[rows.back]


def by_token(flat: Tensor, rows: Rows) -> Tensor:
    """One value a token, (N, …) in the order of the input, from the same in the order of the groups."""
    sorted_rows = torch.split(flat, [length for count, length in rows.groups for _ in range(count)])
    return torch.cat([sorted_rows[at] for at in rows.back.tolist()])
