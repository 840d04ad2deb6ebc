"""What sits on an encoder: labels for whole rows and for tokens, computed without padding.

packed      the encoder runs over flat rows, and the head over the one vector a row that it reads
group wise  an architecture that is not here runs as a whole, each group of equal length a batch
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from duomo.parallel import stages_of
from duomo_nlp.encoders import packed, staged
from duomo_nlp.encoders.packed import LIKE_BERT, is_enabled
from duomo_nlp.encoders.rows import Rows, batches, by_length, by_row, by_token

if TYPE_CHECKING:
    from duomo.pretrained import Network

# From the vectors that a head reads, as (R, 1, H), to logits (R, labels): what each architecture's
# forward does after its encoder. Dropout is left out, for it does nothing in evaluation mode.
SEQUENCE_HEADS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "bert": lambda network, first: network.classifier(network.bert.pooler(first)),
    "camembert": lambda network, first: network.classifier(first),
    "distilbert": lambda network, first: network.classifier(network.pre_classifier(first[:, 0]).relu()),
    "electra": lambda network, first: network.classifier(first),
    "modernbert": lambda network, pooled: network.classifier(network.head(pooled[:, 0])),
    "roberta": lambda network, first: network.classifier(first),
    "xlm-roberta": lambda network, first: network.classifier(first),
}


NO_PADDING = -1
"""The ``pad_token_id`` of a network that has none: no token is padding, in rows without any."""


def enable(network: Network) -> None:
    """Let a network with a head run packed, where its architecture can."""
    adjust(network)
    if network.config.model_type in SEQUENCE_HEADS:
        packed.enable(network.base_model)


def adjust(network: Network) -> None:
    """Let BigBird choose its attention for each batch, and XLM and FlauBERT see all tokens; say that none is padding.

    By itself the first goes over to full attention for good; the others take a padding token for padding. Decoders
    classify by the last token that is not padding, and take no batch where they do not know which is.
    """
    body, config = network.base_model, network.config
    if getattr(config, "pad_token_id", None) is None:
        config.pad_token_id = NO_PADDING

    def choose(_: object, args: tuple[Tensor, ...], given: dict[str, Tensor | None]) -> None:
        body.set_attention_type("block_sparse" if _ids(args, given).shape[1] > least else "original_full")

    def show_all(_: object, args: tuple[Tensor, ...], given: dict[str, Tensor | None]) -> object:
        if given.get("attention_mask") is not None:
            return None
        return args, {**given, "attention_mask": torch.ones_like(_ids(args, given))}

    if config.model_type == "big_bird" and config.attention_type == "block_sparse":
        least = (5 + 2 * config.num_random_blocks) * config.block_size
        body.register_forward_pre_hook(choose, with_kwargs=True)
    elif config.model_type in ("xlm", "flaubert"):
        body.register_forward_pre_hook(show_all, with_kwargs=True)


def _ids(args: tuple[Tensor, ...], given: dict[str, Tensor | None]) -> Tensor:
    ids = given.get("input_ids")
    return args[0] if ids is None else ids


def sequence_logits(network: Network, rows: Rows) -> Tensor:
    """(R, labels), in the order of the input."""
    if stages_of(network) > 1:
        return staged.row_logits(network, rows)
    if not packed.is_enabled(network):
        return by_row([network(**batch).logits for batch in batches(rows)], rows)
    if getattr(network.config, "classifier_pooling", "cls") == "mean":
        groups = by_length(hidden_states(network.base_model, rows), rows.groups)
        read = by_row([group.mean(1) for group in groups], rows)
    else:
        read = first_states(network.base_model, rows)
    return SEQUENCE_HEADS[network.config.model_type](network, read[:, None])


def token_logits(network: Network, rows: Rows) -> Tensor:
    """(N, labels), in the order of the input."""
    if stages_of(network) > 1:
        flat = staged.token_values(network, rows, "logits")
    elif not packed.is_enabled(network):
        flat = torch.cat([network(**batch).logits.flatten(0, 1) for batch in batches(rows)])
    else:
        hidden = hidden_states(network.base_model, rows)
        flat = network.classifier(network.head(hidden) if hasattr(network, "head") else hidden)
    return by_token(flat, rows)


def answer_logits(network: Network, rows: Rows) -> Tensor:
    """Logits of start and end of an answer, (N, 2), in the order of the input."""
    if not packed.is_enabled(network):
        parts = [network(**batch) for batch in batches(rows)]
        flat = torch.cat([torch.stack([part.start_logits, part.end_logits], -1).flatten(0, 1) for part in parts])
    else:
        hidden = hidden_states(network.base_model, rows)
        head = getattr(network, "qa_outputs", None) or network.classifier  # ModernBERT has no name of its own for it
        flat = head(network.head(hidden) if hasattr(network, "head") else hidden)
    return by_token(flat, rows)


def hidden_states(network: PreTrainedModel, rows: Rows) -> Tensor:
    """Last hidden states of an encoder, (N, H), in the order of the groups."""
    if is_enabled(network):
        return packed.run(network, rows)
    if stages_of(network) > 1:
        return staged.token_values(network, rows, "last_hidden_state")
    return torch.cat([network(**batch).last_hidden_state.flatten(0, 1) for batch in batches(rows)])


def first_states(network: PreTrainedModel, rows: Rows) -> Tensor:
    """Last hidden states of the first token of each row, (R, H), in the order of the input."""
    if is_enabled(network) and network.config.model_type in LIKE_BERT:
        return packed.run(network, rows, first_only=True)[rows.back]
    return by_row([group[:, 0] for group in by_length(hidden_states(network, rows), rows.groups)], rows)
