"""Encoders of texts in the parts that run without torch: a network as a graph, a tokenizer, and how both are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from duomo.model import Portable, PortableNetwork

EXAMPLE = (2, 7)
"""Rows and tokens of the batch that is exported; both may vary in the graph."""


class Calling(nn.Module):
    """A network called with tensors one after another, as export wants it."""

    def __init__(self, network: nn.Module, pick: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.network = network
        self.pick = pick

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """(B, L) each → what `pick` takes of the output."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        return self.pick(self.network(input_ids=input_ids, attention_mask=attention_mask, **types))


def portable(
    reader: str,
    network: Any,
    tokenizer: Tokenizer,
    pick: Callable[[Any], Tensor],
    *,
    with_types: bool,
    **settings: object,
) -> Portable:
    """The parts of a model with one network on token ids."""
    names = ("input_ids", "attention_mask", "token_type_ids")[: 3 if with_types else 2]
    example = {name: torch.full(EXAMPLE, 0 if name == "token_type_ids" else 1) for name in names}
    exported = PortableNetwork(Calling(network, pick), example, ("output",), dict.fromkeys(names, (0, 1)))
    # Not what stands for padding in the vocabulary counts, but what the network counts positions by.
    pad_id = max(0, getattr(network.config, "pad_token_id", None) or 0)
    return Portable(
        reader,
        {"network": exported},
        {"pad_id": pad_id, **settings},
        {"tokenizer.json": tokenizer.to_str(pretty=False)},
    )
