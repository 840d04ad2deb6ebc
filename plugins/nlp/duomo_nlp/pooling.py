"""Token vectors to one vector a text, and how alike vectors are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from duomo_nlp.encoders.heads import first_states, hidden_states
from duomo_nlp.encoders.rows import Rows, by_length, by_row

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def pool(network: PreTrainedModel, rows: Rows, pooling: tuple[str, ...], skips: list[int] | None) -> torch.Tensor:
    """Token vectors to one a row, special tokens included as in Sentence-BERT, (R, D)."""
    if pooling == ("cls",) and skips is None:
        return first_states(network, rows)
    groups = by_length(hidden_states(network, rows), rows.groups)
    if skips is None:
        return by_row([torch.cat([_POOLED[name](group) for name in pooling], -1) for group in groups], rows)
    ordered = torch.tensor(skips, device=rows.back.device).new_empty(len(skips))
    ordered[rows.back] = torch.tensor(skips, device=rows.back.device)
    parts = torch.split(ordered, [len(group) for group in groups])
    return by_row(
        [
            torch.stack([_pooled_from(row, skip, pooling) for row, skip in zip(group, part.tolist(), strict=True)])
            for group, part in zip(groups, parts, strict=True)
        ],
        rows,
    )


def _pooled_from(row: torch.Tensor, skip: int, pooling: tuple[str, ...]) -> torch.Tensor:
    """Pool one row (L, H) without its first `skip` tokens; the last one counts in any case."""
    skip = min(skip, len(row) - 1)
    kept, first = row[None, skip:], skip + 1
    return torch.cat(
        [_weighted(kept, first) if name == "weighted_mean" else _POOLED[name](kept) for name in pooling], -1
    )[0]


def _weighted(group: torch.Tensor, first: int = 1) -> torch.Tensor:
    """Mean with weights that grow with the place of a token in its text (Muennighoff 2022, SGPT)."""
    places = torch.arange(first, first + group.shape[1], device=group.device, dtype=torch.float32)[:, None]
    return ((group.float() * places).sum(1) / places.sum()).to(group.dtype)


_POOLED: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda group: group.mean(1),
    "max": lambda group: group.amax(1),
    "cls": lambda group: group[:, 0],
    "last": lambda group: group[:, -1],
    "mean_sqrt_len": lambda group: group.sum(1) / group.shape[1] ** 0.5,
    "weighted_mean": _weighted,
}
"""(C, L, H) to (C, H), for rows that are pooled whole."""


def normalize(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors (B, D) scaled to length 1; one of zeros stays."""
    return torch.nn.functional.normalize(vectors, dim=-1)


def cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Cosines of vectors of length 1, (A, B), in [-1, 1]."""
    return (a @ b.T).clamp(-1, 1)


LIKENESS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cosine": cosine,
    "dot": lambda a, b: a @ b.T,
    "euclidean": lambda a, b: -torch.cdist(a, b),
    "manhattan": lambda a, b: -torch.cdist(a, b, p=1.0),
}
"""(A, D) and (B, D) to (A, B); more is more alike. Distances are below zero, as sentence-transformers has them."""
