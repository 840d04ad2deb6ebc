"""Encoders without padding: token rows end to end in one long row, attention for each row alone.

Every linear layer runs once over the flat row; attention runs once for each *group* of rows of equal
length, with no mask. It goes in through transformers' attention interface, so the model's own code
stays as it is. Where an architecture cannot do it, each group is a batch of its own: still no padding.

Shapes: N tokens in all, R rows, H hidden size; a group is C rows of L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

IMPLEMENTATION = "duomo_packed"

# Architectures whose attention goes through the interface and whose positions can be given. MPNet and
# DeBERTa compute their position bias from the row as a whole, so they run group by group.
PACKABLE = frozenset({"bert", "camembert", "distilbert", "electra", "modernbert", "roberta", "xlm-roberta"})
AFTER_PADDING = frozenset({"camembert", "roberta", "xlm-roberta"})
"""These count positions from the one after the padding token's."""


class Rows(NamedTuple):
    """Token rows sorted by length, ready to run."""

    ids: Tensor
    """(1, N), int64."""
    positions: Tensor
    """(1, N), counted from 0 in each row."""
    groups: tuple[tuple[int, int], ...]
    """(C, L) of each group, in order."""
    back: Tensor
    """(R,): where each row of the input lies among the sorted ones."""


def pack(rows: Sequence[Sequence[int]]) -> Rows:
    """Sort rows of token ids by length and lay them end to end."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    lengths = [len(rows[i]) for i in order]
    ids = torch.tensor([token for i in order for token in rows[i]])
    positions = torch.cat([torch.arange(length) for length in lengths])
    groups = tuple((len(list(same)), length) for length, same in groupby(lengths))
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return Rows(ids[None], positions[None], groups, back)


def enable(network: PreTrainedModel) -> bool:
    """Switch a network to packed attention for good; False (and nothing changed) where it cannot."""
    if network.config.model_type not in PACKABLE or getattr(network.config, "is_decoder", False):
        return False
    if getattr(network.config, "position_embedding_type", "absolute") != "absolute":
        return False
    AttentionInterface.register(IMPLEMENTATION, attend)
    network.set_attn_implementation(IMPLEMENTATION)
    return True


def hidden_states(network: PreTrainedModel, rows: Rows) -> list[Tensor]:
    """Last hidden states of an encoder, one tensor (C, L, H) a group."""
    if network.config._attn_implementation == IMPLEMENTATION:
        first = network.config.pad_token_id + 1 if network.config.model_type in AFTER_PADDING else 0
        flat = network(input_ids=rows.ids, position_ids=rows.positions + first, groups=rows.groups).last_hidden_state[0]
        return [part.view(*group, -1) for part, group in zip(_parts(flat, rows), rows.groups, strict=True)]
    parts = zip(_parts(rows.ids[0], rows), rows.groups, strict=True)
    return [network(input_ids=ids.view(group)).last_hidden_state for ids, group in parts]


def by_row(groups: Sequence[Tensor], rows: Rows) -> Tensor:
    """One value a row, (R, …) in the order of the input, from one tensor (C, …) a group."""
    return torch.cat(list(groups))[rows.back.to(groups[0].device)]


def attend(
    _module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    *,
    groups: tuple[tuple[int, int], ...],
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of each row to itself: heads of (1, heads, N, D) in, (1, N, heads, D) out."""
    out = torch.empty_like(query)
    start = 0
    for count, length in groups:
        here = slice(start, start + count * length)
        # (heads, C·L, D) → (C, heads, L, D): a view, so nothing is copied on the way in.
        q, k, v = (
            each[0, :, here].view(-1, count, length, each.shape[-1]).transpose(0, 1) for each in (query, key, value)
        )
        mask = _band(length, sliding_window, query.device) if sliding_window and length > sliding_window else None
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scaling)
        out[0, :, here] = mixed.transpose(0, 1).flatten(1, 2)
        start = here.stop
    return out.transpose(1, 2), None


def _band(length: int, window: int, device: torch.device) -> Tensor:
    """True where two positions are less than `window` apart, (L, L)."""
    places = torch.arange(length, device=device)
    return (places[:, None] - places).abs() < window


def _parts(flat: Tensor, rows: Rows) -> tuple[Tensor, ...]:
    return torch.split(flat, [count * length for count, length in rows.groups])
