"""The keys and values of rows that grow together: joined from several prompts, then written in place.

transformers' own cache is copied whole for each token, which on a CPU takes a quarter of the time
of a small model. Here room is kept ahead, and a row that ends gives its place to the last one.

Shapes: B rows, H heads, L tokens (each row ends at the right, shorter ones are padded on the left), D a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import Cache, DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

ROOM = 64
"""Tokens of room made at a time: one copy of the cache in this many steps."""


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values, (B, H, L, D), at the front of buffers with room for more."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, layer: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(layer.keys, layer.values)
        self.keys, self.values = self._keys, self._values = layer.keys, layer.values

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write (B, H, new, D) behind what there is."""
        del args, kwargs
        rows, _, start, _ = self.keys.shape
        end = start + key_states.shape[2]
        if end > self._keys.shape[2]:
            self._keys, self._values = (pad(each, (0, 0, 0, end - start + ROOM)) for each in (self.keys, self.values))
        self.keys, self.values = self._keys[:rows, :, :end], self._values[:rows, :, :end]
        self.keys[:, :, start:] = key_states
        self.values[:, :, start:] = value_states
        return self.keys, self.values

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Keep the rows that `keep` gives: those that change places are copied, the others stay where they are."""
        for place, row in enumerate(beam_idx.tolist()):
            if row != place:
                self.keys[place] = self.keys[row]
                self.values[place] = self.values[row]
        self.keys, self.values = self.keys[: len(beam_idx)], self.values[: len(beam_idx)]


def keep(alive: Sequence[bool]) -> list[int]:
    """The row for each place: those that live on, the last ones in the places of those that ended."""
    count = sum(alive)
    last = (row for row in range(count, len(alive)) if alive[row])
    return [row if alive[row] else next(last) for row in range(count)]


def can_join(config: PreTrainedConfig) -> bool:
    """Whether all that the model remembers is keys and values a token, of any age or a sliding window."""
    layers = DynamicCache(config=config.get_text_config(decoder=True)).layers
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


def join(caches: Sequence[Cache]) -> Cache:
    """One cache of all rows of `caches`; several can be joined only where `can_join`."""
    # A single cache may be of layers that count no tokens.
    whole = max(caches, key=lambda cache: cache.get_seq_length()) if len(caches) > 1 else caches[0]
    layers: list[Any] = whole.layers
    for at, layer in enumerate(layers):
        if len(caches) > 1:
            parts: list[Any] = [cache.layers[at] for cache in caches]
            layer.keys = _end_to_end([part.keys for part in parts])
            layer.values = _end_to_end([part.values for part in parts])
        if type(layer) in (DynamicLayer, GrowingLayer) and layer.keys is not None:
            layers[at] = GrowingLayer(layer)
    return whole


def trim(cache: Any, mask: torch.Tensor) -> torch.Tensor:
    """Cut what is padding in every row from the left of `cache`; gives its mask (B, L), cut alike."""
    first = int(mask.any(0).int().argmax())
    if first and all(type(layer) is GrowingLayer for layer in cache.layers):
        for layer in cache.layers:
            layer.keys, layer.values = layer.keys[:, :, first:], layer.values[:, :, first:]
        return mask[:, first:]
    return mask


def _end_to_end(parts: list[torch.Tensor]) -> torch.Tensor:
    longest = max(part.shape[2] for part in parts)
    return torch.cat([pad(part, (0, 0, longest - part.shape[2], 0)) for part in parts])
