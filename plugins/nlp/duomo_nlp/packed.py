"""Encoders without padding: token rows end to end in one long row, attention for each row alone.

Every linear layer runs once over the flat row; attention runs once for each *group* of rows of equal
length, with no mask, or on a GPU in half precision once for all rows. It goes in through transformers'
attention interface, so the model's own code stays as it is. Where an architecture cannot do it, each
group is a batch of its own: still no padding.

Shapes: N tokens in all, R rows, H hidden size; a group is C rows of L tokens.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import accumulate, groupby, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.attention import varlen
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from duomo.parallel import stages_of
from duomo_nlp import staged

IMPLEMENTATION = "duomo_packed"
BUDGET = 2048
"""Tokens of a batch: fewer leave the matrix products slow, more gain nothing."""
TOKENS_A_PASS = 2 * BUDGET
"""Costs are estimates, and the windows of one long text may be thousands: what is longer runs in parts."""

# Architectures whose attention goes through the interface and whose positions can be given. MPNet and
# DeBERTa compute their position bias from the row as a whole, so they run group by group.
PACKABLE = frozenset({"bert", "camembert", "distilbert", "electra", "modernbert", "roberta", "xlm-roberta"})
AFTER_PADDING = frozenset({"camembert", "data2vec-text", "roberta", "xlm-roberta", "xlm-roberta-xl"})
"""These count positions from the one after the padding token's."""
LIKE_BERT = PACKABLE - {"distilbert", "modernbert"}
"""These have BERT's layers, of which the last can be computed for the first token of each row alone."""

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


def enable(network: PreTrainedModel) -> bool:
    """Switch an encoder to packed attention for good; False (and nothing changed) where it cannot."""
    if network.config.model_type not in PACKABLE or getattr(network.config, "is_decoder", False):
        return False
    if stages_of(network) > 1:  # one long row has nothing to cut into microbatches
        return False
    if getattr(network.config, "position_embedding_type", "absolute") != "absolute":
        return False
    AttentionInterface.register(IMPLEMENTATION, attend)
    before = network.config._attn_implementation
    network.set_attn_implementation(IMPLEMENTATION)
    if network.config.model_type in LIKE_BERT:
        layers: Any = network.encoder.layer  # type: ignore[union-attr]
        for layer in layers if network.config.hidden_act == "gelu" else ():
            layer.intermediate.forward = partial(_intermediate, layer.intermediate, layer.intermediate.forward)
        for last in layers[-1:]:
            last.forward = partial(_last_layer, last, last.forward)
    # For other runtimes, which cannot pack: they run group by group.
    network.plain = partial(_disable, network, before)  # type: ignore[assignment]
    return True


def _disable(network: Any, before: str) -> Any:
    """Undo `enable`."""
    del network.plain
    network.set_attn_implementation(before)
    if network.config.model_type in LIKE_BERT:
        for each in (*(layer.intermediate for layer in network.encoder.layer), *network.encoder.layer[-1:]):
            vars(each).pop("forward", None)
    return network


def is_enabled(network: PreTrainedModel) -> bool:
    """Whether `enable` has switched it."""
    return bool(network.config._attn_implementation == IMPLEMENTATION)


def hidden_states(network: PreTrainedModel, rows: Rows) -> Tensor:
    """Last hidden states of an encoder, (N, H), in the order of the groups."""
    if is_enabled(network):
        return _run(network, rows)
    if stages_of(network) > 1:
        return staged.token_values(network, rows, "last_hidden_state")
    return torch.cat([network(**batch).last_hidden_state.flatten(0, 1) for batch in batches(rows)])


def first_states(network: PreTrainedModel, rows: Rows) -> Tensor:
    """Last hidden states of the first token of each row, (R, H), in the order of the input."""
    if is_enabled(network) and network.config.model_type in LIKE_BERT:
        return _run(network, rows, first_only=True)[rows.back]
    return by_row([group[:, 0] for group in by_length(hidden_states(network, rows), rows.groups)], rows)


def _run(network: PreTrainedModel, rows: Rows, first_only: bool = False) -> Tensor:
    first = network.config.pad_token_id + 1 if network.config.model_type in AFTER_PADDING else 0
    batch = {"input_ids": rows.ids, "position_ids": rows.positions + first if first else rows.positions}
    if rows.types is not None:
        batch["token_type_ids"] = rows.types
    hidden: Tensor = network(**batch, groups=rows.groups, first_only=first_only).last_hidden_state
    return hidden[0]


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


def attend(
    _module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    *,
    groups: Groups,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of each row to itself: heads of (1, heads, N, D) in, (1, N, heads, D) out.

    With a query for the first token of each row only, (1, heads, R, D), as many come out.
    """
    if takes_all_lengths(query) and not (sliding_window and query.shape[2] < key.shape[2]):
        return _attend_at_once(query, key, value, groups, scaling, sliding_window), None
    parts = []
    row = token = 0
    for count, length in groups:
        tokens = slice(token, token + count * length)
        asked = slice(row, row + count) if query.shape[2] < key.shape[2] else tokens
        # (heads, C·L, D) → (C, heads, L, D): a view, so nothing is copied on the way in.
        q, k, v = (
            each[0, :, here].view(each.shape[1], count, -1, each.shape[-1]).transpose(0, 1)
            for each, here in ((query, asked), (key, tokens), (value, tokens))
        )
        mask = _band(length, sliding_window, query.device) if sliding_window and length > sliding_window else None
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scaling)
        parts.append(mixed.transpose(1, 2).flatten(0, 1))
        row, token = row + count, tokens.stop
    return torch.cat(parts)[None], None


def takes_all_lengths(query: Tensor) -> bool:
    """Whether torch has a kernel for rows of unlike lengths here: Flash Attention, half precision, Ampere or newer."""
    return (
        query.is_cuda
        and query.dtype in (torch.float16, torch.bfloat16)
        and query.shape[-1] % 8 == 0
        and query.shape[-1] <= 256
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
        and "window_size" in inspect.signature(varlen.varlen_attn).parameters  # of the newer torch that we take
    )


def _attend_at_once(
    query: Tensor, key: Tensor, value: Tensor, groups: Groups, scaling: float | None, window: int | None
) -> Tensor:
    """As `attend`, with one call for all groups."""
    bounds, longest = _bounds(groups, query.device)
    asked, most = bounds, longest
    if query.shape[2] < key.shape[2]:
        asked, most = torch.arange(len(bounds), dtype=torch.int32, device=query.device), 1
    q, k, v = (each[0].transpose(0, 1) for each in (query, key, value))
    side = window - 1 if window else -1
    mixed = varlen.varlen_attn(q, k, v, asked, bounds, most, longest, scale=scaling, window_size=(side, side))
    assert isinstance(mixed, Tensor)
    return mixed[None]


@lru_cache(maxsize=4)
def _bounds(groups: Groups, device: torch.device) -> tuple[Tensor, int]:
    """Where each row begins and the last one ends, (R + 1,), and the longest row; the same for all layers."""
    lengths = [length for count, length in groups for _ in range(count)]
    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device), max(lengths)


def _intermediate(own: Any, forward: Callable[[Tensor], Tensor], hidden: Tensor) -> Tensor:
    """The wide half of a layer, (1, N, H) to (1, N, 4H): where the worker made its layer one that can, in one step."""
    at_once: Callable[[Tensor], Tensor] | None = getattr(own.dense, "gelu", None)
    return forward(hidden) if at_once is None else at_once(hidden)


def _last_layer(
    layer: Any,
    forward: Callable[..., Tensor],
    hidden: Tensor,
    *args: Any,
    groups: Groups,
    first_only: bool,
    **rest: Any,
) -> Tensor:
    """The last of BERT's layers, (1, N, H) to (1, N, H), or with `first_only` to (1, R, H): nobody reads the others."""
    if not first_only:
        return forward(hidden, *args, groups=groups, **rest)
    first = torch.cat([rows[:, 0] for rows in by_length(hidden[0], groups)])[None]
    own = layer.attention.self
    query, key, value = (
        linear(states).unflatten(-1, (-1, own.attention_head_size)).transpose(1, 2)
        for linear, states in ((own.query, first), (own.key, hidden), (own.value, hidden))
    )
    mixed, _ = attend(own, query, key, value, None, groups=groups, scaling=own.scaling)
    done: Tensor = layer.feed_forward_chunk(layer.attention.output(mixed.flatten(2), first))
    return done


def _band(length: int, window: int, device: torch.device) -> Tensor:
    """True where two positions are less than `window` apart, (L, L)."""
    places = torch.arange(length, device=device)
    return (places[:, None] - places).abs() < window
