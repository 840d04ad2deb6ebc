"""Tokens one after another, with what was read kept in a cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from duomo_multimodal.gato.network import Batch, Gato, stack
from duomo_multimodal.gato.tokens import Tokens


class Wanted(NamedTuple):
    """What is to follow a sequence."""

    most: int
    """Tokens at most."""
    ids: tuple[int, int]
    """Others than those of this range are never drawn: a text has no action in it."""
    local: int
    """The local position of new tokens."""
    end: int = -1
    """The token that ends it."""


class Draw(NamedTuple):
    """How a token is chosen."""

    temperature: float = 0.0
    """0 for the likeliest."""
    top_p: float = 1.0
    seed: int | None = 0
    """Each sequence draws by itself, so that a batch draws what one by one draws."""


def sample(network: Gato, prompts: Sequence[Tokens], wanted: Sequence[Wanted], draw: Draw) -> list[list[int]]:
    """The tokens that follow each prompt, the one that ends it left out.

    A prompt and its `Wanted.most` have at most as many tokens as the network reads.
    """
    device = network.norm.weight.device
    batch = Batch(*(each.to(device) for each in stack(prompts)))
    cache, at_B = network.new_cache(len(prompts)), batch.lengths
    logits_BLV = network(batch, torch.zeros_like(at_B), cache)
    logits_BV = logits_BLV[torch.arange(len(prompts), device=device), at_B - 1]
    generators = [torch.Generator() for _ in prompts]
    for each in generators:
        each.seed() if draw.seed is None else each.manual_seed(draw.seed)
    written: list[list[int]] = [[] for _ in prompts]
    going = [each.most > 0 for each in wanted]
    nothing = batch._replace(patches=batch.patches[:0], places=batch.places[:0])
    local_B1 = torch.tensor([[each.local] for each in wanted], device=device)
    last = network.about.context - 1
    while any(going):
        new = [
            choose(logits[want.ids[0] : want.ids[1]], draw, generator) + want.ids[0] if on else want.ids[0]
            for logits, want, generator, on in zip(logits_BV.float().cpu(), wanted, generators, going, strict=True)
        ]
        for at, (token, want) in enumerate(zip(new, wanted, strict=True)):
            if going[at] and token != want.end:
                written[at].append(token)
            going[at] = going[at] and token != want.end and len(written[at]) < want.most
        if any(going):
            step = nothing._replace(ids=torch.tensor(new, device=device)[:, None], local=local_B1)
            logits_BV = network(step, at_B.clamp(max=last), cache)[:, 0]
            at_B = at_B + 1
    return written


def choose(logits: Tensor, draw: Draw, generator: torch.Generator) -> int:
    """The likeliest of (V,), or one drawn among the likeliest."""
    if not draw.temperature:
        return int(logits.argmax())
    shares, places = (logits / draw.temperature).softmax(-1).sort(descending=True)
    kept = shares.masked_fill(shares.cumsum(0) - shares >= draw.top_p, 0.0)
    return int(places[kept.multinomial(1, generator=generator)])
