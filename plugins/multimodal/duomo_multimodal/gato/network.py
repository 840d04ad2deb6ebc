"""Gato's network: one decoder over tokens of every kind.

Source: Reed et al. 2022, https://arxiv.org/abs/2205.06175, sections 2.2 and 2.3, appendix C.

embedding   a table for ids; a ResNet block (version 2: norm, GELU, convolution) for patches, with learned row and
            column positions: drawn within the patch in training, its middle otherwise
local       a learned position within the observation, one vector for all tokens of actions
decoder     norms before each part, GEGLU, the table of ids again as output
loss        of tokens of texts and actions only

The paper trains 79 million, 364 million and 1.18 billion weights on 604 tasks with 1,024 tokens of context. What tells
the decoder the order of tokens is ours: a learned position in the sequence, as in GPT-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from duomo_multimodal.gato.tokens import IMAGE, NOWHERE, PATCH, PLACES, VOCABULARY, Environment, Tokens


class Description(pydantic.BaseModel):
    """What ``duomo.json`` holds."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    model: Literal["multimodal/gato"] = "multimodal/gato"
    width: int = pydantic.Field(gt=0, le=65_536)
    layers: int = pydantic.Field(gt=0, le=1024)
    heads: int = pydantic.Field(gt=0, le=1024)
    context: int = pydantic.Field(gt=1, le=1_048_576)
    """Tokens that it reads."""
    side: int = pydantic.Field(gt=0, le=4096, multiple_of=PATCH)
    """Pixels of an image's side."""
    channels: int = pydantic.Field(gt=0, le=4096)
    """Channels of the ResNet block."""
    environments: dict[str, Environment] = {}


class Batch(NamedTuple):
    """Sequences one below the other, padded at the end."""

    ids: Tensor
    """(B, L)."""
    local: Tensor
    """(B, L)."""
    patches: Tensor
    """(P, 3, 16, 16) of all of them, in order."""
    places: Tensor
    """(P, 4)."""
    lengths: Tensor
    """(B,)."""


class Cache(NamedTuple):
    """Keys and values of what was read."""

    keys: Tensor
    """(layers, B, heads, context, D)."""
    values: Tensor


def stack(rows: Sequence[Tokens]) -> Batch:
    """Make a batch."""
    pad = nn.utils.rnn.pad_sequence
    return Batch(
        pad([row.ids for row in rows], batch_first=True),
        pad([row.local for row in rows], batch_first=True, padding_value=NOWHERE),
        torch.cat([row.patches for row in rows]),
        torch.cat([row.places for row in rows]),
        torch.tensor([len(row) for row in rows]),
    )


class PatchEmbedding(nn.Module):
    """(P, 3, 16, 16) and places (P, 4) → (P, W)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        groups = 8 if channels % 8 == 0 else 1  # the paper has 32 groups of wider layers
        self.begin = nn.Conv2d(3, channels, 3, padding=1)
        self.block = nn.Sequential(
            nn.GroupNorm(groups, channels), nn.GELU(), nn.Conv2d(channels, channels, 3, padding=1),
            nn.GroupNorm(groups, channels), nn.GELU(), nn.Conv2d(channels, channels, 3, padding=1),
        )  # fmt: skip
        self.out = nn.Linear(channels * 16, width)
        self.rows = nn.Embedding(PLACES, width)
        self.columns = nn.Embedding(PLACES, width)

    def forward(self, patches: Tensor, places: Tensor) -> Tensor:
        states = self.begin(patches)
        states = F.avg_pool2d(states + self.block(states), PATCH // 4)
        first, last = places[:, ::2], places[:, 1::2]
        if self.training:
            spread = torch.rand(first.shape, device=first.device) * (last - first + 1)
            at = first + spread.long()
        else:
            at = (first + last) // 2
        result: Tensor = self.out(states.flatten(1)) + self.rows(at[:, 0]) + self.columns(at[:, 1])
        return result


class Layer(nn.Module):
    """Attention to what came before, and GEGLU, each added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixed, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 8 * width), nn.Linear(4 * width, width)

    def forward(self, states: Tensor, at_BL: Tensor, keys: Tensor | None, values: Tensor | None) -> Tensor:
        """(B, L, W) → (B, L, W); new keys and values go into the cache at `at_BL`."""
        count, length, width = states.shape
        mixed = self.mixed(self.before_attention(states)).view(count, length, 3, self.heads, -1)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)
        if keys is None or values is None:
            read = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            row = torch.arange(count, device=states.device)[:, None]
            keys[row, :, at_BL], values[row, :, at_BL] = key.transpose(1, 2), value.transpose(1, 2)
            known = int(at_BL.max()) + 1
            seen = torch.arange(known, device=states.device) <= at_BL[:, None, :, None]
            read = F.scaled_dot_product_attention(query, keys[:, :, :known], values[:, :, :known], attn_mask=seen)
        states = states + self.out(read.transpose(1, 2).reshape(count, length, width))
        gate, up = self.up(self.before_mlp(states)).chunk(2, dim=-1)
        result: Tensor = states + self.down(F.gelu(gate) * up)
        return result


class Gato(nn.Module):
    """Tokens of every kind → logits of the token that follows each."""

    def __init__(self, about: Description) -> None:
        super().__init__()
        width = about.width
        self.about = about
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.patch = PatchEmbedding(about.channels, width)
        self.local = nn.Embedding(NOWHERE + 1, width)
        self.places = nn.Embedding(about.context, width)
        self.layers = nn.ModuleList([Layer(width, about.heads) for _ in range(about.layers)])
        self.norm = nn.LayerNorm(width)
        for each in self.modules():
            if isinstance(each, nn.Embedding):
                nn.init.normal_(each.weight, std=0.02)

    def forward(self, batch: Batch, at_B: Tensor | None = None, cache: Cache | None = None) -> Tensor:
        """Logits (B, L, vocabulary). With a cache, `at_B` says how much of each row was read before."""
        length = batch.ids.shape[1]
        at_BL = torch.arange(length, device=batch.ids.device)[None]
        if at_B is not None:
            at_BL = at_B[:, None] + at_BL
        states = self.tokens(batch.ids.clamp(min=0))
        if len(batch.patches):
            patches = self.patch(batch.patches.to(states.dtype), batch.places)
            states = states.masked_scatter((batch.ids == IMAGE)[..., None], patches)
        states = states + self.local(batch.local) + self.places(at_BL)
        for at, layer in enumerate(self.layers):
            keys, values = (None, None) if cache is None else (cache.keys[at], cache.values[at])
            states = layer(states, at_BL, keys, values)
        logits: Tensor = self.norm(states) @ self.tokens.weight.T
        return logits

    def new_cache(self, count: int) -> Cache:
        """Room for `count` sequences."""
        about, like = self.about, self.norm.weight
        shape = (about.layers, count, about.heads, about.context, about.width // about.heads)
        return Cache(like.new_zeros(shape), like.new_zeros(shape))


def losses(network: Gato, rows: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
    """Cross-entropy in nats, summed over the learned tokens of each row (B,), and how many those are (B,)."""
    device = network.norm.weight.device
    batch = Batch(*(each.to(device) for each in stack(rows)))
    learned = nn.utils.rnn.pad_sequence([row.learned for row in rows], batch_first=True).to(device)[:, 1:]
    logits = network(batch)[:, :-1].float().transpose(1, 2)
    each = F.cross_entropy(logits, batch.ids[:, 1:].clamp(min=0), reduction="none") * learned
    return each.sum(1), learned.sum(1)
