"""Losses by row: sums over a row's own terms, and how many they are.

Cross-entropy is in nats, as in Goodfellow et al. 2016, "Deep Learning", section 6.2.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy as _cross_entropy

from duomo.training.losses import Losses

IGNORED = -100
"""A target without a loss, as in torch and transformers."""


def cross_entropy(logits: Tensor, targets: Sequence[int], smoothing: float = 0.0) -> Losses:
    """One label a row.

    Args:
        logits: (B, classes).
        targets: B places of the right classes.
        smoothing: share of each target that is spread over all classes.
    """
    wanted = torch.tensor(targets, device=logits.device)
    rows = _cross_entropy(logits.float(), wanted, reduction="none", label_smoothing=smoothing)
    return Losses(rows, torch.ones_like(rows))


def squared_error(output: Tensor, targets: Sequence[float]) -> Losses:
    """One number a row: output (B, 1) or (B,)."""
    rows = (output.float().reshape(-1) - torch.tensor(targets, dtype=torch.float32, device=output.device)).square()
    return Losses(rows, torch.ones_like(rows))


def token_cross_entropy(logits: Tensor, targets: Sequence[Tensor]) -> Losses:
    """One label a token.

    Args:
        logits: (N, classes), the tokens of all rows end to end.
        targets: for each row (L,), `IGNORED` where a token has no label.
    """
    flat = torch.cat(list(targets)).to(logits.device)
    each = _cross_entropy(logits.float(), flat, reduction="none", ignore_index=IGNORED)
    lengths = [len(row) for row in targets]
    return Losses(_by_row(each, lengths), _by_row((flat != IGNORED).float(), lengths))


def _by_row(values: Tensor, lengths: list[int]) -> Tensor:
    """(N,) → (B,), the sum over each row's tokens."""
    owner = torch.repeat_interleave(torch.tensor(lengths, device=values.device))
    found: Tensor = values.new_zeros(len(lengths)).index_add(0, owner, values)
    return found
