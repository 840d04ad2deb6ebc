"""Encoders whose layers are spread over stages: rows padded to a few lengths, as many microbatches.

Packing would be quicker on one device, but a long flat row cannot be cut into microbatches of known shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from duomo.parallel import schedule, stages_of

if TYPE_CHECKING:
    from duomo.pretrained import Network
    from duomo_nlp.encoders.rows import Rows

SPARE = 2
"""RoBERTa and its kin count positions from 2, so that the last ones do not exist."""


def row_logits(network: object, rows: Rows) -> Tensor:
    """(R, labels), in the order of the input."""
    found: dict[int, Tensor] = {}
    for places, _, output in _run(network, rows):
        found.update(zip(places, output.logits, strict=True))
    return torch.stack([found[place] for place in range(len(found))])[rows.back]


def token_values(network: object, rows: Rows, name: str) -> Tensor:
    """An output of the network for each token, (N, …), in the order of the groups."""
    found: dict[int, Tensor] = {}
    for places, lengths, output in _run(network, rows):
        found.update((place, row[:length]) for place, length, row in zip(places, lengths, output[name], strict=True))
    return torch.cat([found[place] for place in range(len(found))])


def _run(network: Network, rows: Rows) -> Iterator[tuple[tuple[int, ...], list[int], Any]]:
    """For each microbatch the places of its rows among the sorted ones, their lengths, and the network's output."""
    lengths = [length for count, length in rows.groups for _ in range(count)]
    config = network.config
    microbatches = schedule(lengths, stages_of(network), config.max_position_embeddings - SPARE)
    ids = torch.split(rows.ids[0], lengths)
    types = None if rows.types is None else torch.split(rows.types[0], lengths)
    inputs = []
    for length, places in microbatches:
        batch = {
            "input_ids": _pad([ids[place] for place in places], length, config.pad_token_id or 0),
            "attention_mask": _pad([torch.ones_like(ids[place]) for place in places], length, 0),
        }
        if types is not None:
            batch["token_type_ids"] = _pad([types[place] for place in places], length, 0)
        inputs.append(batch)
    outputs = network.run_stages(inputs)
    for (_, places), output in zip(microbatches, outputs, strict=True):
        yield places, [lengths[place] for place in places], output


def _pad(rows: list[Tensor], length: int, value: int) -> Tensor:
    padded = pad_sequence(rows, batch_first=True, padding_value=value)
    return torch.nn.functional.pad(padded, (0, length - padded.shape[1]), value=value)
