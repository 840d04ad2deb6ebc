"""Encoders without padding: token rows end to end in one long row, attention for each row alone.

Every linear layer runs once over the flat row; attention runs once for each *group* of rows of equal
length, with no mask, or on a GPU in half precision once for all rows. It goes in through transformers'
attention interface, so the model's own code stays as it is. Where an architecture cannot do it, each
group is a batch of its own: still no padding.

Shapes: N tokens in all, R rows, H hidden size; a group is C rows of L tokens.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.attention import varlen
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from duomo.parallel import stages_of
from duomo_nlp.encoders.rows import Groups, Rows, by_length

if TYPE_CHECKING:
    from duomo.pretrained import Network

IMPLEMENTATION = "duomo_packed"

# Architectures whose attention goes through the interface and whose positions can be given. MPNet and
# DeBERTa compute their position bias from the row as a whole, so they run group by group.
PACKABLE = frozenset({"bert", "camembert", "distilbert", "electra", "modernbert", "roberta", "xlm-roberta"})
AFTER_PADDING = frozenset({"camembert", "data2vec-text", "roberta", "xlm-roberta", "xlm-roberta-xl"})
"""These count positions from the one after the padding token's, and leave out padding, also where a text spells it."""
LIKE_BERT = PACKABLE - {"distilbert", "modernbert"}
"""These have BERT's layers, of which the last can be computed for the first token of each row alone."""


def enable(network: PreTrainedModel) -> bool:
    """Switch an encoder to packed attention for good; False (and nothing changed) where it cannot."""
    if network.config.model_type not in PACKABLE or getattr(network.config, "is_decoder", False):
        return False
    if getattr(network.config, "quantization_config", None) is not None:  # its layers have no plain weights
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
        for last in layers[-1:]:
            last.__class__ = _kind(last.__class__, _last_layer)
    # For other runtimes, which cannot pack: they run group by group.
    network.plain = partial(_disable, before=before)  # type: ignore[assignment]
    return True


def _disable(network: Network, before: str) -> Network:
    """Undo `enable`."""
    del network.plain
    network.set_attn_implementation(before)
    if network.config.model_type in LIKE_BERT:
        for each in network.encoder.layer[-1:]:
            each.__class__ = getattr(type(each), "before", type(each))
    return network


@lru_cache(maxsize=64)
def _kind(plain: type[torch.nn.Module], forward: Callable[..., Tensor]) -> type[torch.nn.Module]:
    """Make a class of layers like `plain` but for `forward`, which is given the layer and the forward pass of `plain`.

    A layer that was given another forward pass itself would hold itself, and live on when its model is closed.
    """

    def step(own: Network, *args: object, **rest: object) -> Tensor:
        return forward(own, partial(plain.forward, own), *args, **rest)

    return type(plain.__name__, (plain,), {"before": plain, "forward": step})


def is_enabled(network: PreTrainedModel) -> bool:
    """Whether `enable` has switched it."""
    return bool(network.config._attn_implementation == IMPLEMENTATION)


def run(network: PreTrainedModel, rows: Rows, first_only: bool = False) -> Tensor:
    """Hidden states of all tokens, (N, H), or of the first of each row, (R, H), in the order of the groups."""
    counts_tokens = network.config.model_type in AFTER_PADDING
    positions = _after_padding(rows, network.config.pad_token_id) if counts_tokens else rows.positions
    batch = {"input_ids": rows.ids, "position_ids": positions}
    if rows.types is not None:
        batch["token_type_ids"] = rows.types
    hidden: Tensor = network(**batch, groups=rows.groups, first_only=first_only).last_hidden_state
    return hidden[0]


def _after_padding(rows: Rows, pad: int) -> Tensor:
    """Positions (1, N) as RoBERTa counts them: a padding token has its own number as its position, wherever it is."""
    real = (rows.ids != pad).long()
    so_far = real.cumsum(1)
    starts = torch.arange(rows.ids.shape[1], device=rows.ids.device) - rows.positions
    before = so_far - real
    return (so_far - before.gather(1, starts)) * real + pad


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
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of each row to itself: heads of (1, heads, N, D) in, (1, N, heads, D) out.

    With a query for the first token of each row only, (1, heads, R, D), as many come out.
    """
    # Dropout is for training alone; the kernel for all lengths at once has none.
    if not dropout and takes_all_lengths(query) and not (sliding_window and query.shape[2] < key.shape[2]):
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
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, scale=scaling)
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


def _last_layer(
    layer: Network,
    forward: Callable[..., Tensor],
    hidden: Tensor,
    *args: object,
    groups: Groups,
    first_only: bool,
    **rest: Any,
) -> Tensor:
    """The last of BERT's layers, (1, N, H) to (1, N, H), or with `first_only` to (1, R, H): the others are not read."""
    if not first_only:
        return forward(hidden, *args, groups=groups, **rest)
    first = torch.cat([rows[:, 0] for rows in by_length(hidden[0], groups)])[None]
    own = layer.attention.self
    query, key, value = (
        linear(states).unflatten(-1, (-1, own.attention_head_size)).transpose(1, 2)
        for linear, states in ((own.query, first), (own.key, hidden), (own.value, hidden))
    )
    dropout = own.dropout.p if own.training else 0.0
    mixed, _ = attend(own, query, key, value, None, groups=groups, scaling=own.scaling, dropout=dropout)
    done: Tensor = layer.feed_forward_chunk(layer.attention.output(mixed.flatten(2), first))
    return done


def _band(length: int, window: int, device: torch.device) -> Tensor:
    """True where two positions are less than `window` apart, (L, L)."""
    places = torch.arange(length, device=device)
    return (places[:, None] - places).abs() < window
